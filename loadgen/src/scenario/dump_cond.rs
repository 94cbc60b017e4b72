//! `dump-cond`: a controller with `ovn-monitor-all=false` starts on a site of up to a million logical flows, a hundred
//! for each client asked for, and asks for the flows and ports of its five datapaths, some hundred kilobytes. A server
//! that tries every row against every clause makes seconds of it. First one such question after the other, each answer
//! compared with what it must be, row by row; then a thousand clients at once, whose answers must be the same bytes.
//! Then the same with all that a controller asks for, forty tables with its twenty kinds of clauses: the chassis and
//! datapaths of all the site make megabytes of each answer, and two hundred clients ask at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::fleet::{Behaviour, Board, Port, Reply, Request};
use crate::fold::columns::Columns;
use crate::fold::state::State;
use crate::fold::{contents, hash};
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::scenario::parts::views::Views;
use crate::southbound::controller::Controller;
use crate::southbound::monitor::{self, Condition};
use crate::southbound::site::{self, Site, Size};

const FLOWS_PER_CLIENT: usize = 100;
const FLOWS_MAX: usize = 1_000_000;
/// Flows and pods of a node, as northd makes them.
const NODE_FLOWS: usize = 112;
const NODE_PODS: usize = 10;
/// Datapaths of a question, and different questions.
const DATAPATHS: usize = 5;
const QUESTIONS: usize = 100;
/// Clients that ask at once.
const ASKERS_MAX: usize = 1000;
/// The same for whole requests: a gigabyte for two hundred, of ten kinds.
const WHOLE_QUESTIONS: usize = 10;
const WHOLE_ASKERS_MAX: usize = 200;
/// Tables with a row for each node that a whole request asks for without conditions.
const WHOLE_TABLES: [&str; 3] = ["Chassis", "Encap", "Datapath_Binding"];
const TABLES: &[&str] = &["Port_Binding", "Logical_Flow"];
const SELECTED_BY: &[(&str, &str)] = &[("Port_Binding", "datapath"), ("Logical_Flow", "logical_datapath")];
/// The id of the first request after the handshake.
const ASKER_ID: u64 = 3;

/// A question and the hash of its answer, as a client mostly gets it.
struct Question {
    params: String,
    answer: u128,
    /// Of the rows that it tells of.
    digest: u128,
}

impl Question {
    /// Fails unless a reply tells of the same rows.
    fn check(&self, reply: &Reply<'_>, columns: &Arc<Columns>, client: usize) -> Result<()> {
        if reply.hash() == self.answer {
            return Ok(());
        }
        if !reply.is_whole {
            return Err(Failure::Machine(format!(
                "client {client} was answered in other words than who asked the same before it, and too long an answer \
                 to be kept: nobody can tell whether it is right"
            )));
        }
        if contents(columns, reply.text)?.digest() != self.digest {
            let reason = format!("client {client} got other contents than who asked the same before it");
            return Err(Failure::Wrong(reason));
        }
        Ok(())
    }
}

struct Asker {
    questions: Arc<Vec<Question>>,
    columns: Arc<Columns>,
}

impl Asker {
    fn ask(&self, port: &mut Port, client: usize, intended: Instant) {
        let params = &self.questions[client % self.questions.len()].params;
        port.request(
            client,
            Request {
                method: "monitor_cond",
                params,
                tag: 0,
                expected: "".into(),
                intended,
            },
        );
    }
}

impl Behaviour for Asker {
    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        if let Err(failure) =
            self.questions[client % self.questions.len()].check(reply, &self.columns, client)
        {
            return port.fail(failure);
        }
        port.record(0, reply.latency);
        port.done(1);
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    let flows = (trial.settings.clients * FLOWS_PER_CLIENT).min(FLOWS_MAX);
    let size = Size {
        nodes: (flows / NODE_FLOWS).max(DATAPATHS),
        flows_per_node: NODE_FLOWS,
        pods_per_node: NODE_PODS,
    };
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let few_tables = Part {
        name: "",
        series: &["first reply, all at once"],
        condition: of_datapaths,
        tables: &[],
        questions: QUESTIONS,
        askers_max: ASKERS_MAX,
    };
    let whole = Part {
        name: "whole requests: ",
        series: &["whole requests: first reply, all at once"],
        condition: of_controller,
        tables: &WHOLE_TABLES,
        questions: WHOLE_QUESTIONS,
        askers_max: WHOLE_ASKERS_MAX,
    };
    few_tables.run(trial, &site)?;
    whole.run(trial, &site)
}

/// Questions of one kind.
struct Part {
    /// What its figures begin with.
    name: &'static str,
    series: &'static [&'static str],
    condition: fn(&Trial<'_>, &Site, &[usize]) -> Condition,
    /// Tables without conditions, with a row for each node.
    tables: &'static [&'static str],
    questions: usize,
    askers_max: usize,
}

/// Ports and flows of some datapaths, and nothing else.
fn of_datapaths(_trial: &Trial<'_>, site: &Site, datapaths: &[usize]) -> Condition {
    let datapaths: Vec<String> = datapaths
        .iter()
        .map(|&number| site::reference(&site.datapaths[number]))
        .collect();
    Views::any_of(TABLES, SELECTED_BY, datapaths.iter().map(|datapath| &**datapath))
}

/// What the controller of the first of some datapaths asks for.
fn of_controller(trial: &Trial<'_>, site: &Site, datapaths: &[usize]) -> Condition {
    let node = datapaths[0];
    let datapaths = datapaths.iter();
    let controller = Controller {
        name: &format!("hv-{node}"),
        chassis: &site.chassis[node],
        datapaths: datapaths
            .map(|&number| (&*site.datapaths[number], number + 1))
            .collect(),
        ports: Vec::new(),
    };
    controller.condition(&trial.columns, &[])
}

