//! The writer's side of a replacement: begin it, catch up with the log, put it in the file's place.

use std::io;
use std::sync::Arc;

use super::{Replacement, State};
use crate::disk::{self, DiskFile};
use crate::error::{Error, Kind, Result};
use crate::limits::STEP_BYTES_MAX;
use crate::log::{Mark, Writer};

impl Writer {
    /// Begins a replacement whose own records will say what the log says up to `mark`. One at a time: the
    /// next waits until this one is adopted or dropped.
    pub fn replacement(&mut self, mark: Mark) -> Result<Replacement> {
        assert_eq!(mark.life, self.life, "a mark is a place in the file as it is now");
        assert!(mark.offset <= self.end(), "the end only moves on");
        self.prepare()?;
        if self.replacing.upgrade().is_some() {
            let details = format!("{}: a compaction is in progress", self.name());
            return Err(Error::new(Kind::Unspecific, details));
        }
        let turn = Arc::new(());
        self.replacing = Arc::downgrade(&turn);
        let disk = Arc::clone(&self.place.disk);
        Replacement::create(disk, self.place.replacement(), turn, mark)
    }

    /// Copies one step of the records appended since the mark. `true`: less than a step is left, so that
    /// [`Writer::adopt`] will be short.
    pub fn catch_up(&self, replacement: &mut Replacement) -> Result<bool> {
        if let Some(error) = self.broken() {
            return Err(error.clone());
        }
        replacement.begin_copying()?;
        let left = self.end() - replacement.copied;
        if left < STEP_BYTES_MAX as u64 {
            return Ok(true);
        }
        self.copy_step(replacement)?;
        Ok(left - (STEP_BYTES_MAX as u64) < STEP_BYTES_MAX as u64)
    }

    /// Puts `replacement` in the file's place, with everything appended until now, durably; the records of
    /// an append not yet synced are durable with it. The old file is returned: giving back its blocks takes
    /// time, which the caller spends elsewhere by dropping it there.
    ///
    /// After an error the old file is in its place and in use, unless [`Writer::broken`].
    pub fn adopt(&mut self, mut replacement: Replacement) -> Result<Arc<dyn DiskFile>> {
        self.prepare()?;
        let base = replacement.begin_copying()?;
        while replacement.copied < self.end() {
            self.copy_step(&mut replacement)?;
        }
        // The header of a record was written after the step that synced its place.
        replacement
            .file
            .sync_data()
            .map_err(|error| replacement.failed(&error))?;

        let (from, to) = (&replacement.temporary.path, &self.place.path);
        if let Err(error) = self.place.disk.rename(from, to) {
            let details = format!("failed to rename \"{}\" to \"{}\"", from.display(), to.display());
            let failed = Error::io(&error, details);
            return Err(if is_undecided(&error) {
                self.break_down(failed)
            } else {
                failed
            });
        }
        replacement.temporary.renamed = true;
        let old = std::mem::replace(&mut self.file, replacement.file.into());
        self.adopted(replacement.written, base, replacement.mark);
        if let Err(error) = self.place.disk.sync_dir(self.place.directory()) {
            let details = format!("{}: fsync of parent directory failed", self.name());
            return Err(self.break_down(Error::io(&error, details)));
        }
        Ok(old)
    }

    fn copy_step(&self, replacement: &mut Replacement) -> Result<()> {
        let want = (self.end() - replacement.copied).min(STEP_BYTES_MAX as u64) as usize;
        replacement.pending.resize(want, 0);
        let got = disk::read_full_at(&*self.file, &mut replacement.pending, replacement.copied)
            .map_err(|error| Error::io(&error, format!("{}: read failed", self.name())))?;
        if got < want {
            let error = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(Error::io(&error, format!("{}: read failed", self.name())));
        }
        replacement.step()?;
        replacement.copied += want as u64;
        Ok(())
    }
}

impl Replacement {
    /// From here on only the log's records are added. Returns the bytes of the replacement's own.
    fn begin_copying(&mut self) -> Result<u64> {
        match self.state {
            State::Copying { base } => Ok(base),
            State::Between => {
                assert!(
                    self.records >= 2,
                    "a replacement has a schema and contents, as its first header says"
                );
                self.flush()?;
                let base = self.written;
                self.state = State::Copying { base };
                Ok(base)
            }
            State::Within { .. } => panic!("the replacement's last record was not ended"),
        }
    }
}

/// An I/O error in the middle of a rename leaves open which file the name leads to. Appending to one that
/// it does not lead to would lose what was acknowledged.
fn is_undecided(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}
