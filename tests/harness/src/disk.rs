//! A file system of its own that is soon full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted tmpfs; goes with the value. Mounting needs root.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Makes the directory `path` and mounts a file system of so many bytes there.
    pub fn mount(path: PathBuf, bytes: usize) -> SmallDisk {
        fs::create_dir(&path).expect("the scratch directory is writable");
        let size = format!("size={bytes}");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&path)
            .status();
        assert!(status.expect("mount is there").success(), "mounting needs root");
        SmallDisk(path)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        match Command::new("umount").arg("-l").arg(&self.0).status() {
            Ok(status) if status.success() => {}
            other => println!("{}: not unmounted: {other:?}", self.0.display()),
        }
    }
}
