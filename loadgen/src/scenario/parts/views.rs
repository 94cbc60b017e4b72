//! Clients each of which monitors the rows of a condition of its own.

use std::sync::Arc;

use crate::error::Result;
use crate::fleet::{Behaviour, Fleet, MonitorOf};
use crate::fold::columns::Columns;
use crate::scenario::Trial;
use crate::southbound::monitor::{self, Clause, Condition, Oracle};

/// The condition of each client.
pub(in crate::scenario) struct Views {
    columns: Arc<Columns>,
    /// All tables that any of them monitors.
    tables: &'static [&'static str],
    /// The tables and columns by which they select.
    selected_by: &'static [(&'static str, &'static str)],
    condition: Arc<dyn Fn(usize) -> Condition + Send + Sync>,
}

impl Views {
    pub(in crate::scenario) fn new(
        trial: &Trial<'_>,
        tables: &'static [&'static str],
        selected_by: &'static [(&'static str, &'static str)],
        condition: impl Fn(usize) -> Condition + Send + Sync + 'static,
    ) -> Views {
        Views {
            columns: trial.columns.clone(),
            tables,
            selected_by,
            condition: Arc::new(condition),
        }
    }

    /// The condition that selects, by all the columns of `selected_by`, the rows of any of these values.
    pub(in crate::scenario) fn any_of<'a>(
        tables: &'static [&'static str],
        selected_by: &'static [(&'static str, &'static str)],
        values: impl Iterator<Item = &'a str> + Clone,
    ) -> Condition {
        let clauses = selected_by.iter().flat_map(|&(table, column)| {
            values.clone().map(move |value| Clause {
                table: table.into(),
                column: column.into(),
                function: "==",
                value: value.to_owned(),
            })
        });
        Condition {
            clauses: clauses.collect(),
            only: monitor::names(tables),
        }
    }

    /// For a fleet.
    pub(in crate::scenario) fn monitor(&self) -> MonitorOf {
        let (columns, condition) = (self.columns.clone(), self.condition.clone());
        Arc::new(move |client| Some(monitor::conditional(&columns, &condition(client))))
    }

    /// Compares every client with the rows of the database that its condition selects.
    pub(in crate::scenario) fn verify<B: Behaviour>(
        &self,
        trial: &mut Trial<'_>,
        fleet: &Fleet<B>,
    ) -> Result<()> {
        let requests = monitor::tables(&self.columns, self.tables);
        let clients = fleet.len();
        trial.verify_each(fleet, &requests, |reference| {
            let oracle = Oracle::new(&self.columns, reference, self.selected_by);
            let expected: Vec<u128> = (0..clients)
                .map(|client| oracle.digest(&(self.condition)(client)))
                .collect();
            move |client| Some(expected[client])
        })
    }
}
