//! Every bound of this crate, with its reason and what happens when it is reached.

/// Rows of one leaf and children of one inner node of the row tree. 32 pointers are four cache lines:
/// small enough to copy for a one-row commit, large enough that a million rows are four levels.
pub const TREE_FANOUT: usize = 32;

/// Shards of one index. Readers on every worker and the one writer meet only within a shard.
pub const INDEX_SHARDS: usize = 16;

/// Rows with one key up to which an index keeps them in a list; beyond, in a table. Eight entries are two cache lines, and a
/// table of two takes three times as much.
pub const INDEX_SLOTS_SCANNED_MAX: usize = 8;

/// Rows below which a table is scanned rather than indexed on demand: a scan of so few rows costs less
/// than keeping an index does over the table's life.
pub const HOT_INDEX_ROWS_MIN: usize = 256;

/// Scans by equality on one column after which the column gets an index. One-off queries stay scans.
pub const HOT_INDEX_SCANS_MIN: u32 = 8;

/// Rows of a table for which the scan of a conditional monitor counts as one scan more: what one client of OVN
/// monitors, thousands do, and a scan of 100,000 rows takes longer than to put them into an index.
pub const HOT_INDEX_ROWS_PER_SCAN: usize = 16 << 10;

/// Rows that are put into a new index at once: some 200 µs, for which a commit may have to wait.
pub const HOT_INDEX_STEP_ROWS: usize = 1024;

/// Indexes of one table beside those that its schema declares. Beyond, scans stay scans: each index takes memory
/// and time of every commit, and OVN looks for rows by ten columns of its largest tables.
pub const HOT_INDEXES_MAX: usize = 24;

/// When one row in so many of a table is a candidate, reading all rows in order is as cheap as the index.
pub const SCAN_SHARE: usize = 4;

/// Clauses of a condition from which it is looked for those that are alike before all have come. Sorting so many takes less
/// than to parse them.
pub const CLAUSES_SORTED_MIN: usize = 4096;

/// Clauses of a monitor condition up to which it is evaluated for a row one by one; beyond, the row's
/// values are looked up in the clauses' index, whose cost does not grow with the condition.
pub const CONDITION_CLAUSES_EVALUATED_MAX: usize = 4;

/// Bytes from which a piece of a message is shared rather than copied: below, copying costs less than
/// a reference count, a segment in the gather list and its share of the kernel's work.
pub const GATHER_BYTES_MIN: usize = 512;

/// Bytes after which row updates of a notification round go to a new chunk of memory. A slow client that
/// waits for one row holds on to one chunk, not to everything a large commit has written.
pub const SLICE_CHUNK_BYTES: usize = 64 << 10;

/// Changed rows from which on a publication is made in steps: what one takes.
pub const PUBLICATION_ROWS_MIN: usize = PUBLICATION_STEP_WORK / PUBLICATION_ROW_WORK;

/// Work of one step of a publication, some 200 µs; a row that is matched is one of it.
pub const PUBLICATION_STEP_WORK: usize = 3200;

/// What writing the text of a row counts.
pub const PUBLICATION_ROW_WORK: usize = 10;

/// Times that a publication begins again because clients have begun to monitor something else. Then it is made at once:
/// while clients come by the thousand it would never end.
pub const PUBLICATION_RESTARTS_MAX: usize = 3;

/// When one in so many specs has sessions to catch up, changed rows are looked up in the condition index
/// once for all; below, they are matched with those specs one by one.
pub const CATCH_UP_BY_ROW_SHARE: usize = 4;

/// Tables of a schema. What [`crate::ids::TableId`] can count; a schema with more is refused.
pub const TABLES_MAX: usize = u16::MAX as usize;

/// Declared columns of a table. What [`crate::ids::ColumnIdx`] can count beside `_uuid` and `_version`; a
/// schema with more is refused.
pub const COLUMNS_MAX: usize = u16::MAX as usize - 2;

/// Bytes after which a snapshot hands out what it has written. Large enough that a chunk's cost is in the
/// rows, small enough that a step stays well under a millisecond and a write is one paced piece.
pub const SNAPSHOT_CHUNK_BYTES: usize = 256 * 1024;

/// Pieces of a part's notification for which memory is kept until the next one; what a larger commit has
/// needed is given back, since there are as many parts as conditions.
pub const PENDING_KEPT_MAX: usize = 16;

/// Groups handed to the log at once: one under way to the disk and one ready to follow it. More would only
/// make a rejection longer to undo.
pub const GROUPS_IN_FLIGHT_MAX: usize = 2;

/// Operations of a program that any thread may execute which has other things to do. Each takes a few microseconds, so
/// that nobody waits longer than for a fraction of a millisecond. Larger programs go to the sequencer's own thread.
pub const LIGHT_OPERATIONS_MAX: usize = 64;

/// Members of an operation, at most: `wait` has as many (RFC 7047, section 5.2.6).
pub const OPERATION_MEMBERS_MAX: usize = 7;

/// Bytes of answers and records that may await the disk. Beyond it the sequencer takes no new work and
/// requests wait in its inbox.
pub const SPECULATION_BYTES_MAX: usize = 64 << 20;

