//! Directories of an Open vSwitch installation, as Debian's packages have them, each replaced by the environment
//! variable of upstream's name (`ovsdb-server`(1), "FILES").

use std::env;
use std::path::{Path, PathBuf};

fn directory(variable: &str, default: &str) -> PathBuf {
    match env::var_os(variable) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => PathBuf::from(default),
    }
}

/// Sockets and pidfiles: `$OVS_RUNDIR`.
pub fn rundir() -> PathBuf {
    directory("OVS_RUNDIR", "/var/run/openvswitch")
}

/// Log files: `$OVS_LOGDIR`.
pub fn logdir() -> PathBuf {
    directory("OVS_LOGDIR", "/var/log/openvswitch")
}

/// Databases: `$OVS_DBDIR`, else `openvswitch` in the directory of configuration.
pub fn dbdir() -> PathBuf {
    match env::var_os("OVS_DBDIR") {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => sysconfdir().join("openvswitch"),
    }
}

/// Configuration: `$OVS_SYSCONFDIR`.
pub fn sysconfdir() -> PathBuf {
    directory("OVS_SYSCONFDIR", "/etc")
}

/// Files that come with the package, such as schemas: `$OVS_PKGDATADIR`.
pub fn pkgdatadir() -> PathBuf {
    directory("OVS_PKGDATADIR", "/usr/share/openvswitch")
}

/// `path` if it is absolute, else below `base`.
pub fn absolute(base: &Path, path: &str) -> PathBuf {
    base.join(path)
}
