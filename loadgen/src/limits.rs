//! Bounds of the load generator, each with its reason.

/// Bytes read from a socket at a time. The buffer belongs to a thread, not to a client: 256 KiB is past the size
/// beyond which larger reads are no faster.
pub const READ_BYTES: usize = 256 << 10;

/// Bytes of an unfinished message that a client keeps. A longer one is hashed as it comes and its bytes are dropped,
/// but for those that are part of a text which its thread keeps for all that get the same: this is what holds a client
/// to 16 KiB.
pub const PARTIAL_BYTES_MAX: usize = 8 << 10;

/// What the texts of long messages that are coming may take of a thread's memory, each counted once however many get it,
/// and how many of a kind are kept beyond that as long as nobody knows what any of them says. A kind are the clients that
/// monitor the same and know the same. Thirty megabytes for a thread with ten thousand clients are 3 KiB for each. Of first
/// contents, new kinds are asked for only as far as this memory goes; updates longer than [`PARTIAL_BYTES_MAX`] to clients
/// of many kinds at once may take more.
pub const KEPT_WHOLE_BYTES_MAX: usize = 30 << 20;
pub const KEPT_WHOLE_MIN: usize = 2;

/// Bytes at the outermost level of a message that are remembered: method, id, and whether there is an error. What is
/// longer is cut, and a message whose envelope cannot be read fails the run.
pub const ENVELOPE_BYTES_MAX: usize = 256;

/// Readiness events taken from the kernel at a time.
pub const EVENTS_MAX: usize = 512;

/// Reads from one client before the next one is served.
pub const READS_PER_TURN_MAX: usize = 4;

/// Time that a client thread may be busy before it is mentioned when a connection is lost: a turn serves a few hundred
/// of the clients, so that all wait for several turns, and servers close connections that are silent for five seconds.
pub const TURN_MAX: std::time::Duration = std::time::Duration::from_millis(500);

/// Time after which a client that waits for its first contents asks the server whether it lives, again and again, as OVN's
/// programs do after five seconds of silence: the server hears of it, and does not take it for gone while this program
/// is still reading what was sent to others.
pub const PROBE_MS: u64 = 4000;

/// Longest sleep of a client thread, in milliseconds; its timers are no finer than that.
pub const SLEEP_MAX_MS: u64 = 50;

/// Characters of a command's own words by which it is told from another one; two such columns fit on a screen.
pub const LABEL_CHARACTERS_MAX: usize = 60;

/// Descriptors that the process needs besides one for each client.
pub const DESCRIPTORS_SPARE: u64 = 64;

/// Highest latency that a histogram tells apart, in microseconds: ten minutes. What is longer counts as that.
pub const LATENCY_MAX_US: u64 = 600_000_000;

/// Time between two looks at the board and the server's processor time and memory, at the beginning of a scenario: short
/// ones get a time line, too. A look costs about 0.1 ms, half a percent of one processor.
pub const SAMPLE_INTERVAL_MS: u64 = 20;

/// Moments that a time line holds, about two for each pixel of a plot. When it is full, each two become one, and looks
/// are half as frequent: ten seconds have fifty moments a second, an hour has one every ten seconds.
pub const MOMENTS_MAX: usize = 512;

/// Time between two redraws of the live line, and the longest between two looks.
pub const SHOW_INTERVAL_MS: u64 = 200;

/// Phases of a scenario that the time line tells of; later ones are not marked.
pub const PHASES_MAX: usize = 32;

/// Longest time that a server's program is given to tell its version; one that takes longer has none.
pub const VERSION_MAX_MS: u64 = 2000;

/// Clients from which on this program's memory for each of them is told: with fewer, what all of them share weighs more,
/// some twenty megabytes at most.
pub const MEMORY_CLIENTS_MIN: usize = 2000;

/// Clients of a thread that connect at the same time, at least, after attempts have failed. Servers that listen with a
/// backlog of ten are among those that are measured.
pub const CONNECTING_MIN: usize = 4;

/// Clients of a thread that agree on TLS at the same time, unless the user says how many. Each is signed for, by a key
/// of its own machine in a real site: with all of a thousand at once, most would give up after their second because this
/// program has not come to them yet. As many keep a server busy, and their times count from when they were meant to start.
pub const SECURING_MAX: usize = 64;

/// Clients of a thread with conditions of their own whose first contents are awaited at a time. Each of these is parsed,
/// half a millisecond for some forty kilobytes, while the others wait: with all of ten thousand they would wait for
/// longer than the five seconds in which servers want their probes answered, with five hundred still so on a machine
/// that has ten times as much to do as it can. As many keep a server busy.
pub const ASKING_MAX: usize = 64;

/// Time after attempts have failed in which further failures are those of the same crowd, in milliseconds: attempts
/// that began together time out together.
pub const CROWD_MS: u64 = 1000;

/// Changes that a thread remembers for those of its clients that are behind, and the rows that these name: three storms
/// of 5,000, in some 20 MB at most. What is older is parsed again by each client that still gets it.
pub const RECENT_CHANGES_MAX: usize = 16 << 10;
pub const RECENT_ROWS_MAX: usize = 256 << 10;

/// Longest time that an option may name, in seconds: eleven days, for whatever somebody leaves running.
pub const SECONDS_MAX: f64 = 1e6;

/// Least number of seconds, or of transactions a second, that may be asked for: once in eleven days.
pub const NUMBER_MIN: f64 = 1e-6;

/// What is wrong with a number that a user asks for, if it may be `max` at most.
pub fn check(number: f64, max: f64) -> Result<(), String> {
    if number > max {
        Err(format!("{max} at most"))
    } else if number >= NUMBER_MIN {
        Ok(())
    } else if number > 0.0 {
        Err(format!("{NUMBER_MIN} at least"))
    } else {
        Err("a number above 0 is needed".to_owned())
    }
}

/// Clients that may be asked for: a hundred times as many as the largest sites have.
pub const CLIENTS_MAX: u32 = 1_000_000;

/// Unanswered transactions of a client that may be asked for.
pub const DEPTH_MAX: u16 = u16::MAX;

/// Highest rate that may be asked for, per second: beyond what a machine can send.
pub const RATE_MAX: f64 = 1e7;

/// Transactions of one run at a rate: the time of each is remembered, in eight bytes.
pub const TRANSACTIONS_MAX: f64 = 1e8;

/// Moments at which a thread compares clients that monitor the same, the oldest being forgotten: as many as changes are
/// remembered, in about a megabyte.
pub const MOMENTS_COMPARED_MAX: usize = RECENT_CHANGES_MAX;

/// Connections on which echoes are sent in turns: servers of up to four threads have one or more on each.
pub const ECHO_CONNECTIONS: usize = 4;

/// Niceness of the thread that sends echoes, the least there is: it hardly works, and is to be served before those who do.
pub const ECHO_NICENESS: i32 = -20;

/// Longest time that a server is given to end by itself.
pub const STOP_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// Time between two looks at a server that starts or stops.
pub const START_PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

/// Longest time until the last update has come to everybody, when all that was awaited has come.
pub const SETTLE_MAX: std::time::Duration = std::time::Duration::from_secs(20);
