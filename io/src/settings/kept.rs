//! The settings in force, kept where a process that takes over after a crash finds them: in memory that has a
//! descriptor, which a fork hands on (upstream uses a temporary file without a name).

use super::{Settings, print};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Settings that outlive a crash under `--monitor`.
#[derive(Debug)]
pub struct Kept(File);

impl Kept {
    /// To be made before the process forks.
    pub fn new(settings: &Settings) -> io::Result<Kept> {
        let kept = Kept(memfd_create("settings", MemfdFlags::CLOEXEC)?.into());
        kept.save(settings)?;
        Ok(kept)
    }

    /// Replaces what is kept.
    pub(crate) fn save(&self, settings: &Settings) -> io::Result<()> {
        let text = print(settings);
        self.0.set_len(text.len() as u64)?;
        self.0.write_all_at(&text, 0)
    }

    /// The text that was saved last.
    pub(super) fn load(&self) -> io::Result<Vec<u8>> {
        let mut text = vec![0; usize::try_from(self.0.metadata()?.len()).map_err(io::Error::other)?];
        self.0.read_exact_at(&mut text, 0)?;
        Ok(text)
    }
}
