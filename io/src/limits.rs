//! Bounds of this crate, each with the reason for its value and what happens when it is reached.

use std::time::Duration;

/// Bytes of read buffer that an idle connection holds on the ring, where a read is always posted.
/// 10,000 idle clients × 4 KiB were measured as 38 MiB; with 512 bytes it is 6 MiB.
pub const READ_IDLE_BYTES: usize = 512;

/// Bytes of read buffer of a connection that sends much. A fixed 512-byte buffer was measured to divide
/// pipelined throughput by six. Also the size of the buffers in a worker's pool.
pub const READ_BUSY_BYTES: usize = 16 << 10;

/// Bytes that a connection reads before others may, while messages that take long are waiting: longer than most, and read
/// in some three microseconds. Hundreds that send much at once are then swept over in two milliseconds.
pub const READ_BRIEF_BYTES: usize = 4 << 10;

/// Largest empty buffer that a connection keeps; a larger one (after a huge message) is given back.
pub const READ_KEEP_BYTES: usize = 64 << 10;

/// Bytes that are read at once, however much room there is and however much has come: some 50 µs.
pub const READ_AT_ONCE_BYTES: usize = 64 << 10;

/// Bytes of an unfinished message from which on its buffer grows fourfold at least. Larger messages are few, and each of
/// them may be a hundred megabytes.
pub const READ_LONG_BYTES: usize = 1 << 20;

/// Bytes that such a buffer grows by at least: to double it in steps would move it while others wait, 16 MB for 10 ms.
pub const READ_LONG_ROOM_BYTES: usize = 64 << 20;

/// Buffers of [`READ_BUSY_BYTES`] that a worker keeps for the next busy connection (1 MiB at most);
/// further ones are freed.
pub const READ_POOL_BUFFERS: usize = 64;

/// Full reads in a row after which a connection lets others read (64 KiB; of a long message 256 KiB).
pub const READS_PER_POLL: u32 = 4;

/// Connections that are flushed before reads are served again. A send costs 6 to 8 µs, so a chunk
/// occupies a worker for about 2 ms; a reply to a request that arrives meanwhile waits no longer.
pub const FLUSH_CHUNK: usize = 256;

/// Of these, how many at least are taken from the oldest entries, so that a steady stream of small
/// requests cannot keep a large fan-out from making progress.
pub const FLUSH_CHUNK_OLDEST: usize = 64;

/// Longest pause after a fan-out, in milliseconds, however long that took: what a commit of a busy time may wait before
/// the next one takes it along.
pub const FANOUT_PAUSE_MAX_MS: u64 = 200;

/// Slices in one `sendmsg` (Linux: UIO_MAXIOV). What is beyond goes out in the next call.
pub const SEND_SLICES: usize = 1024;

/// Bytes after which a connection that is sent much lets others be served: some 100 µs.
pub const SEND_AT_ONCE_BYTES: usize = 512 << 10;

/// Slices in one `writev` on the ring; only what the socket did not take at once goes that way.
pub const RING_WRITE_SLICES: usize = 64;

/// Unsent bytes that the kernel holds for a TCP connection before it reports the socket as full
/// (TCP_NOTSENT_LOWAT). Large enough for full speed, small enough that 10,000 stalled clients cannot pin
/// gigabytes; what does not fit stays queued with us, where it can be merged and is counted.
pub const SOCKET_UNSENT_BYTES: u32 = 128 << 10;

/// Milliseconds between two ticks of a worker. Upstream's smallest probe interval is 1,000 ms.
pub const TICK_MS: u64 = 200;

/// Bytes of a message from which it is one of those that take long: parsing takes some 100 µs.
pub const HEAVY_MESSAGE_BYTES_MIN: usize = 32 << 10;

/// What a turn spends on messages that take long before the next one has to wait for its turn: an echo is to be
/// answered within milliseconds, beside any number of them.
pub const HEAVY_TURN_TIME: Duration = Duration::from_micros(500);

/// Connections that are let go on with such messages at once; as many may fit into a turn's share.
pub const HEAVY_RELEASED_MAX: usize = 16;

/// Connections of a worker that are looked after in one tick at least: some 100 µs. Up to so many, each is in every tick.
pub const SWEEP_CONNECTIONS_MIN: usize = 512;

/// Ticks in which every connection is looked after once, however many there are: within a second, which is little
/// beside the intervals of probes.
pub const SWEEP_TICKS: usize = 5;

/// Milliseconds of one turn from which on it is logged, as upstream does.
pub const TURN_LONG_MS: u64 = 1000;

/// Entries of a worker's submission queue; when full it is submitted early.
pub const RING_ENTRIES: u32 = 256;