impl Part {
    /// Asks one question after the other, and then has all clients ask at once.
    fn run(&self, trial: &mut Trial<'_>, site: &Site) -> Result<()> {
        let mut took = Vec::new();
        let mut questions = Vec::new();
        for number in 0..self.questions.min(site.datapaths.len()) {
            let (question, time) = self.ask(trial, site, number)?;
            questions.push(question);
            took.push(time);
        }
        let name = format!("{}first reply, one at a time", self.name);
        trial.outcome.rounds(&name, "ms", 1e3, &took);
        self.ask_at_once(trial, questions)
    }

    fn ask_at_once(&self, trial: &mut Trial<'_>, questions: Vec<Question>) -> Result<()> {
        let askers = trial.settings.clients.min(self.askers_max);
        let questions = Arc::new(questions);
        let columns = trial.columns.clone();
        let fleet = trial.fleet(askers, Arc::new(|_| None), self.series, |_| Asker {
            questions: questions.clone(),
            columns: columns.clone(),
        })?;
        trial.connect(&fleet)?;
        let goal = askers as u64;
        trial.progress.phase("asking", fleet.board(), Counter::Done, goal);
        let (bytes, cpu, start) = (Board::get(&fleet.board().bytes), trial.cpu(), Instant::now());
        fleet.post(|asker, port| {
            let now = Instant::now();
            port.clients().for_each(|client| asker.ask(port, client, now));
        });
        trial.wait(&fleet, "first replies", |board| Board::get(&board.done) >= goal)?;
        let took = start.elapsed().as_secs_f64();
        let bytes = (Board::get(&fleet.board().bytes) - bytes) as f64;
        let compared = trial.outcome.compared.max(askers);
        (trial.outcome.clients, trial.outcome.compared) = (compared, compared);
        let name = |figure: &str| format!("{}{figure}", self.name);
        trial.outcome.lower(&name("all clients at once"), "s", took);
        trial
            .outcome
            .higher(&name("contents sent"), "MB/s", bytes / 1e6 / took);
        trial.cpu_since(cpu, &name("server CPU a client"), "ms", 1e3, goal as f64);
        trial.outcome.latencies(&fleet.latencies()?);
        trial.own_memory(&fleet);
        Ok(())
    }

    /// Asks a question by itself, checks the answer and gives the time that it took.
    fn ask(&self, trial: &mut Trial<'_>, site: &Site, number: usize) -> Result<(Question, Duration)> {
        let nodes = site.datapaths.len();
        let datapaths: Vec<usize> = (0..DATAPATHS)
            .map(|at| (number * DATAPATHS + at) % nodes)
            .collect();
        let condition = (self.condition)(trial, site, &datapaths);
        let requests = monitor::conditional(&trial.columns, &condition);
        let params = format!(r#"["{}","dump",{requests}]"#, trial.database());
        let start = Instant::now();
        let text = trial.control.call_raw("monitor_cond", &params)?;
        let took = start.elapsed();
        trial.control.call("monitor_cancel", r#"["dump"]"#)?;

        let state = contents(&trial.columns, &text)?;
        let references = datapaths
            .iter()
            .map(|&number| site::reference(&site.datapaths[number]));
        check(trial, &state, &references.collect::<Vec<String>>())?;
        for table in self.tables {
            let rows = rows_of(trial, &state, table);
            if rows != nodes {
                let reason = format!("{rows} rows of {table} instead of {nodes}");
                return Err(Failure::Wrong(reason));
            }
        }
        let question = Question {
            params,
            answer: hash(&with_id(text, ASKER_ID)),
            digest: state.digest(),
        };
        Ok((question, took))
    }
}

/// The rows of a table that a reply tells of.
fn rows_of(trial: &Trial<'_>, state: &State, table: &str) -> usize {
    let number = trial.columns.table(table).map(|(number, _)| number);
    state.iter().filter(|(_, row)| Some(row.table) == number).count()
}

/// An answer must hold the rows of the datapaths: as many as there are, and no others.
fn check(trial: &Trial<'_>, state: &State, datapaths: &[String]) -> Result<()> {
    let wanted: HashSet<&str> = datapaths.iter().map(|datapath| &**datapath).collect();
    for ((table, column), each) in SELECTED_BY.iter().zip([NODE_PODS, NODE_FLOWS]) {
        let (table, column) = trial.columns.number(table, column);
        let of_table = state.iter().filter(|(_, row)| row.table == table);
        let (wanted_rows, others): (Vec<_>, Vec<_>) =
            of_table.partition(|(_, row)| row.one(column).is_some_and(|value| wanted.contains(value)));
        if wanted_rows.len() != wanted.len() * each || !others.is_empty() {
            return Err(Failure::Wrong(format!(
                "{} rows of the wanted datapaths and {} of others instead of {} and none",
                wanted_rows.len(),
                others.len(),
                wanted.len() * each
            )));
        }
    }
    Ok(())
}

/// A reply as it would be to a request with another id.
fn with_id(text: Vec<u8>, id: u64) -> Vec<u8> {
    let member = br#""id":"#;
    // It stands before or after the contents, whose strings have escaped quotes.
    let Some(at) = memchr::memmem::find(&text, member) else {
        return text;
    };
    let from = at + member.len();
    let digits = text[from..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let mut changed = text[..from].to_vec();
    changed.extend_from_slice(id.to_string().as_bytes());
    changed.extend_from_slice(&text[from + digits..]);
    changed
}
