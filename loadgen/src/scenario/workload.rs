//! `workload`: what a file describes (`--workload`). It imitates the deployment of whoever wrote the file: groups of
//! clients with their monitors, and writers with their rates or depths, all at work at the same time.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::fleet::{Behaviour, Board, Fleet, Port, Reply, Request};
use crate::fold::columns::Columns;
use crate::measure::progress::Counter;
use crate::scenario::parts::arrivals::Arrivals;
use crate::scenario::{Manner, Trial};
use crate::southbound::monitor::{self, Clause, Condition, Oracle};
use crate::southbound::site::{self, Site, Size};
use crate::workload::{Group, GroupSize, Monitor, Pace, Place, Template, Workload};

/// A workload with everything that its places stand for.
struct Play {
    workload: Arc<Workload>,
    site: Site,
    pods_per_node: usize,
    /// The clients of each group.
    groups: Vec<Range<usize>>,
    /// Transactions that each writer has sent.
    sent: Vec<AtomicU64>,
    database: String,
}

impl Play {
    /// A template filled for a client of a group.
    fn fill(&self, template: &Template, client: usize, number: u64) -> String {
        use std::fmt::Write;
        let node = client.checked_rem(self.site.datapaths.len()).unwrap_or(0);
        template.fill(|place, out| {
            let written = match place {
                Place::Number => write!(out, "{number}"),
                Place::Client => write!(out, "{client}"),
                Place::Node => write!(out, "{node}"),
                Place::Chassis => out.write_str(&self.site.chassis[node]),
                Place::ChassisPrivate => out.write_str(&self.site.chassis_private[node]),
                Place::Datapath => out.write_str(&self.site.datapaths[node]),
                Place::Global => out.write_str(&self.site.global),
                Place::Port => {
                    let pod = (number as usize / self.site.datapaths.len()) % self.pods_per_node;
                    out.write_str(&self.site.ports[node * self.pods_per_node + pod])
                }
            };
            written.expect("a string takes everything");
        })
    }

    fn group_of(&self, client: usize) -> usize {
        let found = self.groups.iter().position(|group| group.contains(&client));
        found.expect("every client is of a group")
    }

    /// What a client monitors; `None` if nothing.
    fn condition(&self, client: usize) -> Option<Condition> {
        let number = self.group_of(client);
        let within = client - self.groups[number].start;
        let (tables, clauses) = match &self.workload.clients[number].monitor {
            Monitor::Nothing => return None,
            Monitor::Everything { tables } => (tables, &[][..]),
            Monitor::Rows { tables, clauses } => (tables, &clauses[..]),
        };
        let clauses = clauses.iter().map(|clause| Clause {
            table: clause.table.clone().into(),
            column: clause.column.clone().into(),
            function: "==",
            value: compact(self.fill(&clause.value, within, 0)),
        });
        Some(Condition {
            clauses: clauses.collect(),
            only: tables.iter().map(|table| table.clone().into()).collect(),
        })
    }
}

/// JSON as the values of rows are compared, without the spaces that people write.
fn compact(text: String) -> String {
    serde_json::from_str::<serde_json::Value>(&text).map_or(text, |value| value.to_string())
}

/// A writer's share of the clients of a shard.
struct Share {
    clients: Range<usize>,
    arrivals: Option<Arrivals>,
    next: usize,
}

struct Mixed {
    play: Arc<Play>,
    shares: Vec<Share>,
    until: Option<Instant>,
}

impl Mixed {
    fn begin(&mut self, port: &mut Port, length: Duration) {
        let now = Instant::now();
        self.until = Some(now + length);
        let play = self.play.clone();
        for (number, writer) in play.workload.writers.iter().enumerate() {
            let (group, mine) = (&play.groups[writer.group], port.clients());
            let clients =
                group.start.max(mine.start)..group.end.min(mine.end).max(group.start.max(mine.start));
            let arrivals = match writer.pace {
                Pace::Rate(rate) if !clients.is_empty() => {
                    let rate = rate * clients.len() as f64 / group.len() as f64;
                    let count = (rate * length.as_secs_f64()).round() as u64;
                    Some(Arrivals::new(now, rate, count))
                }
                _ => None,
            };
            if let Pace::Depth(depth) = writer.pace {
                for client in clients.clone() {
                    (0..depth).for_each(|_| self.send(port, number, client, now));
                }
            }
            self.shares.push(Share {
                clients,
                arrivals,
                next: 0,
            });
        }
    }

    fn send(&self, port: &mut Port, number: usize, client: usize, intended: Instant) {
        let play = &self.play;
        let writer = &play.workload.writers[number];
        let within = client - play.groups[writer.group].start;
        let transaction = play.sent[number].fetch_add(1, Ordering::Relaxed) + 1;
        let operations = play.fill(&writer.transaction, within, transaction);
        port.request(
            client,
            Request {
                method: "transact",
                params: &format!(r#"["{}",{operations}]"#, play.database),
                tag: number as u32,
                expected: writer.expected,
                intended,
            },
        );
    }
}

impl Behaviour for Mixed {
    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        let number = reply.tag as usize;
        port.record(number, reply.latency);
        port.done(1);
        let now = Instant::now();
        let is_open = self.until.is_some_and(|until| now < until);
        if is_open && matches!(self.play.workload.writers[number].pace, Pace::Depth(_)) {
            self.send(port, number, client, now);
        }
    }