/// Entries of a worker's completion queue. More completions at once than this are kept by the kernel and
/// delivered later, at a small cost.
pub const RING_COMPLETIONS: u32 = 8192;

/// Worker threads at most. More than this never paid in any measurement, and `--threads` beyond it is an
/// operator's mistake.
pub const WORKERS_MAX: usize = 256;

/// Worker threads by default.
pub const WORKERS_DEFAULT_MAX: usize = 4;

const _: () = assert!(FLUSH_CHUNK_OLDEST < FLUSH_CHUNK);
const _: () = assert!(READ_IDLE_BYTES < READ_BUSY_BYTES && READ_BUSY_BYTES <= READ_KEEP_BYTES);
const _: () = assert!(TICK_MS * 5 <= 1000);

/// Connections that the kernel completes for a listener before we accept them. All clients of a large
/// deployment come back within the same second when a server restarts; upstream's 64 makes them wait for
/// retransmitted SYNs. The kernel lowers this to `net.core.somaxconn`.
pub const LISTEN_BACKLOG: i32 = 4096;

/// Wait before a port that could not be listened on is tried again; doubled after each failure, since each is logged.
pub const LISTEN_RETRY_MIN: Duration = Duration::from_secs(2);

/// Longest such wait: what a server that waits for its port is late by.
pub const LISTEN_RETRY_MAX: Duration = Duration::from_secs(30);

/// Connections accepted from one listener before others get a turn.
pub const ACCEPT_BATCH: usize = 64;

/// Milliseconds without accepting after the process ran out of descriptors; then it is tried again.
pub const ACCEPT_PAUSE_MS: u64 = 200;

/// Milliseconds that a client over a network has for its first message, the answer to a probe included; then it is
/// closed. Clients of OVN ask at once.
pub const FIRST_MESSAGE_MS: u64 = 30_000;

/// Bytes that a connection has not taken; with more it is closed. The first reply of the largest known southbound
/// database is 2 GB. Far beyond what a client that reads has ever waiting: one that does not gets nothing but answers
/// to what it asked before.
pub const OUTPUT_BYTES_MAX: usize = 4 << 30;

/// From so many bytes of a first message on it may take longer: somebody restores a database over a slow line.
pub const FIRST_MESSAGE_BYTES: usize = 1 << 20;

/// Bytes of one message on the control socket. Commands are short; the longest answers (lists, metrics) are far
/// below. A longer message ends the connection.
pub const CONTROL_MESSAGE_BYTES: usize = 16 << 20;

/// Bytes of one argument of a command: what Linux lets `ovs-appctl` have (`MAX_ARG_STRLEN`, execve(2)). A command with a
/// longer one is refused, because what it does with file names and complaints takes many times as much.
pub const CONTROL_ARGUMENT_BYTES: usize = 128 << 10;

/// Arguments of one command; one with more is refused, for each takes some fifty bytes however short it is.
pub const CONTROL_ARGUMENTS_MAX: usize = 32 << 10;

/// Niceness of the threads of sequencers, logs and compactions. On two busy cores a worker's echo then does
/// not wait behind a whole scheduler slice of theirs.
pub const ROLE_NICENESS: i32 = 5;

/// Requests after which a sequencer offers what it has to the log, when many came at once: the disk begins
/// early, and the group that follows is still large enough to share a sync.
pub const EVENTS_PER_GROUP_CUT: usize = 64;

/// Rounds in which a thread with other things to do looks after a database, if others leave something there again and
/// again; then the sequencer's own thread goes on. A round is what has come during the last one.
pub const HELP_ROUNDS_MAX: usize = 8;

/// Bytes of a group that a worker writes itself under the relaxed rule. The system copies them in some ten microseconds.
pub const HELP_WRITE_BYTES_MAX: usize = 64 << 10;

/// Milliseconds of a write from which on the system is taken to hold back writers until the disk has caught up.
pub const WRITE_SLOW_MS: u64 = 2;

/// Milliseconds for which workers then leave writing to the log's thread, so that their clients do not wait too.
pub const WRITE_SLOW_PAUSE_MS: u64 = 1000;

/// Rough bytes of published changes that a database keeps at most for clients that come back (per database), however
/// many rows it has; see [`HISTORY_BYTES_PER_ROW`](ovsdb_engine::limits::HISTORY_BYTES_PER_ROW). The
/// oldest go first; a client from before them gets everything anew.
pub const HISTORY_BYTES_MAX: usize = 64 << 20;

/// Size above which a worker's parse arena, and its copy of a message, are given back.
pub const ARENA_KEEP_BYTES: usize = 1 << 20;