/// Rough bytes of changes that lagging sessions of one worker and database may keep alive. Beyond it the
/// sessions that are furthest behind are closed; they come back and resume from their last transaction id.
pub const LAGGING_BYTES_MAX: usize = 256 << 20;

/// Sessions of one worker and database that may be told of commits before the others because they get replies. Each
/// costs a look at all that was committed since the last round; beyond, a round for all is cheaper.
pub const SESSIONS_AHEAD_MAX: usize = 32;

/// Transactions of one session that may be unanswered and not waiting. Beyond it the session is not read.
pub const REQUESTS_UNANSWERED_MAX: usize = 256;

/// Bytes of such transactions. Beyond it the session is not read.
pub const REQUEST_BYTES_UNANSWERED_MAX: usize = 16 << 20;

/// Waiting transactions of one session. One more is answered with `resources exhausted`.
pub const REQUESTS_PARKED_MAX: usize = 4096;

/// Monitors of one session. One more is answered with `resources exhausted`.
pub const MONITORS_MAX: usize = 1000;

/// Locks that one session may hold or wait for. One more is answered with `resources exhausted`.
pub const LOCKS_MAX: usize = 10_000;

/// Elements up to which a set or map is one object. Copying 512 atoms takes 2 µs, about what the list of
/// chunks of a set of 50,000 takes.
pub const DATUM_FLAT_ELEMENTS_MAX: usize = 512;

/// Elements of one chunk of a larger set or map; beyond, the chunk is divided.
pub const DATUM_CHUNK_ELEMENTS_MAX: usize = 512;

/// Elements below which a chunk that has shrunk is joined with its neighbour. Well below a divided chunk, so
/// that one element to and fro does not join and divide.
pub const DATUM_CHUNK_ELEMENTS_MIN: usize = 128;

const _: () = assert!(DATUM_CHUNK_ELEMENTS_MIN * 2 < DATUM_CHUNK_ELEMENTS_MAX);
const _: () = assert!(DATUM_CHUNK_ELEMENTS_MAX <= DATUM_FLAT_ELEMENTS_MAX);

/// Rough bytes that a change set takes beside its rows: itself, its list of tables, and its places in the history.
pub const CHANGE_SET_BYTES: usize = 192;

/// Bytes of changes that any database keeps for clients that come back.
pub const HISTORY_BYTES_MIN: usize = 16 << 20;

/// Bytes of changes that a larger database keeps for each of its rows, about as much as the row takes itself.
pub const HISTORY_BYTES_PER_ROW: usize = 512;

/// Rows from which a table is dumped from fragments; below, they would take longer to find than to write.
pub const FRAGMENT_ROWS_MIN: usize = 64;

/// Bytes of fragments that are kept for any database: small ones fit as a whole, in several shapes.
pub const FRAGMENT_BYTES_MIN: usize = 64 << 20;

/// Bytes of fragments that are kept for each row of a larger database, about half of what the row takes
/// itself. Beyond, rows are written anew for each dump.
pub const FRAGMENT_BYTES_PER_ROW: usize = 256;

/// Shapes for which fragments are kept. Clients of OVN have three or four for each table; a client that
/// makes up new ones must not make the list of them long.
pub const FRAGMENT_SHAPES_MAX: usize = 1024;

/// Views that a store knows of before it forgets those that are gone, behind an old one that is not.
pub const VIEWS_KNOWN_MAX: usize = 1024;

/// Rows that a transaction may have touched for its journal's memory to be kept for the next one. Emptying the journal
/// costs its size, and most transactions touch a row or two.
pub const JOURNAL_KEEP_ROWS: usize = 64;

/// Bytes of a record that are made room for at once for each changed row: what a row of a southbound database takes.
pub const RECORD_BYTES_PER_ROW: usize = 320;

/// Rows of first contents that are written in one step: some 200 µs, after which others are served.
pub const CONTENTS_STEP_ROWS: usize = 320;

/// Rows that may be tried against a condition in the time that one takes to be written.
pub const CONTENTS_ROWS_TRIED_PER_ROW: usize = 10;

/// Blocks whose text is at hand that may be gathered in that time.
pub const CONTENTS_BLOCKS_PER_ROW: usize = 4;

/// Keys of maps that a thread remembers, to share them between pairs. A southbound database has some hundred that come
/// again; the others take each other's places.
pub const MAP_KEYS_REMEMBERED: usize = 512;

/// Rows of a table after which the rest of them is taken to be about as long, and made room for at once.
pub const RECORD_SAMPLE_ROWS: usize = 256;

/// Bytes of a record that is written ahead, after which they are hashed: while they are in the processor's cache.
pub const DRAFT_HASH_BYTES: usize = 64 << 10;

/// Bytes of such text from which on it is taken to become much longer.
pub const DRAFT_LONG_BYTES: usize = 1 << 20;

/// Bytes that are then made room for at once. Room that is not used is not taken from the system; moving text as it grows
/// would cost as much as writing it.
pub const DRAFT_ROOM_BYTES: usize = 64 << 20;
