//! Telling a torn tail from damage to what was acknowledged.

use crate::error::{Error, Kind, Result};
use crate::record::{Front, Intact, Scanner};

/// What is wrong with a record that ends the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its bytes are not what was written, or not all of it.
    Bad,
    /// It is as it was written, but its reader cannot use it.
    Unusable,
}

/// A record that ends the log, and what went before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop<'a> {
    pub(super) fault: Fault,
    pub(super) offset: u64,
    /// Upstream's words for it.
    pub(super) why: &'a Error,
    /// Good records before it.
    pub(super) records: u64,
    /// The [`Front`] of the first of those.
    pub(super) first: Front,
}

/// Judges the file from a bad record on. `Ok`: a torn tail, with so many intact records in it, none of
/// which can have been acknowledged. An error is the reason to refuse the file.
pub(super) fn judge(scanner: &mut Scanner, name: &str, stop: Stop<'_>) -> Result<u64> {
    let stake = match (stop.records, stop.first) {
        // Without its schema there is no database.
        (0, _) => return Err(stop.why.clone()),
        (1, Front::Unsynced) => "the record of all that was there when the file was compacted".to_owned(),
        _ => match scanner.intact_after(stop.offset)? {
            Intact::Nothing => return Ok(0),
            Intact::Records {
                records,
                front: Front::Unsynced,
                ..
            } if stop.fault == Fault::Bad => {
                return Ok(records);
            }
            Intact::Records {
                offset,
                records,
                bytes,
                ..
            } => {
                format!("{records} intact records ({bytes} bytes) from offset {offset}")
            }
            Intact::Unknown => "what may be intact records".to_owned(),
        },
    };
    let (offset, why) = (stop.offset, stop.why);
    let details = format!(
        "{name}: damaged at offset {offset} ({why}); opening the file would drop {stake}. Restore the file \
         from a backup; or, to go on without whatever follows the damage, keep the file and open a copy of \
         what precedes it: head -c {offset} {name} > {name}.recovered"
    );
    Err(Error::new(Kind::Damaged, details))
}
