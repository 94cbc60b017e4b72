//! What a file gives back: whole, torn at every byte, changed at every byte.

mod faults;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Access, Reader, Writer, create, identify};
use crate::disk::memory::MemoryDisk;
use crate::disk::{Disk, RealDisk};
use crate::error::{Error, Kind, Result};
use crate::record::{Entry, Front, Magic, Record};

fn body(number: usize) -> Vec<u8> {
    format!(
        "{{\"T\":{{\"row\":{{\"n\":{number}}}}},\"_date\":{}}}\n",
        1_600_000_000 + number
    )
    .into_bytes()
}

/// A file of `count` records, each durable before the next, and where each begins.
fn file(dir: &Path, count: usize) -> (PathBuf, Vec<u64>) {
    let path = dir.join("a.db");
    let mut writer = create(Arc::new(RealDisk), &path, Entry::new(&body(0))).unwrap();
    let mut offsets = vec![0];
    for number in 1..count {
        offsets.push(writer.end());
        writer.append(&[Entry::new(&body(number))]).unwrap();
        writer.sync().unwrap();
    }
    (path, offsets)
}

fn open(path: &Path, access: Access) -> Result<(Reader, Vec<Record>)> {
    open_on(Arc::new(RealDisk), path, access)
}

fn open_on(disk: Arc<dyn Disk>, path: &Path, access: Access) -> Result<(Reader, Vec<Record>)> {
    let mut reader = Reader::open(disk, path, access)?;
    let mut records = Vec::new();
    while let Some(record) = reader.read()? {
        records.push(record);
    }
    Ok((reader, records))
}

/// The same file on a disk in memory, where it can be changed a thousand times.
struct Memory {
    disk: MemoryDisk,
    path: PathBuf,
    whole: Vec<u8>,
    offsets: Vec<u64>,
}

impl Memory {
    fn new(count: usize) -> Memory {
        let dir = tempfile::tempdir().unwrap();
        let (real, offsets) = file(dir.path(), count);
        Memory {
            disk: MemoryDisk::default(),
            path: "/a.db".into(),
            whole: fs::read(real).unwrap(),
            offsets,
        }
    }

    fn open(&self, contents: &[u8]) -> Result<(Reader, Vec<Record>)> {
        self.disk.put(&self.path, contents);
        self.reopen()
    }

    fn reopen(&self) -> Result<(Reader, Vec<Record>)> {
        open_on(Arc::new(self.disk.clone()), &self.path, Access::ReadWrite)
    }
}

fn writer(path: &Path) -> Writer {
    open(path, Access::ReadWrite).unwrap().0.into_writer().unwrap()
}

fn bodies(records: &[Record]) -> Vec<Vec<u8>> {
    records.iter().map(|record| record.body.clone()).collect()
}

fn first(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(body).collect()
}

#[test]
fn what_was_appended_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = file(dir.path(), 3);
    let mut writer = writer(&path);
    let (three, four) = (body(3), body(4));
    writer.append(&[Entry::new(&three), Entry::new(&four)]).unwrap();
    assert!(writer.durable() < writer.end());
    writer.sync().unwrap();
    assert_eq!(writer.durable(), writer.end());
    assert_eq!((writer.growth().records, writer.growth().base), (3, offsets[2]));
    // A reader beside the writer needs no lock.
    let (reader, records) = open(&path, Access::ReadOnly).unwrap();
    assert_eq!(bodies(&records), first(5));
    assert_eq!(reader.tail(), None);
    assert_eq!(
        records.iter().map(|record| record.offset).collect::<Vec<_>>()[..3],
        offsets
    );
    assert!(
        records
            .iter()
            .all(|record| Entry::new(&record.body).sha1 == record.sha1)
    );
    assert_eq!(records[4].end(), writer.end());
}