    fn turn(&mut self, port: &mut Port, now: Instant) -> Option<Instant> {
        let mut earliest: Option<Instant> = None;
        for number in 0..self.shares.len() {
            while let Some(intended) = self.shares[number]
                .arrivals
                .as_mut()
                .and_then(|arrivals| arrivals.take(now))
            {
                let share = &mut self.shares[number];
                let client = share.clients.start + share.next % share.clients.len();
                share.next += 1;
                self.send(port, number, client, intended);
            }
            let next = self.shares[number].arrivals.and_then(|arrivals| arrivals.next());
            earliest = [earliest, next].into_iter().flatten().min();
        }
        earliest
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    let workload = trial
        .settings
        .workload
        .clone()
        .ok_or_else(|| Failure::Usage("scenario workload needs --workload FILE".to_owned()))?;
    require(&trial.columns, &workload)?;
    let groups = ranges(&workload.clients, trial.settings.clients);
    let clients = groups.last().map_or(0, |group| group.end);
    let length = workload
        .seconds
        .map_or(trial.settings.length, Duration::from_secs_f64);
    let site = fill(trial, &workload)?;
    let play = Arc::new(Play {
        site,
        pods_per_node: workload.site.map_or(0, |site| site.pods_per_node),
        groups,
        sent: workload.writers.iter().map(|_| AtomicU64::new(0)).collect(),
        database: trial.database().to_owned(),
        workload: workload.clone(),
    });
    let (columns, theirs) = (trial.columns.clone(), play.clone());
    let monitor = Arc::new(move |client| Some(monitor::conditional(&columns, &theirs.condition(client)?)));
    let fleet = trial.fleet_of(Manner::DIFFERING, clients, monitor, workload.series, |_| Mixed {
        play: play.clone(),
        shares: Vec::new(),
        until: None,
    })?;
    trial.connect(&fleet)?;
    write(trial, &fleet, &play, length)?;
    verify(trial, &fleet, &play)
}

/// Lets the writers write for some time, and tells what came of it.
fn write(trial: &mut Trial<'_>, fleet: &Fleet<Mixed>, play: &Play, length: Duration) -> Result<()> {
    trial.progress.phase("at work", fleet.board(), Counter::Done, 0);
    let updates = Board::get(&fleet.board().updates);
    let (cpu, start) = (trial.cpu(), Instant::now());
    fleet.post(move |mixed, port| mixed.begin(port, length));
    trial.pass(fleet, start + length)?;
    trial.wait_for_answers(fleet)?;
    let took = start.elapsed().as_secs_f64();
    let updates = (Board::get(&fleet.board().updates) - updates) as f64;
    let sent = play.sent.iter().map(|sent| sent.load(Ordering::Relaxed));
    let total: u64 = sent.clone().sum();
    trial.outcome.clients = fleet.len();
    for (writer, sent) in play.workload.writers.iter().zip(sent) {
        let name = format!("{}: transactions", writer.name);
        trial.outcome.higher(&name, "1/s", sent as f64 / took);
    }
    trial.outcome.higher("updates heard", "1/s", updates / took);
    trial.cpu_since(cpu, "server CPU a transaction", "µs", 1e6, total as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    Ok(())
}

fn verify(trial: &mut Trial<'_>, fleet: &Fleet<Mixed>, play: &Play) -> Result<()> {
    let mut by: BTreeSet<(&str, &str)> = BTreeSet::new();
    for group in &play.workload.clients {
        if let Monitor::Rows { clauses, .. } = &group.monitor {
            by.extend(clauses.iter().map(|clause| (&*clause.table, &*clause.column)));
        }
    }
    let by: Vec<(&str, &str)> = by.into_iter().collect();
    let columns = trial.columns.clone();
    let everything = monitor::everything(&columns);
    trial.verify_each(fleet, &everything, |reference| {
        let oracle = Oracle::new(&columns, reference, &by);
        let digest = |client| play.condition(client).map(|condition| oracle.digest(&condition));
        let expected: Vec<Option<u128>> = (0..fleet.len()).map(digest).collect();
        move |client| expected[client]
    })
}

/// The clients of each group, one group after the other.
fn ranges(groups: &[Group], clients: usize) -> Vec<Range<usize>> {
    let mut next = 0;
    let sizes = groups.iter().map(|group| match group.size {
        GroupSize::Count(count) => count,
        GroupSize::Percent(percent) => ((clients as f64 * percent / 100.0).round() as usize).max(1),
    });
    sizes
        .map(|size| {
            next += size;
            next - size..next
        })
        .collect()
}

/// Fails unless the schema has the tables and columns that the file names.
fn require(columns: &Columns, workload: &Workload) -> Result<()> {
    for group in &workload.clients {
        let (tables, clauses) = match &group.monitor {
            Monitor::Nothing => continue,
            Monitor::Everything { tables } => (tables, &[][..]),
            Monitor::Rows { tables, clauses } => (tables, &clauses[..]),
        };
        for table in tables {
            columns.require(&[(table, &[])])?;
        }
        for clause in clauses {
            columns.require(&[(&clause.table, &[&clause.column])])?;
            if !columns.is_single(&clause.table, &clause.column) {
                return Err(Failure::Usage(format!(
                    "where: {}.{} may have several values, and what == selects then cannot be checked",
                    clause.table, clause.column
                )));
            }
        }
    }
    Ok(())
}

fn fill(trial: &mut Trial<'_>, workload: &Workload) -> Result<Site> {
    let Some(size) = workload.site else {
        return Ok(Site::default());
    };
    trial.require(site::NEEDED)?;
    let size = Size {
        nodes: size.nodes.unwrap_or(trial.settings.clients),
        flows_per_node: size.flows_per_node,
        pods_per_node: size.pods_per_node,
    };
    Site::fill(&mut trial.control, &trial.columns, size)
}
