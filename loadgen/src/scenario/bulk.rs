//! `bulk`: the first transaction of northd on a new southbound database, or a restored backup: everything at once, ten
//! logical flows for each client asked for, at most a hundred thousand; a thousand echoes a second are sent beside it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use crate::error::{Failure, Result};
use crate::fleet::Quiet;
use crate::scenario::Trial;
use crate::scenario::parts::echoes::Echoes;
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

const ROWS_PER_CLIENT: usize = 10;
const ROWS_MAX: usize = 100_000;
const ECHOES_PER_S: f64 = 1000.0;

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    let size = Size {
        nodes: 1,
        flows_per_node: 0,
        pods_per_node: 0,
    };
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let requests = monitor::everything(&trial.columns);
    let theirs = requests.clone();
    let fleet = trial.fleet(1, Arc::new(move |_| Some(theirs.clone())), &[], |_| Quiet)?;
    trial.connect(&fleet)?;

    let rows = (trial.settings.clients * ROWS_PER_CLIENT).min(ROWS_MAX);
    let mut params = format!(r#"["{}""#, trial.database());
    for row in 0..rows {
        let datapath = format!(r#"["uuid","{}"]"#, site.datapaths[0]);
        write!(
            params,
            ",{}",
            site::flow_operation(&datapath, row >> 8, row, &format!("lp-{row}"))
        )
        .expect("a string takes everything");
    }
    params.push(']');
    let echoes = Echoes::begin(trial, "echo beside", ECHOES_PER_S)?;
    let (cpu, start) = (trial.cpu(), Instant::now());
    let reply = trial.control.call_raw("transact", &params)?;
    let took = start.elapsed().as_secs_f64();
    let echoes = echoes.end()?;
    let inserted = insertions(&reply, rows);
    if inserted != rows {
        return Err(Failure::Wrong(format!(
            "{inserted} insertions were answered of {rows}"
        )));
    }
    trial.outcome.lower("transaction", "s", took);
    trial.outcome.higher("rows", "1/s", rows as f64 / took);
    trial
        .outcome
        .higher("text", "MB/s", params.len() as f64 / 1e6 / took);
    trial.cpu_since(cpu, "server CPU a row", "µs", 1e6, rows as f64);
    trial.outcome.latencies(&echoes);
    trial.verify(&fleet, &requests)
}

/// The insertions that a reply answers: by its bytes, or by its values if these are not those of `expected` ones.
fn insertions(reply: &[u8], expected: usize) -> usize {
    let found = memchr::memmem::find_iter(reply, r#"{"uuid":["uuid","#).count();
    if found == expected {
        return found;
    }
    let reply: Value = serde_json::from_slice(reply).unwrap_or_default();
    let results = reply["result"].as_array().into_iter().flatten();
    results.filter(|result| result["uuid"][0] == "uuid").count()
}
