//! The PEM files of TLS: read whole, with errors that name the file, and noticed when they change.

use crate::errors::strerror;
use crate::limits::TLS_FILE_BYTES;
use rustix::fs::OFlags;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use x509_cert::Version;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;

/// What tells one state of a file from another. A file that is replaced, written to, or made readable differs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None` for a file that is not there or cannot be looked at.
    fn of(path: &Path) -> Option<Stamp> {
        let meta = fs::metadata(path).ok()?;
        Some(Stamp {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

/// Something read from files, and the state they were in when it was tried last.
#[derive(Debug)]
pub(super) struct Loaded<T> {
    value: Option<T>,
    seen: Vec<(PathBuf, Option<Stamp>)>,
    /// Why the files in that state cannot be used, if so.
    error: Option<String>,
}

/// What became of a look at the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing to do, or the new state cannot be used: the value is what it was.
    Same,
    /// The value was read for the first time.
    First,
    /// The value was read anew.
    Again,
}

impl<T> Loaded<T> {
    pub(super) const fn new() -> Loaded<T> {
        Loaded {
            value: None,
            seen: Vec::new(),
            error: None,
        }
    }

    /// Why there is no value though there are files for it.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(super) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Reads anew if one of `paths` has changed since the last time. An error is logged, and the old value stays.
    pub(super) fn refresh(&mut self, paths: &[&Path], read: impl FnOnce() -> Result<T, String>) -> Outcome {
        let now: Vec<_> = paths
            .iter()
            .map(|path| (path.to_path_buf(), Stamp::of(path)))
            .collect();
        if now == self.seen {
            return Outcome::Same;
        }
        self.seen = now;
        self.error = None;
        match read() {
            Ok(value) => match self.value.replace(value) {
                None => Outcome::First,
                Some(_) => Outcome::Again,
            },
            Err(error) => {
                let stays = self
                    .value
                    .as_ref()
                    .map_or("", |_| " (what was read before stays in use)");
                log::error!(target: "stream_ssl", "{error}{stays}");
                self.error = Some(error);
                Outcome::Same
            }
        }
    }

    /// Forgets in what state the files were, so that the next look reads them.
    pub(super) fn look_again(&mut self) {
        self.seen.clear();
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let failed = |error: io::Error| format!("{shown}: cannot be read ({})", strerror(&error));
    let mut bytes = Vec::new();
    // A pipe, a terminal or another device would be waited for, and everybody with it.
    let nonblocking = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(format!("{shown}: not a regular file"));
    }
    file.take(TLS_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > TLS_FILE_BYTES {
        return Err(format!("{shown}: longer than {TLS_FILE_BYTES} bytes"));
    }
    Ok(bytes)
}

fn pem_error(path: &Path, what: &str, error: &PemError) -> String {
    let shown = path.display();
    match error {
        PemError::NoItemsFound => format!("{shown}: no {what} in it"),
        PemError::MissingSectionEnd { .. } => format!("{shown}: ends within a section of PEM"),
        error => format!("{shown}: not in PEM format ({error})"),
    }
}

/// All that a file holds of one kind, at least one.
fn all<T: PemObject>(path: &Path, what: &str) -> Result<Vec<T>, String> {
    let bytes = contents(path)?;
    let found: Vec<T> = T::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| pem_error(path, what, &error))?;
    if found.is_empty() {
        return Err(pem_error(path, what, &PemError::NoItemsFound));
    }
    Ok(found)
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    all(path, "certificate")
}

pub(super) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let lists: Vec<CertificateRevocationListDer<'static>> = all(path, "revocation list")?;
    // Lists of version 1 have no field for it, and rustls only says that it cannot read them.
    let is_version_2 = |list: &CertificateRevocationListDer<'_>| {
        CertificateList::from_der(list).is_ok_and(|list| list.tbs_cert_list.version == Version::V2)
    };
    if !lists.iter().all(is_version_2) {
        return Err(format!(
            "{}: not a revocation list of version 2 (openssl-ca(1) makes them with -crlexts or crl_extensions)",
            path.display()
        ));
    }
    Ok(lists)
}

/// The first private key of a file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = contents(path)?;
    let is_encrypted = |marker: &[u8]| bytes.windows(marker.len()).any(|part| part == marker);
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Err(PemError::NoItemsFound)
            if is_encrypted(b"ENCRYPTED PRIVATE KEY") || is_encrypted(b"Proc-Type: 4,ENCRYPTED") =>
        {
            Err(format!(
                "{}: the private key is encrypted; decrypt it with openssl-pkey(1)",
                path.display()
            ))
        }
        result => result.map_err(|error| pem_error(path, "private key", &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    /// Whoever may write the column that names a file must not be able to hold up the server.
    #[test]
    fn nothing_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for path in [pipe.as_path(), directory.path(), Path::new("/dev/zero")] {
            let error = contents(path).unwrap_err();
            assert_eq!(error, format!("{}: not a regular file", path.display()));
        }
        let long = directory.path().join("long");
        fs::write(&long, vec![b'x'; TLS_FILE_BYTES as usize + 1]).unwrap();
        let error = contents(&long).unwrap_err();
        assert_eq!(
            error,
            format!("{}: longer than {TLS_FILE_BYTES} bytes", long.display())
        );
    }
}
