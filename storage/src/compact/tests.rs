//! Compaction under power cuts and faults: the file always says what was acknowledged.
//!
//! Records are numbers; a replacement's record says `1..=n`. Whatever happened, a file read again must say
//! `1..=m` with `acknowledged ≤ m ≤ attempted`.

use std::path::Path;
use std::sync::Arc;

use crate::compact::Replacement;
use crate::disk::faulty::{Fault, Faults, FaultyDisk, Operation};
use crate::disk::memory::{MemoryDisk, Survival};
use crate::disk::{Disk, Open};
use crate::error::{Error, Kind, Result};
use crate::limits::STEP_BYTES_MAX;
use crate::log::{Access, Reader, Writer, create};
use crate::record::{Digest, Entry};

const PATH: &str = "/db/a.db";
const SCHEMA: &[u8] = b"{\"name\":\"a\"}\n";

/// A record that says `number`, `padding` bytes longer than it need be.
fn number(number: u64, padding: usize) -> Vec<u8> {
    format!("{{\"n\":{number}{}}}\n", " ".repeat(padding)).into_bytes()
}

/// The number that a file's records have come to.
fn reached(disk: &MemoryDisk) -> Result<u64> {
    let mut reader = Reader::open(Arc::new(disk.clone()), Path::new(PATH), Access::ReadWrite)?;
    let schema = reader.read()?.expect("a file without a schema does not open");
    assert_eq!(schema.body, SCHEMA);
    let mut reached = 0;
    while let Some(record) = reader.read()? {
        let end = record
            .body
            .iter()
            .position(|byte| matches!(byte, b' ' | b'}'))
            .unwrap();
        let text = std::str::from_utf8(&record.body[..end]).unwrap();
        if let Some(all) = text.strip_prefix("{\"until\":") {
            assert_eq!(reached, 0, "a snapshot comes first");
            reached = all.parse().unwrap();
        } else {
            reached += 1;
            assert_eq!(text, format!("{{\"n\":{reached}"));
        }
    }
    reader.into_writer()?;
    Ok(reached)
}

/// What a run did until it ended.
#[derive(Debug, Default)]
struct Run {
    attempted: u64,
    acknowledged: u64,
    errors: Vec<Error>,
    /// The writer refused to go on.
    broken: bool,
    /// The file existed, durably.
    created: bool,
}

impl Run {
    fn append(&mut self, writer: &mut Writer, padding: usize) {
        self.append_group(writer, 1, padding);
    }

    fn append_group(&mut self, writer: &mut Writer, count: u64, padding: usize) {
        // A number refused is used again, as a transaction that failed did not happen.
        let next = self.acknowledged + 1;
        let last = self.acknowledged + count;
        self.attempted = self.attempted.max(last);
        let bodies: Vec<_> = (next..=last).map(|next| number(next, padding)).collect();
        let group: Vec<_> = bodies.iter().map(|body| Entry::new(body)).collect();
        match writer.append(&group).and_then(|()| writer.sync()) {
            Ok(()) => {
                assert!(!self.broken, "a broken writer acknowledges nothing");
                self.acknowledged = last;
            }
            Err(error) => self.errors.push(error),
        }
        self.broken = writer.broken().is_some();
    }
}

fn snapshot(replacement: &mut Replacement, until: u64, bytes: usize) -> Result<Digest> {
    replacement.record(Entry::new(SCHEMA));
    replacement.begin_record();
    replacement.put(format!("{{\"until\":{until}").as_bytes());
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(100_000);
        replacement.put(&b" ".repeat(piece));
        left -= piece;
        while replacement.step_is_due() {
            replacement.step()?;
        }
    }
    replacement.put(b"}\n");
    replacement.end_record()
}

/// Appends, compacts with appends going on, appends: `rounds` times. Errors are taken as a server would.
fn run(disk: Arc<dyn Disk>, rounds: u64) -> Run {
    let mut run = Run::default();
    let created = create(disk, Path::new(PATH), Entry::new(SCHEMA));
    let mut writer = match created {
        Ok(writer) => writer,
        Err(error) => {
            run.errors.push(error);
            return run;
        }
    };
    run.created = true;
    for _ in 0..rounds {
        run.append(&mut writer, 0);
        run.append_group(&mut writer, 8, 300);
        if let Err(error) = compact(&mut run, &mut writer) {
            run.errors.push(error);
        }
        run.broken = writer.broken().is_some();
        run.append(&mut writer, 0);
    }
    run
}

fn compact(run: &mut Run, writer: &mut Writer) -> Result<()> {
    let until = run.acknowledged;
    let mut replacement = writer.replacement(writer.mark())?;
    snapshot(&mut replacement, until, STEP_BYTES_MAX * 3 / 2)?;
    run.append(writer, STEP_BYTES_MAX);
    run.append(writer, STEP_BYTES_MAX);
    while !writer.catch_up(&mut replacement)? {
        run.append(writer, 0);
    }
    writer.adopt(replacement)?;
    Ok(())
}

#[test]
fn a_compacted_file_says_what_the_log_said() {
    let disk = MemoryDisk::default();
    let run = run(Arc::new(disk.clone()), 3);
    assert_eq!(run.errors, []);
    assert_eq!(reached(&disk), Ok(run.acknowledged));
    assert_eq!(run.acknowledged, 39);
    assert!(
        disk.names().iter().all(|name| name == Path::new(PATH)),
        "{:?}",
        disk.names()
    );
}

