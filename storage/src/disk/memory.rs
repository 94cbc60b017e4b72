//! A disk in memory, for tests: it knows what was synced, so it can say what a power cut leaves.
//!
//! Operations that change something are counted, and power can be cut at any of them. After the cut all of
//! them fail, without effect; [`MemoryDisk::after_power_cut`] gives the disk that the next start finds.
//!
//! The model: a synced file has its contents. Of later writes each sector may be there wholly, in part or
//! not at all, in any combination; bytes that were never written are zero. Names are durable when their directory
//! was synced; later changes of names survive in order, up to some point.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::Errno;

use super::{Disk, DiskFile, Lock, Open};

/// A handle of the disk; clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

/// What a disk writes whole or not at all, mostly.
const SECTOR_BYTES: usize = 512;

/// What survives of changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    Nothing,
    Everything,
    /// Some of it, decided by this seed.
    Some(u64),
}

#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, usize>,
    /// What the names are after a power cut, if `renames` do not survive.
    names_durable: BTreeMap<PathBuf, usize>,
    /// Changes of names since their directory was synced.
    renames: Vec<Rename>,
    files: Vec<Contents>,
    locks: BTreeSet<PathBuf>,
    /// Changing operations so far.
    operations: u64,
    /// Power is cut at this one, counted from 0.
    cut_at: Option<u64>,
}

#[derive(Default)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// What was done to `durable` to make `now`.
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate { len: u64 },
}

#[derive(Clone)]
enum Rename {
    Name { path: PathBuf, file: usize },
    Move { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
}

impl MemoryDisk {
    /// Cuts power at the `operation`-th changing operation, counted from the first ever. That one may
    /// survive in part; it and all later ones fail.
    pub fn cut_power_at(&self, operation: u64) {
        self.0.lock().cut_at = Some(operation);
    }

    /// Changing operations so far, the failed one included.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// A new disk with what survives of this one; no lock is held there.
    pub fn after_power_cut(&self, survival: Survival) -> MemoryDisk {
        let state = self.0.lock();
        let mut random = Random(match survival {
            Survival::Some(seed) => seed,
            Survival::Nothing | Survival::Everything => 0,
        });
        let mut names = state.names_durable.clone();
        let kept = survival.of(state.renames.len() as u64, &mut random) as usize;
        for rename in &state.renames[..kept] {
            rename.apply(&mut names);
        }
        let files = state
            .files
            .iter()
            .map(|file| file.after_power_cut(survival, &mut random))
            .collect();
        let state = State {
            names_durable: names.clone(),
            names,
            files,
            ..State::default()
        };
        MemoryDisk(Arc::new(Mutex::new(state)))
    }

    /// Makes `path` a file of these contents, durably; not counted as an operation.
    pub fn put(&self, path: &Path, contents: &[u8]) {
        let mut state = self.0.lock();
        let file = state.files.len();
        state.files.push(Contents {
            now: contents.to_vec(),
            durable: contents.to_vec(),
            unsynced: Vec::new(),
        });
        state.names.insert(path.to_path_buf(), file);
        state.names_durable.insert(path.to_path_buf(), file);
    }

    /// The contents of a file, as a running system sees it.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.0.lock();
        state.names.get(path).map(|&file| state.files[file].now.clone())
    }

    /// All names there are.
    pub fn names(&self) -> Vec<PathBuf> {
        self.0.lock().names.keys().cloned().collect()
    }

    fn change_name(&self, rename: Rename) -> io::Result<()> {
        let mut state = self.0.lock();
        if !state.is_cut() {
            rename.apply(&mut state.names);
            state.renames.push(rename);
        }
        state.operation()
    }
}

