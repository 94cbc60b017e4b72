//! The pidfile: it holds our process id and our lock, so that a second daemon sees that the first lives.
//!
//! It is made under another name and renamed, so that whoever finds it finds it locked and complete. All
//! daemons share that other name, whose lock lets only one of them at a time look at the old pidfile.

use super::{MODULE, cleanup};
use crate::errors::strerror;
use crate::vlog;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Our pidfile. The lock goes with the descriptor, so it must stay open; no other descriptor of that file may be
/// opened and closed in this process.
#[derive(Debug)]
pub(super) struct Pidfile {
    _locked: File,
}

/// Why a pidfile cannot be taken over.
#[derive(Debug)]
enum Taken {
    By(i32),
    /// Who has it could not be told.
    Unclear(Errno),
}

impl Pidfile {
    /// Creates the pidfile `path`, to be removed at the end of the process. If another process lives that has it,
    /// or it cannot be made, this process ends with a message, unless `overwrite`.
    pub(super) fn create(path: &Path, overwrite: bool) -> Pidfile {
        match Pidfile::try_create(path, overwrite) {
            Ok(pidfile) => pidfile,
            Err(message) => vlog::fatal(MODULE, format_args!("{message}")),
        }
    }

    fn try_create(path: &Path, overwrite: bool) -> Result<Pidfile, String> {
        let pid = std::process::id();
        let shown = path.display();
        let temporary = if overwrite {
            suffixed(path, &format!(".tmp{pid}"))
        } else {
            suffixed(path, ".tmp")
        };
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&temporary);
        let step = |what: &'static str| {
            let temporary = temporary.display().to_string();
            move |error: io::Error| format!("{temporary}: {what} failed ({})", strerror(&error))
        };
        let mut file = file.map_err(step("create"))?;
        lock(&file).map_err(|error| step("fcntl(F_SETLK)")(error.into()))?;
        cleanup::add_file(&temporary);
        if !overwrite {
            check_already_running(path).map_err(|taken| match taken {
                Taken::By(pid) => format!("{shown}: already running as pid {pid}, aborting"),
                Taken::Unclear(error) => {
                    format!("{shown}: pidfile check failed ({}), aborting", error.desc())
                }
            })?;
        }
        file.set_len(0).map_err(step("truncate"))?;
        writeln!(file, "{pid}").map_err(step("write"))?;
        let renamed = fs::rename(&temporary, path);
        // From now on it may be another process's.
        cleanup::keep_file(&temporary);
        renamed.map_err(|error| {
            let error = strerror(&error);
            format!(
                "failed to rename \"{}\" to \"{shown}\" ({error})",
                temporary.display()
            )
        })?;
        cleanup::add_file(path);
        Ok(Pidfile { _locked: file })
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The whole file, for writing.
fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn lock(file: &File) -> Result<(), Errno> {
    loop {
        match fcntl(file, FcntlArg::F_SETLK(&whole_file())) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Looks whether a process lives that has the pidfile `path`. One that nobody has is removed; only who has it
/// locked may do that, for between a look and the removal it may have become another's.
fn check_already_running(path: &Path) -> Result<(), Taken> {
    let shown = path.display();
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            log::warn!(target: MODULE, "{shown}: open: {}", strerror(&error));
            return Err(unclear(&error));
        }
    };
    let mut holder = whole_file();
    if let Err(error) = fcntl(&file, FcntlArg::F_GETLK(&mut holder)) {
        log::warn!(target: MODULE, "{shown}: fcntl: {}", error.desc());
        return Err(Taken::Unclear(error));
    }
    if holder.l_type == libc::F_UNLCK as libc::c_short {
        return remove_stale(path, &file);
    }
    let mut line = String::new();
    match BufReader::new(&file).read_line(&mut line) {
        Ok(0) => {
            log::warn!(target: MODULE, "{shown}: read: unexpected end of file");
            return Err(Taken::Unclear(Errno::ESRCH));
        }
        Ok(_) => {}
        Err(error) => {
            log::warn!(target: MODULE, "{shown}: read: {}", strerror(&error));
            return Err(unclear(&error));
        }
    }
    if line.trim().parse() != Ok(holder.l_pid) {
        log::warn!(
            target: MODULE,
            "{shown}: stale pidfile for pid {} being deleted by pid {}",
            line.trim_end(),
            holder.l_pid
        );
        return Err(Taken::Unclear(Errno::ESRCH));
    }
    Err(Taken::By(holder.l_pid))
}

fn remove_stale(path: &Path, file: &File) -> Result<(), Taken> {
    let shown = path.display();
    if let Err(error) = lock(file) {
        log::warn!(target: MODULE, "{shown}: lost race to lock pidfile");
        return Err(Taken::Unclear(error));
    }
    let inode = |metadata: io::Result<fs::Metadata>| metadata.ok().map(|found| (found.dev(), found.ino()));
    let here = inode(file.metadata());
    if here.is_none() || here != inode(fs::metadata(path)) {
        log::warn!(target: MODULE, "{shown}: lost race to delete pidfile");
        return Err(Taken::Unclear(Errno::EALREADY));
    }
    if let Err(error) = fs::remove_file(path) {
        log::warn!(target: MODULE, "{shown}: failed to delete stale pidfile ({})", strerror(&error));
        return Err(unclear(&error));
    }
    log::debug!(target: MODULE, "{shown}: deleted stale pidfile");
    Ok(())
}

fn unclear(error: &io::Error) -> Taken {
    Taken::Unclear(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_stale_pidfile_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        fs::write(&path, "99999\n").unwrap();
        let _pidfile = Pidfile::try_create(&path, false).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
        assert!(!directory.path().join("x.pid.tmp").exists());
    }

    #[test]
    fn a_pidfile_that_another_process_holds_is_respected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        let script = "import fcntl,os,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); \
                      f.write('%d\\n'%os.getpid()); f.flush(); print(flush=True); sys.stdin.read()";
        let mut holder = Command::new("python3")
            .args(["-c", script])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let expected = format!(
            "{}: already running as pid {}, aborting",
            path.display(),
            holder.id()
        );
        assert_eq!(Pidfile::try_create(&path, false).unwrap_err(), expected);
        let overwritten = Pidfile::try_create(&path, true).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
        drop(overwritten);
        drop(holder.stdin.take());
        assert!(holder.wait().unwrap().success());
    }
}
