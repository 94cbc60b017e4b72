//! Reads the records of a database file into a store.
//!
//! ```text
//!  reading thread: file ─► SHA-1 ─► records, or pieces of the first one
//!       └─► parsing threads, in turns: JSON ─► typed rows
//!                └─► this thread, in the same turns: store
//! ```
//!
//! The parallel way decides nothing about errors. Whatever it does not take as it is, and be it the last record,
//! makes it give up, and the file is read once more by one thread, which says what is wrong and what that means.

use super::open::{parse_record, read_schema};
use super::rows::{Cutter, Piece};
use crate::limits::{
    PARALLEL_FILE_BYTES_MIN, PARSING_THREADS_MAX, PIECES_WAITING_MAX, SNAPSHOT_CUT_BYTES_MIN,
    SNAPSHOT_PIECE_BYTES,
};
use bumpalo::Bump;
use ovsdb_engine::commit::{Decoded, Load, NewRows, Replay};
use ovsdb_engine::schema::Schema;
use ovsdb_engine::store::Store;
use ovsdb_engine::txn::next_txn_id;
use ovsdb_storage::error::{Error, Kind};
use ovsdb_storage::log::Reader;
use ovsdb_storage::record::Digest;
use ovsdb_wire::frame::{Framer, Scan};
use ovsdb_wire::parse::Parser;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use uuid::Uuid;

/// Reads all records of a file that has just been opened.
pub(super) fn replay(reader: &mut Reader, epoch: u64) -> Result<Store, Error> {
    let mut store = if reader.file_bytes() < PARALLEL_FILE_BYTES_MIN {
        serial(reader, epoch)?
    } else {
        match parallel(reader, epoch)? {
            Ok(store) => store,
            Err(GaveUp) => {
                reader.rewind();
                serial(reader, epoch)?
            }
        }
    };
    let last = store.txn_id();
    store.set_origin(last);
    Ok(store)
}

fn new_store(reader: &mut Reader, epoch: u64) -> Result<Store, Error> {
    let (schema, origin) = read_schema(reader)?;
    Ok(Store::new(Arc::new(schema), epoch, origin))
}

fn serial(reader: &mut Reader, epoch: u64) -> Result<Store, Error> {
    let mut store = new_store(reader, epoch)?;
    let mut arena = Bump::new();
    let mut replay = Replay {
        version: &mut Uuid::new_v4,
        converting: false,
    };
    while let Some(record) = reader.read()? {
        arena.reset();
        let value = match parse_record(reader, &record, &arena) {
            Ok(value) => value,
            Err(why) => {
                reader.unread(why)?;
                continue;
            }
        };
        if let Err(error) = replay.apply(&mut store, &value, &record.sha1.0) {
            reader.unread(Error::new(Kind::Unspecific, error.to_string()))?;
            continue;
        }
        store.maintain();
    }
    Ok(store)
}

/// The parallel way leaves the file to the serial one.
struct GaveUp;

/// What is to be parsed.
enum Job {
    /// Rows of a snapshot, which is in the table of this name at their beginning and at their end.
    Piece {
        text: Vec<u8>,
        begins_in: Option<String>,
        ends_in: Option<String>,
    },
    /// The snapshot's pieces are complete, and it is good.
    SnapshotEnd(Digest),
    /// Whole records.
    Records(Vec<(Vec<u8>, Digest)>),
}

/// What comes of it, ready for the store.
enum Parsed {
    Piece(Vec<NewRows>, Option<Uuid>),
    SnapshotEnd(Digest),
    Records(Vec<(Decoded, Digest)>),
}

fn parallel(reader: &mut Reader, epoch: u64) -> Result<Result<Store, GaveUp>, Error> {
    let mut store = new_store(reader, epoch)?;
    let schema = Arc::clone(store.schema());
    let threads = thread::available_parallelism().map_or(1, |count| count.get().min(PARSING_THREADS_MAX));
    thread::scope(|scope| {
        let mut jobs = Vec::new();
        let mut results = Vec::new();
        for _ in 0..threads {
            let (job_sender, job_receiver) = sync_channel(PIECES_WAITING_MAX);
            let (result_sender, result_receiver) = sync_channel(PIECES_WAITING_MAX);
            let schema = Arc::clone(&schema);
            scope.spawn(move || parse_jobs(&schema, &job_receiver, &result_sender));
            jobs.push(job_sender);
            results.push(result_receiver);
        }
        let reading = scope.spawn(move || read(reader, jobs));
        let applied = apply(&mut store, results);
        let read = reading.join().expect("reading a file does not panic");
        Ok(read?.and(applied).map(|()| store))
    })
}

