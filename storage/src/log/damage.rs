//! Telling a torn tail from damage before records that were acknowledged.

use crate::error::{Error, Kind, Result};
use crate::record::{Intact, Scanner};

/// Judges the file behind the bad record at `offset`. `Ok`: nothing intact follows, `why` is a torn tail's.
pub(super) fn judge(scanner: &mut Scanner, name: &str, offset: u64, why: &Error) -> Result<()> {
    let stake = match scanner.intact_after(offset)? {
        Intact::Nothing => return Ok(()),
        Intact::Records {
            offset,
            records,
            bytes,
        } => {
            format!("{records} intact records ({bytes} bytes) from offset {offset}")
        }
        Intact::Unknown => "what may be intact records".to_owned(),
    };
    let details = format!(
        "{name}: damaged at offset {offset} ({why}), followed by {stake}, which opening the file would drop. \
         Restore the file from a backup; or, to go on without whatever follows the damage, keep a copy and \
         open what precedes it: head -c {offset} {name} > {name}.recovered"
    );
    Err(Error::new(Kind::Damaged, details))
}
