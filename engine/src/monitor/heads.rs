//! How notifications begin: method and monitor id, shared by the monitors that agree in both.
//!
//! Clients of one kind give their monitors the same id (an OVSDB IDL derives it from the database's name),
//! so 10,000 of them cost one head.

use super::Version;
use crate::datum::uuid_text;
use crate::hash::Keyed;
use hashbrown::HashTable;
use slab::Slab;
use std::hash::BuildHasher;
use uuid::Uuid;

/// A method and a monitor id in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct HeadId(u32);

#[derive(Debug)]
pub(super) struct Head {
    pub(super) version: Version,
    /// The monitor id as JSON.
    pub(super) monid: Box<[u8]>,
    /// Monitors with this head.
    refs: u32,
}

#[derive(Debug, Default)]
pub(super) struct Heads {
    hasher: Keyed,
    heads: Slab<Head>,
    ids: HashTable<HeadId>,
}

impl Heads {
    /// Shares the head with equal ones; every call is matched by one of [`Heads::release`].
    pub(super) fn acquire(&mut self, version: Version, monid: &[u8]) -> HeadId {
        let hash = self.hasher.hash_one((version, monid));
        let known = self.ids.find(hash, |id| {
            let head = &self.heads[id.at()];
            head.version == version && *head.monid == *monid
        });
        if let Some(id) = known.copied() {
            self.heads[id.at()].refs += 1;
            return id;
        }
        let head = Head {
            version,
            monid: monid.into(),
            refs: 1,
        };
        let key = self.heads.insert(head);
        let id = HeadId(u32::try_from(key).expect("memory ends before 2^32 monitor ids"));
        let (hasher, heads) = (&self.hasher, &self.heads);
        self.ids.insert_unique(hash, id, |id| {
            let head = &heads[id.at()];
            hasher.hash_one((head.version, &*head.monid))
        });
        id
    }

    pub(super) fn release(&mut self, id: HeadId) {
        let head = &mut self.heads[id.at()];
        head.refs -= 1;
        if head.refs > 0 {
            return;
        }
        let head = self.heads.remove(id.at());
        let hash = self.hasher.hash_one((head.version, &*head.monid));
        if let Ok(found) = self.ids.find_entry(hash, |other| *other == id) {
            found.remove();
        }
    }

    pub(super) fn get(&self, id: HeadId) -> &Head {
        &self.heads[id.at()]
    }

    /// True if more than one monitor begins its notifications like this.
    pub(super) fn is_shared(&self, id: HeadId) -> bool {
        self.heads[id.at()].refs > 1
    }
}

impl Head {
    /// Appends a notification up to where its table updates begin.
    pub(super) fn write(&self, last_id: Uuid, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.version {
            Version::V1 => b"{\"id\":null,\"method\":\"update\",\"params\":[".as_slice(),
            Version::V2 => b"{\"id\":null,\"method\":\"update2\",\"params\":[",
            Version::V3 => b"{\"id\":null,\"method\":\"update3\",\"params\":[",
        });
        out.extend_from_slice(&self.monid);
        out.push(b',');
        if self.version == Version::V3 {
            out.push(b'"');
            uuid_text::write(&last_id, out);
            out.extend_from_slice(b"\",");
        }
    }
}

/// What ends a notification after its table updates.
pub(super) const TAIL: &[u8] = b"]}";

impl HeadId {
    fn at(self) -> usize {
        self.0 as usize
    }
}