/// Hands the file out as jobs, to one thread after the other.
fn read(
    reader: &mut Reader,
    jobs: Vec<SyncSender<Result<Job, GaveUp>>>,
) -> Result<Result<(), GaveUp>, Error> {
    let mut turns = 0;
    // A receiver is gone when somebody has given up, which that one tells.
    let mut hand_out = |job: Job| {
        turns += 1;
        jobs[(turns - 1) % jobs.len()].send(Ok(job)).is_ok()
    };
    if let Err(GaveUp) = read_snapshot(reader, &mut hand_out)? {
        return Ok(Err(GaveUp));
    }
    let mut records = Vec::new();
    let mut bytes = 0;
    while let Some(record) = reader.read()? {
        bytes += record.body.len();
        records.push((record.body, record.sha1));
        if bytes >= SNAPSHOT_PIECE_BYTES {
            bytes = 0;
            if !hand_out(Job::Records(std::mem::take(&mut records))) {
                return Ok(Err(GaveUp));
            }
        }
    }
    hand_out(Job::Records(records));
    Ok(Ok(()))
}

/// Reads the first record in pieces if it is large.
fn read_snapshot(
    reader: &mut Reader,
    hand_out: &mut dyn FnMut(Job) -> bool,
) -> Result<Result<(), GaveUp>, Error> {
    let mut cutter = Cutter::default();
    let mut table: Option<String> = None;
    let mut is_begun = false;
    let sha1 = reader.read_in_pieces(SNAPSHOT_CUT_BYTES_MIN, &mut |window| {
        is_begun = true;
        cutter.push(window, &mut |piece: Piece| {
            let name = String::from_utf8_lossy(&piece.text[piece.last_table]).into_owned();
            let begins_in = table.replace(name.clone());
            hand_out(Job::Piece {
                text: piece.text,
                begins_in,
                ends_in: Some(name),
            });
        });
    })?;
    let Some(sha1) = sha1 else {
        return Ok(if is_begun { Err(GaveUp) } else { Ok(()) });
    };
    hand_out(Job::Piece {
        text: cutter.finish(),
        begins_in: table,
        ends_in: None,
    });
    hand_out(Job::SnapshotEnd(sha1));
    Ok(Ok(()))
}

/// Parses until there are no more jobs, or until something is wrong.
fn parse_jobs(
    schema: &Schema,
    jobs: &Receiver<Result<Job, GaveUp>>,
    results: &SyncSender<Result<Parsed, GaveUp>>,
) {
    let mut parser = Parser::new();
    let mut arena = Bump::new();
    for job in jobs {
        let parsed = job.and_then(|job| parse(schema, job, &mut parser, &mut arena).ok_or(GaveUp));
        let is_last = parsed.is_err();
        if results.send(parsed).is_err() || is_last {
            return;
        }
    }
}

fn parse(schema: &Schema, job: Job, parser: &mut Parser, arena: &mut Bump) -> Option<Parsed> {
    match job {
        Job::SnapshotEnd(sha1) => Some(Parsed::SnapshotEnd(sha1)),
        Job::Piece {
            text,
            begins_in,
            ends_in,
        } => {
            let record = decode(schema, text, parser, arena)?;
            let is_in = |table: Option<_>, name: Option<String>| {
                name.is_none_or(|name| table == schema.table_named(&name))
            };
            if !is_in(record.first_table(), begins_in) || !is_in(record.last_table(), ends_in) {
                return None;
            }
            let (rows, txn_id) = record.into_new_rows(schema, &mut Uuid::new_v4).ok()??;
            Some(Parsed::Piece(rows, txn_id))
        }
        Job::Records(records) => {
            let records = records.into_iter().map(|(body, sha1)| {
                let record = decode(schema, body, parser, arena)?;
                Some((record, sha1))
            });
            Some(Parsed::Records(records.collect::<Option<Vec<_>>>()?))
        }
    }
}

fn decode(schema: &Schema, mut text: Vec<u8>, parser: &mut Parser, arena: &mut Bump) -> Option<Decoded> {
    arena.reset();
    let Ok(Scan::Text { end, flags }) = Framer::new().scan(&text) else {
        return None;
    };
    if !text[end..].trim_ascii().is_empty() {
        return None;
    }
    let value = parser.parse(&mut text[..end], flags, arena).ok()?;
    Decoded::new(schema, &value, false).ok()
}

