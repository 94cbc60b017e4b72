//! Atoms (RFC 7047 §5.1 `<atom>`): integer, real, boolean, string, uuid, each with upstream's order.

use super::Str;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use uuid::Uuid;

/// One atom. Only atoms of one type are ever compared by the rules of a column; across types the order
/// is that of the variants, so that the type itself has a total order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    Integer(i64),
    Real(Real),
    Boolean(bool),
    String(Str),
    Uuid(Uuid),
}

/// A finite real, ordered as numbers are. JSON has no NaN and arithmetic refuses to make one.
#[derive(Clone, Copy, Debug)]
pub struct Real(pub f64);

impl PartialEq for Real {
    fn eq(&self, other: &Real) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Real {}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Real) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Real {
    fn cmp(&self, other: &Real) -> Ordering {
        self.0
            .partial_cmp(&other.0)
            .unwrap_or_else(|| self.0.total_cmp(&other.0))
    }
}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // -0.0 equals 0.0, so both hash as 0.0.
        (self.0 + 0.0).to_bits().hash(state);
    }
}