#[test]
fn errors_of_opening_are_upstreams() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = file(dir.path(), 1);
    let name = path.display();
    let held = writer(&path);
    let error = open(&path, Access::ReadWrite).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("I/O error: {name}: failed to lock lockfile (Resource deadlock avoided)")
    );
    drop(held);
    let error = create(Arc::new(RealDisk), &path, Entry::new(b"{}\n"))
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        format!("I/O error: {name}: create failed (File exists)")
    );

    let header = |magic: &str| {
        let mut line = Vec::new();
        Entry::new(b"{}\n")
            .header(Magic::Standalone, Front::Durable)
            .write(&mut line);
        String::from_utf8(line).unwrap().replace("JSON", magic) + "{}\n"
    };
    let cases = [
        (
            String::new(),
            "ovsdb error: FILE: cannot identify file type",
            Kind::Unspecific,
        ),
        (
            "{\"name\":\"x\"}\n".to_owned(),
            "ovsdb error: FILE: unexpected file format",
            Kind::Unspecific,
        ),
        (
            header("OTHER"),
            "ovsdb error: FILE: cannot identify file type",
            Kind::Unspecific,
        ),
        (
            header("CLUSTER"),
            "ovsdb error: FILE: cannot apply this operation to clustered database file",
            Kind::Clustered,
        ),
        (
            header("JSON").replace("{}\n", "[]\n"),
            "syntax error: FILE: 3 bytes starting at offset 54",
            Kind::Syntax,
        ),
    ];
    for (contents, text, kind) in cases {
        fs::write(&path, &contents).unwrap();
        for access in [Access::ReadOnly, Access::ReadWrite] {
            let error = open(&path, access).err().unwrap();
            let shown = error.to_string().replace(&path.display().to_string(), "FILE");
            assert!(shown.starts_with(text), "{shown}");
            assert_eq!(error.kind, kind);
        }
    }
    fs::write(&path, header("CLUSTER")).unwrap();
    assert_eq!(identify(Arc::new(RealDisk), &path), Ok(Magic::Clustered));
    fs::remove_file(&path).unwrap();
    let error = open(&path, Access::ReadOnly).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("I/O error: {name}: open failed (No such file or directory)")
    );
}

/// R3: the last three records cut at every byte.
#[test]
fn a_tail_torn_at_any_byte_is_cut_and_kept() {
    let memory = Memory::new(20);
    let (whole, offsets) = (&memory.whole, &memory.offsets);
    for len in offsets[17] as usize..whole.len() {
        let good = offsets.iter().filter(|offset| **offset <= len as u64).count() - 1;
        let end = offsets[good] as usize;
        let (reader, records) = memory.open(&whole[..len]).unwrap();
        assert_eq!(bodies(&records), first(good), "cut at {len}");
        let tail = reader
            .tail()
            .map(|tail| (tail.offset as usize, tail.len as usize));
        assert_eq!(tail, (len > end).then_some((end, len - end)));

        let mut writer = reader.into_writer().unwrap();
        assert_eq!(
            memory.disk.contents(&memory.path).unwrap().len(),
            len,
            "not cut before it must be"
        );
        writer.append(&[Entry::new(&body(good))]).unwrap();
        writer.sync().unwrap();
        drop(writer);
        assert_eq!(bodies(&memory.reopen().unwrap().1), first(good + 1));
        let kept = memory.disk.names().into_iter().find(|name| *name != memory.path);
        assert_eq!(kept.is_some(), len > end);
        if let Some(kept) = kept {
            assert_eq!(kept, Path::new(&format!("/a.db.torn-at-{end}")));
            assert_eq!(memory.disk.contents(&kept).unwrap(), whole[end..len]);
            memory.disk.remove(&kept).unwrap();
        }
    }
}

#[test]
fn tails_at_one_offset_are_all_kept() {
    let memory = Memory::new(2);
    for torn in ["a", "b", "c"] {
        let contents = [&memory.whole[..], torn.as_bytes()].concat();
        let mut writer = memory.open(&contents).unwrap().0.into_writer().unwrap();
        writer.append(&[Entry::new(b"{}\n")]).unwrap();
    }
    let end = memory.whole.len();
    for (suffix, torn) in [("", "a"), (".1", "b"), (".2", "c")] {
        let kept = PathBuf::from(format!("/a.db.torn-at-{end}{suffix}"));
        assert_eq!(memory.disk.contents(&kept).as_deref(), Some(torn.as_bytes()));
    }
}