impl State {
    /// Counts one changing operation, whose effect is already recorded as not synced.
    fn operation(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        match self.cut_at {
            Some(cut) if number >= cut => Err(Errno::IO.into()),
            _ => Ok(()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn is_cut(&self) -> bool {
        self.cut_at.is_some_and(|cut| self.operations > cut)
    }
}

impl Contents {
    /// A write is a change for each sector, as each may survive without the others.
    fn write(&mut self, bytes: &[u8], mut offset: u64) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = SECTOR_BYTES - offset as usize % SECTOR_BYTES;
            let (sector, after) = rest.split_at(room.min(rest.len()));
            self.change(Change::Write {
                offset,
                bytes: sector.to_vec(),
            });
            offset += sector.len() as u64;
            rest = after;
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now, u64::MAX);
        self.unsynced.push(change);
    }

    fn after_power_cut(&self, survival: Survival, random: &mut Random) -> Contents {
        let mut contents = self.durable.clone();
        for change in &self.unsynced {
            let kept = survival.of(change.len(), random);
            change.apply(&mut contents, kept);
        }
        Contents {
            durable: contents.clone(),
            now: contents,
            unsynced: Vec::new(),
        }
    }
}

impl Change {
    /// In how many parts it may be done.
    fn len(&self) -> u64 {
        match self {
            Change::Write { bytes, .. } => bytes.len() as u64,
            Change::Truncate { .. } => 1,
        }
    }

    /// Does the first `kept` parts of it.
    fn apply(&self, contents: &mut Vec<u8>, kept: u64) {
        match self {
            Change::Write { offset, bytes } => {
                let kept = kept.min(bytes.len() as u64) as usize;
                if kept == 0 {
                    return;
                }
                let start = *offset as usize;
                if contents.len() < start {
                    contents.resize(start, 0);
                }
                let over = kept.min(contents.len() - start);
                contents[start..start + over].copy_from_slice(&bytes[..over]);
                contents.extend_from_slice(&bytes[over..kept]);
            }
            Change::Truncate { len } if kept > 0 => contents.resize(*len as usize, 0),
            Change::Truncate { .. } => {}
        }
    }
}

impl Rename {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Rename::Name { path, file } => _ = names.insert(path.clone(), *file),
            Rename::Move { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Rename::Remove { path } => _ = names.remove(path),
        }
    }
}

impl Survival {
    /// How many of `count` parts survive.
    fn of(self, count: u64, random: &mut Random) -> u64 {
        match self {
            Survival::Nothing => 0,
            Survival::Everything => count,
            Survival::Some(_) => match random.number() % 4 {
                0 => 0,
                1 => count,
                _ => random.number() % (count + 1),
            },
        }
    }
}

/// A sequence of numbers fixed by its seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        if how != Open::CreateNew {
            let file = state.file(path)?;
            return Ok(Box::new(MemoryFile {
                disk: self.clone(),
                file,
            }));
        }
        if state.names.contains_key(path) {
            return Err(Errno::EXIST.into());
        }
        let file = state.files.len();
        state.files.push(Contents::default());
        drop(state);
        self.change_name(Rename::Name {
            path: path.to_path_buf(),
            file,
        })?;
        Ok(Box::new(MemoryFile {
            disk: self.clone(),
            file,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.lock().file(from)?;
        self.change_name(Rename::Move {
            from: from.to_path_buf(),
            to: to.to_path_buf(),
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().file(path)?;
        self.change_name(Rename::Remove {
            path: path.to_path_buf(),
        })
    }

    /// All names are taken to be in one directory.
    fn sync_dir(&self, _directory: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operation()?;
        state.names_durable = state.names.clone();
        state.renames.clear();
        Ok(())
    }

    fn read_link(&self, _path: &Path) -> Option<PathBuf> {
        None
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        if !self.0.lock().locks.insert(path.to_path_buf()) {
            return Err(Errno::DEADLK.into());
        }
        Ok(Box::new(MemoryLock {
            disk: self.clone(),
            path: path.to_path_buf(),
        }))
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    file: usize,
}

impl MemoryFile {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        if !state.is_cut() {
            state.files[self.file].change(change);
        }
        state.operation()
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().files[self.file].now.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.0.lock();
        let contents = &state.files[self.file].now;
        let start = (offset as usize).min(contents.len());
        let count = buffer.len().min(contents.len() - start);
        buffer[..count].copy_from_slice(&contents[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        if !state.is_cut() {
            state.files[self.file].write(bytes, offset);
        }
        state.operation()?;
        Ok(bytes.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.operation()?;
        let file = &mut state.files[self.file];
        for change in file.unsynced.drain(..) {
            change.apply(&mut file.durable, u64::MAX);
        }
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.change(Change::Truncate { len })
    }
}

struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
}

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.0.lock().locks.remove(&self.path);
    }
}
