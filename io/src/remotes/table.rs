//! What workers need to know of the remote that a connection came through.

use crate::net::reconnect::End;
use crate::net::{Ended, PROBE_INTERVAL_DEFAULT_MS};
use crate::runtime::Transport;
use ovsdb_engine::ids::SessionId;
use ovsdb_engine::sequencer::Rights;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// All remotes of the process by number. Numbers are not used again.
#[derive(Debug, Default)]
pub(crate) struct RemoteTable {
    entries: RwLock<HashMap<u64, Arc<RemoteEntry>>>,
}

/// One remote, as its connections see it.
#[derive(Debug, Default)]
pub(crate) struct RemoteEntry {
    pub(crate) rights: Arc<Rights>,
    /// In milliseconds; negative for the transport's default.
    probe_ms: AtomicI64,
    sessions: AtomicUsize,
    /// The latest of them, if it is we who connect.
    latest: Mutex<Option<SessionId>>,
    /// Present for a remote that we dial.
    ended: OnceLock<Ended>,
}

impl RemoteTable {
    pub(crate) fn insert(&self, number: u64, entry: Arc<RemoteEntry>) {
        self.entries.write().insert(number, entry);
    }

    pub(crate) fn remove(&self, number: u64) {
        self.entries.write().remove(&number);
    }

    /// The remote; `None` if it has been removed, so that whoever came through it has to go.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<RemoteEntry>> {
        self.entries.read().get(&number).cloned()
    }
}

impl RemoteEntry {
    pub(crate) fn new(rights: Rights, probe_ms: Option<u64>) -> RemoteEntry {
        let entry = RemoteEntry {
            rights: Arc::new(rights),
            ..RemoteEntry::default()
        };
        entry.set_probe_interval(probe_ms);
        entry
    }

    /// Sets the probe interval, also for connections that are open; `None` is the transport's default.
    pub(crate) fn set_probe_interval(&self, probe_ms: Option<u64>) {
        let ms = probe_ms.map_or(-1, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
        self.probe_ms.store(ms, Ordering::Relaxed);
    }

    /// 0 never probes, which is the default for unix sockets.
    pub(crate) fn probe_interval_ms(&self, transport: Transport) -> u64 {
        match (u64::try_from(self.probe_ms.load(Ordering::Relaxed)), transport) {
            (Ok(ms), _) => ms,
            (Err(_), Transport::Unix) => 0,
            (Err(_), Transport::Tcp) => PROBE_INTERVAL_DEFAULT_MS,
        }
    }

    pub(crate) fn set_ended(&self, ended: Ended) {
        assert!(self.ended.set(ended).is_ok(), "a remote is dialled by one task");
    }

    /// Whether it is we who connect.
    pub(crate) fn is_dialled(&self) -> bool {
        self.ended.get().is_some()
    }

    pub(crate) fn tell_ended(&self, end: End, idle_ms: u64) {
        if let Some(ended) = self.ended.get() {
            ended.tell(end, idle_ms);
        }
    }

    pub(crate) fn opened(&self, session: SessionId) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        if self.is_dialled() {
            *self.latest.lock() = Some(session);
        }
    }

    /// The session with a server that we dial; `None` for remotes that listen, which have many.
    pub(crate) fn dialled_session(&self) -> Option<SessionId> {
        *self.latest.lock()
    }

    pub(crate) fn closed(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections that are open.
    pub(crate) fn sessions_count(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }
}
