//! The remotes of the server: which are wanted, which are open, and what their connections may do.
//!
//! Wanted are those of the command line and of `add-remote`, where a `db:` remote stands for those that a
//! database holds. [`Remotes::reconcile`] opens what is missing and gives up what is not wanted any more; it
//! runs at the start and whenever something may have changed, and does nothing when nothing has.

mod configured;
mod status;
mod table;

pub(crate) use configured::{Options, Wanted};
pub(crate) use table::{RemoteEntry, RemoteTable};

use crate::errors::strerror;
use crate::limits::{LISTEN_RETRY_MAX, LISTEN_RETRY_MIN};
use crate::net::{Active, Dial, Listener, Passive, Remote, Serving};
use crate::runtime::Workers;
use crate::tls;
use ovsdb_engine::ids::SessionId;
use ovsdb_engine::sequencer::Rights;
use ovsdb_engine::session::{Shared, Which};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Default mark of connections for the network (upstream's `DSCP_DEFAULT`).
const DSCP_DEFAULT: u8 = 48;

/// The remotes of one server.
pub(crate) struct Remotes {
    shared: Arc<Shared>,
    workers: Workers,
    table: Arc<RemoteTable>,
    tls: Arc<tls::Context>,
    /// Where the settings of TLS stand, and the last complaints about that.
    sources: tls::Sources,
    tls_complaints: Vec<String>,
    /// As given, `db:` remotes included; the options of those stand in their rows.
    given: Wanted,
    open: BTreeMap<String, Open>,
    /// The last complaint about a `db:` remote, so that each is made once.
    complaints: BTreeMap<String, String>,
    numbers: u64,
}

struct Open {
    number: u64,
    options: Options,
    entry: Arc<RemoteEntry>,
    carrier: Carrier,
}

enum Carrier {
    Listening(Serving),
    Dialling(Dial),
    /// It could not be opened, which has been logged; tried again at times that become rarer, as its port may come
    /// free or its address be given to this machine.
    Failed(Retry),
    /// It can never be opened as it is, which has been logged.
    Hopeless,
}

impl Carrier {
    /// A port that cannot be listened on, which is logged; `before` tells of earlier attempts.
    fn failed(target: &str, error: &io::Error, before: Option<Retry>) -> Carrier {
        let error = strerror(error);
        log::error!(target: "ovsdb_jsonrpc_server", "{target}: listen failed: {error}");
        Carrier::Failed(before.map_or_else(Retry::first, Retry::next))
    }
}

/// When to try again what has failed.
#[derive(Clone, Copy)]
struct Retry {
    attempts: u32,
    due: Instant,
}

impl Retry {
    fn first() -> Retry {
        Retry {
            attempts: 1,
            due: Instant::now() + LISTEN_RETRY_MIN,
        }
    }

    /// After another failure.
    fn next(self) -> Retry {
        let wait = LISTEN_RETRY_MIN * 2u32.saturating_pow(self.attempts);
        Retry {
            attempts: self.attempts.saturating_add(1),
            due: Instant::now() + wait.min(LISTEN_RETRY_MAX),
        }
    }
}

impl Remotes {
    pub(crate) fn new(
        shared: Arc<Shared>,
        workers: Workers,
        table: Arc<RemoteTable>,
        sources: tls::Sources,
    ) -> Remotes {
        let (given, open, complaints) = (Wanted::new(), BTreeMap::new(), BTreeMap::new());
        Remotes {
            shared,
            workers,
            table,
            tls: Arc::default(),
            sources,
            tls_complaints: Vec::new(),
            given,
            open,
            complaints,
            numbers: 0,
        }
    }

    /// Adds a remote as an operator writes it. It is opened by the next [`Remotes::reconcile`].
    pub(crate) fn add(&mut self, target: &str) -> Result<(), String> {
        self.check(target)?;
        self.given.entry(target.to_owned()).or_default();
        Ok(())
    }

    /// Removes a remote that was given; false if it was not.
    pub(crate) fn remove(&mut self, target: &str) -> bool {
        self.given.remove(target).is_some()
    }

    /// Replaces what was given, opens and closes accordingly, and gives what is wrong with it. A `db:` remote
    /// whose column is not there stays among the given: its database may come.
    pub(crate) fn set(&mut self, given: Wanted) -> Vec<String> {
        self.complaints = given
            .keys()
            .filter_map(|target| Some((target.clone(), self.check(target).err()?)))
            .collect();
        let complaints = self.complaints.values().cloned().collect();
        self.given = given;
        self.reconcile();
        complaints
    }

    /// What is wrong with where the settings of TLS stand, which has been logged.
    pub(crate) fn tls_complaints(&self) -> &[String] {
        &self.tls_complaints
    }

    fn check(&self, target: &str) -> Result<(), String> {
        if let Remote::Column(column) = target.parse().map_err(|error| format!("{error}"))? {
            configured::locate(&column, &self.shared.catalog())?;
        }
        Ok(())
    }

    /// What was given.
    pub(crate) fn given(&self) -> &Wanted {
        &self.given
    }

    /// Opens what is wanted and not open, and closes what is open and not wanted.
    pub(crate) fn reconcile(&mut self) {
        self.configure_tls();
        let wanted = self.wanted();
        let is_kept = |target: &String, open: &Open| {
            wanted.get(target).is_some_and(|options| {
                options.role == open.options.role
                    && options.dscp == open.options.dscp
                    && options.is_read_only == open.options.is_read_only
            })
        };
        let gone: Vec<String> = self
            .open
            .iter()
            .filter(|(target, open)| !is_kept(target, open))
            .map(|(t, _)| t.clone())
            .collect();
        for target in gone {
            self.close(&target, !wanted.contains_key(&target));
        }
        for (target, options) in wanted {
            match self.open.get_mut(&target) {
                Some(open) => open.adjust(options),
                None => self.open(target, options, None),
            }
        }
    }

    /// Reads the settings of TLS anew, where a database holds them, and the files that have changed.
    fn configure_tls(&mut self) {
        let catalog = self.shared.catalog();
        let (settings, complaints) = self
            .sources
            .resolve(|column| configured::first_text(column, &catalog));
        if complaints != self.tls_complaints {
            for complaint in &complaints {
                log::warn!(target: "ovsdb_server", "failed to configure SSL/TLS: {complaint}");
            }
            self.tls_complaints = complaints;
        }
        self.tls.configure(settings);
    }

    /// Tries again to open what could not be opened and is due, and looks whether certificates have changed.
    pub(crate) fn retry(&mut self) {
        self.tls.look();
        let now = Instant::now();
        let due: Vec<(String, Retry)> = self
            .open
            .iter()
            .filter_map(|(target, open)| match open.carrier {
                Carrier::Failed(retry) if retry.due <= now => Some((target.clone(), retry)),
                _ => None,
            })
            .collect();
        for (target, retry) in due {
            let Some(open) = self.open.remove(&target) else {
                continue;
            };
            self.table.remove(open.number);
            self.open(target.clone(), open.options, Some(retry));
            if let Some(Carrier::Listening(_)) = self.open.get(&target).map(|open| &open.carrier) {
                log::info!(target: "ovsdb_jsonrpc_server", "{target}: listening after {} attempts", retry.attempts + 1);
            }
        }
    }

    /// Number of connections of a remote that is open, its port if it listens, and whether it dials.
    pub(crate) fn status(&self) -> impl Iterator<Item = RemoteStatus<'_>> {
        self.open.iter().map(|(target, open)| RemoteStatus {
            target,
            sessions_count: open.entry.sessions_count(),
            bound_port: match &open.carrier {
                Carrier::Listening(serving) => serving.bound_port(),
                _ => None,
            },
            dial: match &open.carrier {
                Carrier::Dialling(dial) => Some(dial.status()),
                _ => None,
            },
            session: open.entry.dialled_session(),
        })
    }

    fn wanted(&mut self) -> Wanted {
        let catalog = self.shared.catalog();
        let mut wanted = Wanted::new();
        for (target, options) in &self.given {
            let Ok(Remote::Column(column)) = target.parse() else {
                configured::want(&mut wanted, target.clone(), options.clone());
                continue;
            };
            match configured::read(&column, &catalog) {
                Ok(more) => {
                    self.complaints.remove(target);
                    for (target, options) in more {
                        configured::want(&mut wanted, target, options);
                    }
                }
                Err(complaint) => {
                    if self.complaints.get(target) != Some(&complaint) {
                        log::warn!(target: "ovsdb_server", "{complaint}");
                        self.complaints.insert(target.clone(), complaint);
                    }
                }
            }
        }
        wanted
    }

    fn close(&mut self, target: &str, is_unwanted: bool) {
        let Some(open) = self.open.remove(target) else {
            return;
        };
        if is_unwanted {
            log::info!(target: "ovsdb_jsonrpc_server", "{target}: remote deconfigured");
        }
        drop(open.carrier);
        self.table.remove(open.number);
        self.shared
            .disconnect(Which::Remote(open.number), "remote deconfigured");
    }

    fn open(&mut self, target: String, options: Options, before: Option<Retry>) {
        self.numbers += 1;
        let number = self.numbers;
        let rights = Rights {
            is_read_only: options.is_read_only,
            role: options.role.clone(),
            ..Rights::default()
        };
        let entry = Arc::new(RemoteEntry::new(rights, options.probe_ms));
        self.table.insert(number, Arc::clone(&entry));
        let carrier = match target.parse() {
            Ok(Remote::Passive(passive)) => self.listen(&target, &passive, &options, number, before),
            Ok(Remote::Active(active)) => self.dial(&target, active, &options, number, &entry),
            Ok(Remote::Column(_)) => {
                log::warn!(target: "ovsdb_server", "{target}: a remote in a database cannot name another one");
                Carrier::Hopeless
            }
            Err(error) => {
                let complaint = error.to_string();
                if self.complaints.get(&target) != Some(&complaint) {
                    log::warn!(target: "ovsdb_server", "{complaint}");
                }
                Carrier::Hopeless
            }
        };
        self.open.insert(
            target,
            Open {
                number,
                options,
                entry,
                carrier,
            },
        );
    }

    /// `before` tells of attempts that failed.
    fn listen(
        &self,
        target: &str,
        passive: &Passive,
        options: &Options,
        number: u64,
        before: Option<Retry>,
    ) -> Carrier {
        let dscp = options.dscp.unwrap_or(DSCP_DEFAULT);
        let listener = match Listener::open(target, passive, dscp, &self.tls) {
            Ok(listener) => listener,
            Err(failure) => {
                // Again and again one line is enough.
                if before.is_none() {
                    failure.log();
                }
                return Carrier::failed(target, &failure.error, before);
            }
        };
        match listener.serve(self.workers.clone(), number) {
            Ok(serving) => Carrier::Listening(serving),
            Err(error) => Carrier::failed(target, &error, before),
        }
    }

    fn dial(
        &self,
        target: &str,
        active: Active,
        options: &Options,
        number: u64,
        entry: &RemoteEntry,
    ) -> Carrier {
        let dscp = options.dscp.unwrap_or(DSCP_DEFAULT);
        let dial = Dial::start(target, active, dscp, self.workers.clone(), number, &self.tls);
        entry.set_ended(dial.ended());
        if let Some(ms) = options.backoff_max_ms {
            dial.set_backoff_max(ms);
        }
        Carrier::Dialling(dial)
    }
}

impl Open {
    /// Options that apply to what is open already.
    fn adjust(&mut self, options: Options) {
        if self.options == options {
            return;
        }
        self.entry.set_probe_interval(options.probe_ms);
        if let (Carrier::Dialling(dial), true) = (
            &self.carrier,
            self.options.backoff_max_ms != options.backoff_max_ms,
        ) {
            dial.set_backoff_max(options.backoff_max_ms.unwrap_or(0));
        }
        self.options = options;
    }
}

/// What is to be known of an open remote.
pub(crate) struct RemoteStatus<'r> {
    pub(crate) target: &'r str,
    pub(crate) sessions_count: usize,
    pub(crate) bound_port: Option<u16>,
    pub(crate) dial: Option<crate::net::DialStatus>,
    /// The session with a peer that is dialled, or the last one there was.
    pub(crate) session: Option<SessionId>,
}
