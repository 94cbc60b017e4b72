//! Long messages that a thread keeps whole while they come, so that those which are only hashed can be compared.
//!
//! Clients that ask for the same and know the same get the same. Of each such kind some are kept whole whatever the
//! others take: with groups of clients that ask for different things, those of one must not use up what is for all.

use std::collections::HashMap;

use crate::limits::{KEPT_WHOLE_BYTES_MAX, KEPT_WHOLE_MAX, KEPT_WHOLE_MIN};

#[derive(Debug, Default)]
pub(super) struct References {
    count: usize,
    bytes: usize,
    /// How many there are of each kind; never 0.
    by_kind: HashMap<u128, usize>,
}

impl References {
    fn of(&self, kind: u128) -> usize {
        self.by_kind.get(&kind).copied().unwrap_or(0)
    }

    /// Whether a message that has become long is to be kept whole; it counts from then on.
    pub(super) fn admit(&mut self, kind: u128, bytes: usize) -> bool {
        let admits = self.count < KEPT_WHOLE_MAX || self.of(kind) < KEPT_WHOLE_MIN;
        if admits {
            self.count += 1;
            self.bytes += bytes;
            *self.by_kind.entry(kind).or_default() += 1;
        }
        admits
    }

    /// One of them has become longer. Gives whether it is still to be kept; if not, [`References::release`] follows.
    pub(super) fn grow(&mut self, kind: u128, more: usize) -> bool {
        self.bytes += more;
        self.bytes <= KEPT_WHOLE_BYTES_MAX || self.of(kind) <= KEPT_WHOLE_MIN
    }

    /// One of so many bytes is complete, or not kept any more.
    pub(super) fn release(&mut self, kind: u128, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
        if let Some(of_kind) = self.by_kind.get_mut(&kind) {
            *of_kind -= 1;
            if *of_kind == 0 {
                self.by_kind.remove(&kind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_WHOLE_BYTES_MAX, KEPT_WHOLE_MAX, KEPT_WHOLE_MIN, References};

    #[test]
    fn every_kind_has_some_however_many_others_have() {
        let mut references = References::default();
        let of_one = (0..100).filter(|_| references.admit(1, 10)).count();
        assert_eq!(of_one, KEPT_WHOLE_MAX);
        let of_other = (0..100).filter(|_| references.admit(2, 10)).count();
        assert_eq!(of_other, KEPT_WHOLE_MIN);
        assert!(!references.grow(1, KEPT_WHOLE_BYTES_MAX), "there are others");
        assert!(references.grow(2, 10));
        references.release(1, 10 + KEPT_WHOLE_BYTES_MAX);
        assert!(references.grow(1, 10));
    }
}