/// R3: what a file system may leave of blocks that were allocated and never written.
#[test]
fn a_tail_of_zeros_is_cut() {
    let memory = Memory::new(20);
    let whole = &memory.whole;
    for zeros in 1..=whole.len() - memory.offsets[19] as usize {
        let mut contents = whole.clone();
        let start = contents.len() - zeros;
        contents[start..].fill(0);
        assert_eq!(bodies(&memory.open(&contents).unwrap().1), first(19), "{zeros}");
    }
    for zeros in [1, 127, 128, 4096, 300_000] {
        let mut contents = whole.clone();
        contents.resize(whole.len() + zeros, 0);
        let (reader, records) = memory.open(&contents).unwrap();
        assert_eq!(bodies(&records), first(20), "{zeros}");
        let error = reader.tail().unwrap().error.to_string();
        let expected = format!("parse error at offset {} in header line \"\"", whole.len());
        assert!(error.contains(&expected), "{error}");
    }
}

/// R4: every byte changed, in its lowest bit, its case bit and wholly.
#[test]
fn a_changed_byte_never_drops_records_in_silence() {
    let memory = Memory::new(20);
    let offsets = &memory.offsets;
    let mut refused = 0;
    for at in 0..memory.whole.len() {
        for change in [0x01, 0x20, 0xff] {
            let mut contents = memory.whole.clone();
            contents[at] ^= change;
            match memory.open(&contents) {
                // Digits of a hash may have either case.
                Ok((reader, records)) if reader.tail().is_none() => {
                    assert_eq!(bodies(&records), first(20), "{at}");
                }
                Ok((reader, records)) => {
                    assert!(
                        at as u64 >= offsets[19],
                        "damage at {at} before good records is a tail"
                    );
                    assert_eq!(reader.tail().map(|tail| tail.offset), Some(offsets[19]));
                    assert_eq!(bodies(&records), first(19), "{at}");
                }
                Err(error) if (at as u64) < offsets[1] => {
                    assert!(
                        matches!(error.kind, Kind::Unspecific | Kind::Syntax | Kind::Io),
                        "{error}"
                    );
                }
                Err(error) => {
                    refused += 1;
                    let record = offsets.iter().rposition(|&offset| offset <= at as u64).unwrap();
                    let text = error.to_string();
                    assert_eq!(error.kind, Kind::Damaged);
                    assert!(
                        text.contains(&format!("damaged at offset {} (", offsets[record])),
                        "{text}"
                    );
                    assert!(
                        text.contains(&format!("would drop {} intact records", 19 - record)),
                        "{text}"
                    );
                }
            }
        }
    }
    assert!(refused > 4000, "{refused}");
}

/// The pages of a group reach the disk in any order; until its sync has returned nobody was told of it.
#[test]
fn damage_within_the_last_group_is_a_tail() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = file(dir.path(), 3);
    let mut writer = writer(&path);
    let mut ends = Vec::new();
    for group in [3..6, 6..9] {
        let bodies: Vec<_> = group.map(body).collect();
        writer
            .append(&bodies.iter().map(|body| Entry::new(body)).collect::<Vec<_>>())
            .unwrap();
        writer.sync().unwrap();
        ends.push(writer.end());
    }
    drop(writer);
    let whole = fs::read(&path).unwrap();
    let offsets: Vec<_> = open(&path, Access::ReadOnly)
        .unwrap()
        .1
        .iter()
        .map(|record| record.offset)
        .collect();
    for (number, &offset) in offsets.iter().enumerate().skip(1) {
        let mut contents = whole.clone();
        contents[offset as usize + 70] ^= 1;
        fs::write(&path, &contents).unwrap();
        match open(&path, Access::ReadWrite) {
            Ok((reader, records)) => {
                assert!(number >= 6, "{number}");
                assert_eq!(records.len(), number);
                let tail = reader.tail().unwrap();
                assert_eq!((tail.offset, tail.intact), (offset, 8 - number as u64));
            }
            Err(error) => {
                assert!(number < 6, "{number}: {error}");
                assert!(
                    error
                        .to_string()
                        .contains(&format!("would drop {} intact", 8 - number)),
                    "{error}"
                );
            }
        }
    }
    // Records of the C programs, which do not tell groups apart.
    let mut contents = whole;
    contents[offsets[7] as usize + 70] ^= 1;
    let text = String::from_utf8(contents)
        .unwrap()
        .replace("OVSDB JSON 0", "OVSDB JSON ");
    fs::write(&path, text).unwrap();
    assert_eq!(
        open(&path, Access::ReadWrite).err().map(|error| error.kind),
        Some(Kind::Damaged)
    );
}

