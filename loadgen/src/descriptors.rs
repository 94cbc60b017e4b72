//! Open files of this process, of which each client is one.

use crate::error::{Failure, Result};
use crate::limits;

/// Fails unless this process may have a descriptor for each client, after raising its limit.
pub fn raise(clients: u32) -> Result<()> {
    ovsdb_io::net::raise_descriptor_limit();
    let needed = u64::from(clients) + limits::DESCRIPTORS_SPARE;
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        Some(limit) if limit < needed => Err(Failure::Machine(format!(
            "{clients} clients need {needed} open files, but the limit is {limit}; raise it with: ulimit -n {needed}"
        ))),
        _ => Ok(()),
    }
}