#[test]
fn growth_is_counted_from_the_compaction() {
    let disk = MemoryDisk::default();
    let mut writer = create(Arc::new(disk), Path::new(PATH), Entry::new(SCHEMA)).unwrap();
    let mut run = Run::default();
    for _ in 0..5 {
        run.append(&mut writer, 0);
    }
    let mark = writer.mark();
    run.append(&mut writer, 0);
    let mut replacement = writer.replacement(mark).unwrap();
    let sha1 = snapshot(&mut replacement, 5, 0).unwrap();
    assert_eq!(sha1, Digest::of(b"{\"until\":5}\n"));
    run.append(&mut writer, 0);
    let base = replacement.bytes();
    writer.adopt(replacement).unwrap();
    let growth = writer.growth();
    assert_eq!((growth.records, growth.base), (2, base));
    assert_eq!(growth.bytes, writer.end());
    assert_eq!(writer.durable(), writer.end());
}

/// R6: power is cut at every operation of the whole run, and of what was not synced nothing, all, or
/// something survives.
#[test]
fn a_power_cut_at_any_step_loses_nothing_acknowledged() {
    let whole = MemoryDisk::default();
    assert_eq!(run(Arc::new(whole.clone()), 1).errors, []);
    let operations = whole.operations();
    assert!(operations > 25, "{operations}");
    for operation in 0..operations {
        let disk = MemoryDisk::default();
        disk.cut_power_at(operation);
        let run = run(Arc::new(disk.clone()), 1);
        assert!(!run.errors.is_empty());
        let some = (0..6).map(|seed| Survival::Some(operation * 100 + seed));
        for survival in [Survival::Nothing, Survival::Everything].into_iter().chain(some) {
            let left = disk.after_power_cut(survival);
            match reached(&left) {
                Ok(reached) => assert!(
                    (run.acknowledged..=run.attempted).contains(&reached),
                    "cut at {operation}, {survival:?}: {reached} of {run:?}"
                ),
                Err(error) => assert!(!run.created, "cut at {operation}, {survival:?}: {error}"),
            }
            assert!(
                !left.names().iter().any(|name| name.ends_with("a.db.tmp")),
                "removed at the next start"
            );
        }
    }
}

/// R5: each operation fails once, twice or for good, at every place where it is used.
#[test]
fn a_fault_at_any_step_is_told_and_loses_nothing() {
    let mut plans = 0;
    for operation in Operation::ALL {
        let faults: &[Fault] = match operation {
            Operation::Write => &[
                Fault::Error(5),
                Fault::Error(28),
                Fault::Short(0),
                Fault::Short(7),
            ],
            _ => &[Fault::Error(5)],
        };
        for fault in faults {
            for times in [1, u64::MAX] {
                plans += (0..)
                    .take_while(|after| faulty_run(operation, *after, times, *fault))
                    .count();
            }
        }
    }
    assert!(plans > 100, "{plans}");
}

/// Returns whether the planned fault came to happen.
fn faulty_run(operation: Operation, after: u64, times: u64, fault: Fault) -> bool {
    let plan = format!("{operation:?} after {after}, {times} times: {fault:?}");
    let disk = MemoryDisk::default();
    let faults = Arc::new(Faults::default());
    faults.plan(operation, after, times, fault);
    let run = run(
        Arc::new(FaultyDisk::new(Arc::new(disk.clone()), Arc::clone(&faults))),
        1,
    );
    if operation == Operation::Sync && run.created && !run.errors.is_empty() {
        // Of a failed sync of the log itself nothing recovers; one of the replacement is only its own.
        let log = run
            .errors
            .iter()
            .any(|error| error.details.ends_with("fsync failed"));
        assert_eq!(run.broken, log, "{plan}: {run:?}");
    }
    if run.broken {
        let last = run.errors.last().unwrap();
        assert_eq!(last.tag(), "I/O error", "{plan}");
    }
    if run.created {
        let reached_running = reached(&disk.after_power_cut(Survival::Everything)).unwrap();
        assert!(
            (run.acknowledged..=run.attempted).contains(&reached_running),
            "{plan}: {reached_running} {run:?}"
        );
        let reached_cut = reached(&disk.after_power_cut(Survival::Nothing)).unwrap();
        assert!(
            (run.acknowledged..=run.attempted).contains(&reached_cut),
            "{plan}: {reached_cut} {run:?}"
        );
    }
    faults.used() > 0
}

/// The first header of a compacted file says that no power cut can have torn its second record.
#[test]
fn damage_to_a_snapshot_is_never_a_tail() {
    let disk = MemoryDisk::default();
    let mut writer = create(Arc::new(disk.clone()), Path::new(PATH), Entry::new(SCHEMA)).unwrap();
    let mut run = Run::default();
    run.append(&mut writer, 0);
    let mut replacement = writer.replacement(writer.mark()).unwrap();
    snapshot(&mut replacement, 1, 0).unwrap();
    writer.adopt(replacement).unwrap();
    let end = writer.end();
    run.append(&mut writer, 0);
    drop(writer);
    let file = disk.open(Path::new(PATH), Open::ReadWrite).unwrap();
    file.truncate(end).unwrap();
    assert_eq!(reached(&disk), Ok(1));
    file.write_at(b"?", end - 3).unwrap();
    let error = reached(&disk).unwrap_err();
    assert_eq!(error.kind, Kind::Damaged);
    assert!(
        error
            .to_string()
            .contains("all that was there when the file was compacted"),
        "{error}"
    );
}

#[test]
fn one_replacement_at_a_time_and_a_dropped_one_is_removed() {
    let disk = MemoryDisk::default();
    let mut writer = create(Arc::new(disk.clone()), Path::new(PATH), Entry::new(SCHEMA)).unwrap();
    let first = writer.replacement(writer.mark()).unwrap();
    assert_eq!(disk.names().len(), 2);
    let error = writer.replacement(writer.mark()).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("ovsdb error: {PATH}: a compaction is in progress")
    );
    drop(first);
    assert_eq!(disk.names().len(), 1);
    drop(writer.replacement(writer.mark()).unwrap());
}