#[test]
fn a_record_that_cannot_be_applied_is_overwritten_only_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offsets) = file(dir.path(), 4);
    let why = || Error::new(Kind::Syntax, "no such table");
    let until = |stop: usize| {
        let mut reader = Reader::open(Arc::new(RealDisk), &path, Access::ReadWrite).unwrap();
        for _ in 0..=stop {
            reader.read().unwrap().unwrap();
        }
        let result = reader.unread(why());
        (reader, result)
    };
    assert_eq!(until(0).1, Err(why()));
    let (mut reader, result) = until(2);
    let error = result.unwrap_err();
    assert_eq!(error.kind, Kind::Damaged);
    assert!(error.to_string().contains("1 intact records"), "{error}");
    assert_eq!(reader.read(), Err(error));
    drop(reader);

    let (mut reader, result) = until(3);
    assert_eq!(result, Ok(()));
    assert_eq!(reader.read(), Ok(None));
    assert_eq!(reader.tail().map(|tail| tail.offset), Some(offsets[3]));
    let mut writer = reader.into_writer().unwrap();
    writer.append(&[Entry::new(b"{}\n")]).unwrap();
    drop(writer);
    assert_eq!(open(&path, Access::ReadOnly).unwrap().1[3].body, b"{}\n");
    assert!(dir.path().join(format!("a.db.torn-at-{}", offsets[3])).exists());
}

#[test]
fn texts_of_bad_records_are_upstreams() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = file(dir.path(), 1);
    let start = fs::metadata(&path).unwrap().len();
    let hash = "0".repeat(40);
    let data = start + 59;
    let cases = [
        (
            "garbage\nmore".to_owned(),
            format!("syntax error: FILE: parse error at offset {start} in header line \"garbage\""),
        ),
        (
            format!("OVSDB CLUSTER 3 {hash}\n{{}}\n"),
            format!("syntax error: FILE: parse error at offset {start} in header line \"OVSDB CLUSTER\""),
        ),
        (
            "x".repeat(300),
            format!(
                "syntax error: FILE: parse error at offset {start} in header line \"{}\"",
                "x".repeat(127)
            ),
        ),
        (
            format!("OVSDB JSON 20000000 {hash}\n{}", " ".repeat(10_000)),
            format!(
                "I/O error: FILE: error reading 19991808 bytes starting at offset {} (End of file)",
                start + 61
            ),
        ),
        (
            format!("OVSDB JSON 000003 {hash}\n{{}}\n"),
            format!(
                "syntax error: FILE: 3 bytes starting at offset {data} have SHA-1 hash \
                 5f36b2ea290645ee34d943220a14b54ee5ea5be5 but should have hash {hash}"
            ),
        ),
    ];
    let whole = fs::read(&path).unwrap();
    for (tail, text) in cases {
        fs::write(&path, [&whole[..], tail.as_bytes()].concat()).unwrap();
        let (reader, records) = open(&path, Access::ReadOnly).unwrap();
        assert_eq!(records.len(), 1);
        let shown = reader
            .tail()
            .unwrap()
            .error
            .to_string()
            .replace(&path.display().to_string(), "FILE");
        assert_eq!(shown, text);
    }
}

/// A file made of nothing but headers that promise everything behind them.
#[test]
fn a_search_that_would_not_end_is_given_up_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = file(dir.path(), 1);
    let mut contents = fs::read(&path).unwrap();
    let count = 2000;
    for number in (0..count).rev() {
        contents.extend(format!("OVSDB JSON {:09} {}\n", (number + 1) * 62, "0".repeat(40)).into_bytes());
    }
    contents.extend([b' '; 62]);
    fs::write(&path, contents).unwrap();
    let error = open(&path, Access::ReadWrite).err().unwrap();
    assert_eq!(error.kind, Kind::Damaged);
    assert!(error.to_string().contains("what may be intact"), "{error}");
}