/// Applies what was parsed, in the order in which it was handed out.
fn apply(store: &mut Store, results: Vec<Receiver<Result<Parsed, GaveUp>>>) -> Result<(), GaveUp> {
    let origin = store.txn_id();
    let mut replay = Replay {
        version: &mut Uuid::new_v4,
        converting: false,
    };
    let mut snapshot_id = None;
    for turn in 0.. {
        // The one whose turn it is has ended: so has the file.
        let Ok(parsed) = results[turn % results.len()].recv() else {
            break;
        };
        match parsed? {
            Parsed::Piece(rows, txn_id) => {
                snapshot_id = txn_id.or(snapshot_id);
                Load::new(store).add(rows).map_err(|_| GaveUp)?;
            }
            Parsed::SnapshotEnd(sha1) => {
                let txn_id = snapshot_id.unwrap_or_else(|| next_txn_id(origin, &sha1.0));
                Load::new(store).finish(txn_id).map_err(|_| GaveUp)?;
            }
            Parsed::Records(records) => {
                for (record, sha1) in records {
                    replay.apply_decoded(store, record, &sha1.0).map_err(|_| GaveUp)?;
                    store.maintain();
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PARALLEL_FILE_BYTES_MIN, parallel, replay, serial};
    use ovsdb_engine::ids::TableId;
    use ovsdb_engine::store::Store;
    use ovsdb_storage::disk::RealDisk;
    use ovsdb_storage::log::{self, Access, Reader};
    use ovsdb_storage::record::Entry;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    const SCHEMA: &str = r#"{"name":"D","tables":{"T":{"columns":{"n":{"type":"integer"},"t":{"type":"string"}}}}}
"#;

    fn rows(numbers: std::ops::Range<usize>, text: &str) -> String {
        let rows: Vec<String> = numbers
            .map(|n| format!(r#""{n:08x}-0000-4000-8000-000000000000":{{"n":{n},"t":"{text}"}}"#))
            .collect();
        rows.join(",")
    }

    /// A file with a snapshot of `count` rows and some records after it.
    fn file(directory: &Path, count: usize) -> PathBuf {
        let path = directory.join("x.db");
        let text = "x".repeat(200);
        let mut writer = log::create(Arc::new(RealDisk), &path, Entry::new(SCHEMA.as_bytes())).unwrap();
        let snapshot = format!(r#"{{"_date":1,"T":{{{}}}}}"#, rows(0..count, &text));
        writer.append(&[Entry::new(snapshot.as_bytes())]).unwrap();
        for record in 0..count / 10 {
            let body = format!(
                r#"{{"T":{{{},{}}},"_is_diff":true,"_date":2}}"#,
                rows(record..record + 1, "changed"),
                rows(count + record..count + record + 1, "new")
            );
            writer.append(&[Entry::new(body.as_bytes())]).unwrap();
        }
        writer.sync().unwrap();
        path
    }

    fn open(path: &Path) -> Reader {
        Reader::open(Arc::new(RealDisk), path, Access::ReadOnly).unwrap()
    }

    fn contents(store: &Store) -> String {
        let rows = store.table(TableId(0)).iter();
        let columns = rows.map(|(_, row)| format!("{:?} {:?}", row.uuid(), &row.to_columns()[2..]));
        let mut rows: Vec<String> = columns.collect();
        rows.sort();
        rows.join("\n")
    }

    #[test]
    fn both_ways_read_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), 20_000);
        assert!(fs::metadata(&path).unwrap().len() > 2 * PARALLEL_FILE_BYTES_MIN);
        let fast = parallel(&mut open(&path), 1).unwrap();
        let Ok(fast) = fast else {
            panic!("a good file is read in parallel")
        };
        let slow = serial(&mut open(&path), 1).unwrap();
        fast.verify();
        assert_eq!(contents(&fast), contents(&slow));
        assert_eq!(fast.table(TableId(0)).len(), 22_000);
        assert_eq!(fast.txn_id(), slow.txn_id());
    }

    #[test]
    fn damage_is_judged_as_by_one_thread() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), 20_000);
        let good = fs::read(&path).unwrap();
        for at in [1000, good.len() / 2, good.len() - 5000, good.len() - 3] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            let of = |result: Result<Store, ovsdb_storage::error::Error>| match result {
                Ok(store) => contents(&store),
                Err(error) => error.to_string(),
            };
            let fast = of(replay(&mut open(&path), 1));
            let slow = of(serial(&mut open(&path), 1));
            assert!(fast == slow, "byte {at}: {} {}", &fast[..200], &slow[..200]);
        }
    }
}
