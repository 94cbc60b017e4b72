//! Named uuids: what `["named-uuid", NAME]` and `uuid-name` mean within one request (RFC 7047 §5.1).
//!
//! A name gets a random uuid when it first occurs, be it in a reference or in an `insert`. An `insert` with
//! an explicit uuid redefines its name from there on, so an earlier forward reference keeps the random uuid
//! and dangles, as upstream.

use crate::datum::Symbols;
use crate::hash::HashMap;
use uuid::Uuid;

/// The names that a request has used so far.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<String, Name>);

/// The names of one request under compilation.
pub(super) struct Names<'e> {
    known: &'e mut Known,
    entropy: &'e mut dyn FnMut() -> Uuid,
}

#[derive(Debug)]
struct Name {
    uuid: Uuid,
    /// Whether an `insert` has taken the name.
    is_inserted: bool,
}

impl<'e> Names<'e> {
    pub(super) fn new(known: &'e mut Known, entropy: &'e mut dyn FnMut() -> Uuid) -> Names<'e> {
        Names { known, entropy }
    }

    /// A random uuid that has no name.
    pub(super) fn unnamed(&mut self) -> Uuid {
        (self.entropy)()
    }

    /// The uuid of the row that an `insert` calls `name`; `None` if an earlier one took the name.
    pub(super) fn insert(&mut self, name: &str, explicit: Option<Uuid>) -> Option<Uuid> {
        let known = self.name(name);
        if std::mem::replace(&mut known.is_inserted, true) {
            return None;
        }
        if let Some(explicit) = explicit {
            known.uuid = explicit;
        }
        Some(known.uuid)
    }

    fn name(&mut self, name: &str) -> &mut Name {
        let entropy = &mut self.entropy;
        self.known.0.entry_ref(name).or_insert_with(|| Name {
            uuid: entropy(),
            is_inserted: false,
        })
    }
}

impl Symbols for Names<'_> {
    fn resolve(&mut self, name: &str) -> Uuid {
        self.name(name).uuid
    }
}
