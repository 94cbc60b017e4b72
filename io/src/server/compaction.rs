//! When databases are compacted: by request, and by upstream's rule of growth and time.

use super::Server;
use crate::db::{self, Hosted};
use crate::unixctl::Answer;
use ovsdb_storage::compact::Schedule;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Schedules by the epoch at a database's opening, shared with the threads that compact.
#[derive(Default)]
pub(super) struct Compactions {
    schedules: Arc<Mutex<HashMap<u64, Plan>>>,
}

enum Plan {
    Waiting(Schedule),
    Running,
}

impl Compactions {
    /// Starts what has grown enough.
    pub(super) fn start_due(&mut self, databases: &BTreeMap<String, Hosted>) {
        let now_ms = db::monotonic_ms();
        for hosted in databases.values() {
            let Some(growth) = hosted.growth() else { continue };
            let lineage = hosted.lineage;
            let is_due = {
                let mut schedules = self.schedules.lock();
                let plan = schedules
                    .entry(lineage)
                    .or_insert_with(|| Plan::Waiting(new_schedule(now_ms)));
                match plan {
                    Plan::Waiting(schedule) if schedule.is_due(now_ms, &growth) => {
                        *plan = Plan::Running;
                        true
                    }
                    _ => false,
                }
            };
            if is_due {
                self.start(hosted, |_| {});
            }
        }
    }

    /// Compacts the named database, or all that have files, and answers when that is done.
    pub(super) fn start_by_request(server: &mut Server, name: Option<&str>, answer: Answer) {
        let chosen: Vec<&Hosted> = server
            .databases
            .values()
            .filter(|hosted| hosted.file.is_some() && name.is_none_or(|name| name == hosted.name))
            .collect();
        if name.is_some() && chosen.is_empty() {
            return answer.error("no database by that name");
        }
        let pending = Arc::new(Mutex::new(Pending {
            left: chosen.len(),
            errors: String::new(),
            answer: Some(answer),
        }));
        pending.lock().answer_if_done();
        for hosted in chosen {
            let name = &hosted.name;
            log::info!(target: "ovsdb_server", "compacting {name} database by user request");
            let pending = Arc::clone(&pending);
            server
                .compactions
                .start(hosted, move |result| pending.lock().one_done(result));
        }
    }

    fn start(&self, hosted: &Hosted, done: impl FnOnce(Result<(), String>) + Send + 'static) {
        let (name, lineage) = (hosted.name.clone(), hosted.lineage);
        let schedules = Arc::clone(&self.schedules);
        let started = hosted.compact(move |result| {
            if let Err(error) = &result {
                log::warn!(target: "ovsdb_server", "{name}: compaction failed ({error})");
            }
            schedules
                .lock()
                .insert(lineage, Plan::Waiting(new_schedule(db::monotonic_ms())));
            done(result.map_err(|error| error.to_string()));
        });
        if let Err(error) = started {
            log::warn!(target: "ovsdb_server", "{}: compaction not started ({error})", hosted.name);
        }
    }
}

fn new_schedule(now_ms: u64) -> Schedule {
    Schedule::new(now_ms, uuid::Uuid::new_v4().as_u64_pair().0)
}

/// A request for compaction and how much of it is still to be done.
struct Pending {
    left: usize,
    errors: String,
    answer: Option<Answer>,
}

impl Pending {
    fn one_done(&mut self, result: Result<(), String>) {
        self.left -= 1;
        if let Err(error) = result {
            self.errors.push_str(&error);
            self.errors.push('\n');
        }
        self.answer_if_done();
    }

    fn answer_if_done(&mut self) {
        if self.left > 0 {
            return;
        }
        let Some(answer) = self.answer.take() else { return };
        if self.errors.is_empty() {
            answer.done();
        } else {
            answer.error(self.errors.trim_end());
        }
    }
}
