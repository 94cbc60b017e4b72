//! The text of a string atom: immutable, shared, UTF-8 without NUL.

use std::cmp::Ordering;
use std::sync::Arc;

/// Shared text. The representation is private so that short or recurring strings can be interned.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Str(Arc<str>);

impl Str {
    pub fn new(text: &str) -> Str {
        Str(Arc::from(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytewise, as `strcmp`; two handles of one text are equal without looking at it.
impl Ord for Str {
    fn cmp(&self, other: &Str) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Str) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::ops::Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Str {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&*self.0, f)
    }
}