/// How often `_Server` is looked at while it is being brought up to date, which takes well below that.
pub const LISTING_POLL: Duration = Duration::from_micros(200);

/// Milliseconds that a record may stay unsynced under `--durability=relaxed`. One sync in two seconds costs nothing
/// that can be measured, and what a power cut can take stays small.
pub const LAZY_SYNC_MS: u64 = 2000;

/// Bytes of a database file below which it is read by one thread: starting others would take longer.
pub const PARALLEL_FILE_BYTES_MIN: u64 = 1 << 20;

/// Bytes from which the snapshot at the beginning of a file is cut into pieces while it is read, so that it is never
/// in memory as a whole.
pub const SNAPSHOT_CUT_BYTES_MIN: u64 = 1 << 20;

/// Bytes of such a piece, and of records parsed together: some hundred rows, little enough that the parser's buffers
/// stay in the processor's cache and are kept from piece to piece.
pub const SNAPSHOT_PIECE_BYTES: usize = 128 << 10;

/// Pieces that may wait for each of the threads that parse a file. Enough that nobody waits for the next one, few enough
/// that they do not count beside the rows.
pub const PIECES_WAITING_MAX: usize = 4;

/// Threads that parse a file, at most. One reads and one inserts beside them, which takes about as long as a quarter
/// of the parsing.
pub const PARSING_THREADS_MAX: usize = 4;

/// Bytes that a connection's TLS encrypts before it offers them to the socket: four records of the largest size. What
/// is behind them stays in slices that connections share; more would only be memory of clients that do not read.
pub const TLS_SEAL_BYTES: usize = 64 << 10;

/// Bytes of a PEM file. The authorities of a whole distribution are a quarter of that.
pub const TLS_FILE_BYTES: u64 = 1 << 20;

/// Milliseconds for which the files of TLS are not looked at again, however many connections begin. Upstream looks
/// before each; a look costs four `stat`s.
pub const TLS_FILES_LOOK_MS: u64 = 100;

/// Bytes of read buffer for a handshake on the ring: each of a peer's messages then comes with one read or two, and
/// each read is a step. It shrinks to [`READ_IDLE_BYTES`] afterwards.
pub const HANDSHAKE_READ_BYTES: usize = 4 << 10;

/// Steps of handshakes in one turn of a worker. The dearest step, the signature of an RSA-2048 key, takes about a
/// millisecond, and that is how long others wait for each. What is beyond waits for the next turns, in order.
pub const HANDSHAKE_STEPS_PER_TURN: usize = 2;

/// Milliseconds after which a client that has come by TLS is expected to give up if it is not connected: the shortest
/// that upstream's clients wait (`lib/reconnect.c`).
pub const HANDSHAKE_PATIENCE_MS: u64 = 1000;

/// The same for one that takes itself for connected and waits for a first word: after so long upstream's clients ask
/// whether somebody is there, and after as long again they give up.
pub const HANDSHAKE_PATIENCE_ANSWERED_MS: u64 = 5000;

/// Milliseconds that a handshake may wait for its peer, all its waits together; then it is closed. Time in which the
/// peer waits for us does not count, so that ten thousand clients that come at once do not lose theirs in our queue.
pub const HANDSHAKE_WAIT_MS: u64 = 10_000;

/// Handshakes under way on one worker. Each takes some 10 KiB, so 80 MiB at most. With one more, the oldest of those
/// that wait for their peers is closed: strangers that say nothing do not keep clients out.
pub const HANDSHAKES_PENDING_MAX: usize = 8192;

const _: () = assert!(TICK_MS < HANDSHAKE_WAIT_MS);
const _: () = assert!(HANDSHAKE_PATIENCE_MS < HANDSHAKE_PATIENCE_ANSWERED_MS);
const _: () = assert!(READ_IDLE_BYTES < HANDSHAKE_READ_BYTES && HANDSHAKE_READ_BYTES < READ_BUSY_BYTES);

/// Bytes of a message from which on it is parsed by another thread than its worker's. Parsing and compiling go at some
/// 100 MB/s, so a worker is kept from its other clients for about 2 ms by one message at most.
pub const BACKGROUND_MESSAGE_BYTES_MIN: usize = 256 << 10;

/// Pieces of a message that wait to be looked at while it is received, each of about
/// [`PIECE_BYTES`](ovsdb_wire::limits::PIECE_BYTES); further ones are taken from the message itself, later.
pub const AHEAD_PIECES_MAX: usize = 32;

/// Threads for such messages, at most; further messages wait for them.
pub const BACKGROUND_THREADS_MAX: usize = 4;
