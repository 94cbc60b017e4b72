//! Which uuid of one server is which of the other.
//!
//! Both servers make uuids of their own: of rows inserted without one, of every `_version`, and of names that nobody
//! inserts. The first time that two unknown uuids stand at the same place they are taken to be the same, and from
//! then on each must stand for the other everywhere. So it is seen when one server renews a `_version` and the other
//! does not. Uuids that the test itself has made stand for themselves.

use std::collections::HashMap;

use serde_json::Value;

/// How the uuids end that the test makes; no random one does.
const OWN_END: &str = "5eed5eed5eed";

/// The all-zero uuid, the default of columns.
const ZERO: &str = "00000000-0000-0000-0000-000000000000";

/// The correspondence. `theirs` is the notation of the generator, the shadow and all messages shown.
#[derive(Debug, Default)]
pub(crate) struct Names {
    to_theirs: HashMap<String, String>,
    to_ours: HashMap<String, String>,
}

/// What is known about two uuids at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Same,
    /// Both are seen for the first time.
    New,
    Different,
}

/// The uuid number `number` of the test. The front is spread, so that orders by uuid are tried in earnest.
pub(crate) fn own(number: u64) -> String {
    let spread = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
    format!(
        "{spread:08x}-{:04x}-4{:03x}-8000-{OWN_END}",
        number & 0xffff,
        (number >> 16) & 0xfff
    )
}

/// True for the text of a uuid in the servers' notation.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

/// True for uuids that mean the same on both servers.
fn is_fixed(uuid: &str) -> bool {
    uuid.ends_with(OWN_END) || uuid == ZERO
}

impl Names {
    /// Compares a uuid of our server with one of theirs.
    pub(crate) fn check(&self, ours: &str, theirs: &str) -> Match {
        if is_fixed(ours) || is_fixed(theirs) {
            return if ours == theirs {
                Match::Same
            } else {
                Match::Different
            };
        }
        match (self.to_theirs.get(ours), self.to_ours.get(theirs)) {
            (None, None) => Match::New,
            (Some(known), _) if known == theirs => Match::Same,
            _ => Match::Different,
        }
    }

    /// From now on the two are the same. Both must be new.
    pub(crate) fn learn(&mut self, ours: &str, theirs: &str) {
        assert_eq!(self.check(ours, theirs), Match::New);
        self.to_theirs.insert(ours.to_owned(), theirs.to_owned());
        self.to_ours.insert(theirs.to_owned(), ours.to_owned());
    }

    /// Theirs has renewed what ours has kept: ours stands for `renewed` from now on.
    pub(crate) fn rebind(&mut self, theirs: &str, renewed: &str) {
        if let Some(ours) = self.to_ours.remove(theirs) {
            self.to_theirs.insert(ours.clone(), renewed.to_owned());
            self.to_ours.insert(renewed.to_owned(), ours);
        }
    }

    /// Their name of our uuid, if it has one.
    pub(crate) fn theirs<'a>(&'a self, ours: &'a str) -> Option<&'a str> {
        if is_fixed(ours) {
            return Some(ours);
        }
        self.to_theirs.get(ours).map(String::as_str)
    }

    /// True if their uuid has a counterpart.
    pub(crate) fn knows_theirs(&self, theirs: &str) -> bool {
        is_fixed(theirs) || self.to_ours.contains_key(theirs)
    }

    /// The correspondence after the servers have exchanged their files.
    pub(crate) fn exchanged(self) -> Names {
        Names {
            to_theirs: self.to_ours,
            to_ours: self.to_theirs,
        }
    }

    /// A request in their names, as our server must get it.
    pub(crate) fn to_ours(&self, request: &Value) -> Value {
        match request {
            Value::String(text) => match self.to_ours.get(text) {
                Some(ours) => Value::String(ours.clone()),
                None => request.clone(),
            },
            Value::Array(elements) => elements.iter().map(|element| self.to_ours(element)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), self.to_ours(value)))
                .collect(),
            _ => request.clone(),
        }
    }
}
