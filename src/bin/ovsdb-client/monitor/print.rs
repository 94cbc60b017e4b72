//! Contents and changes as tables: a row's uuid, what happened to it, its columns.

use ovsdb::cli::table::{Cell, Printer, Style, Table};
use ovsdb::cli::{Fatal, Result, program};
use ovsdb_wire::value::{Object, Value};

use super::request::Monitored;
use crate::PROGRAM;

/// Prints updates into [`Output::text`].
pub(super) struct Output<'m> {
    printer: Printer,
    monitored: &'m [Monitored<'m>],
    /// Printed before each table, if set.
    pub(super) time: Option<String>,
    /// What is to be printed.
    pub(super) text: Vec<u8>,
}

/// How rows are told of.
#[derive(Clone, Copy, PartialEq)]
enum Notation {
    /// `<table-updates>` in the reply to `monitor`: all rows are initial.
    Initial,
    /// `<table-updates>` of `update` (RFC 7047 §4.1.6).
    Update,
    /// `<table-updates2>`.
    Update2,
}

impl<'m> Output<'m> {
    pub(super) fn new(style: Style, monitored: &'m [Monitored<'m>]) -> Output<'m> {
        Output {
            printer: Printer::new(style),
            monitored,
            time: None,
            text: Vec::new(),
        }
    }

    /// The reply to `monitor`.
    pub(super) fn initial(&mut self, updates: &Value<'_>) -> Result<()> {
        self.updates(updates, Notation::Initial)
    }

    pub(super) fn update(&mut self, updates: &Value<'_>) -> Result<()> {
        self.updates(updates, Notation::Update)
    }

    pub(super) fn update2(&mut self, updates: &Value<'_>) -> Result<()> {
        self.updates(updates, Notation::Update2)
    }

    /// The reply to `monitor_cond_since`.
    pub(super) fn initial3(&mut self, result: &Value<'_>) -> Result<()> {
        let Some([Value::Bool(found), Value::String(last_id), updates]) = result.as_array() else {
            return Err(Fatal::new(
                "<result> should be an array of found, last-txn-id and <table-updates2>",
            ));
        };
        self.text
            .extend_from_slice(format!("found: {found}, last_id: {last_id}\n").as_bytes());
        self.update2(updates)
    }

    /// `update3`. The line end after the id is the blank line that sets off the next table.
    pub(super) fn update3(&mut self, last_id: &str, updates: &Value<'_>) -> Result<()> {
        self.text
            .extend_from_slice(format!("\nlast_id: {last_id}").as_bytes());
        self.update2(updates)
    }

    fn updates(&mut self, updates: &Value<'_>, notation: Notation) -> Result<()> {
        let Some(updates) = updates.as_object() else {
            complain("<table-updates> is not object");
            return Ok(());
        };
        let monitored = self.monitored;
        for table in monitored {
            if let Some(update) = updates.get(&table.table.name) {
                self.table(table, &update, notation);
            }
        }
        Ok(())
    }

    fn table(&mut self, monitored: &'m Monitored<'m>, update: &Value<'_>, notation: Notation) {
        let Some(rows) = update.as_object() else {
            complain(&format!(
                "<table-update> for table {} is not object",
                monitored.table.name
            ));
            return;
        };
        let columns = monitored.columns.iter().map(|column| column.name.as_str());
        let mut table = Table {
            caption: (self.monitored.len() > 1).then(|| monitored.table.name.clone()),
            time: self.time.clone(),
            headings: ["row", "action"].into_iter().chain(columns).collect(),
            rows: Vec::with_capacity(rows.len()),
        };
        for &(uuid, update) in rows.members() {
            match update.as_object() {
                Some(update) if notation == Notation::Update2 => {
                    add_row2(monitored, uuid, &update, &mut table)
                }
                Some(update) => add_row(monitored, uuid, &update, notation, &mut table),
                None => complain("<row-update> is not object"),
            }
        }
        self.printer.write(&table, &mut self.text);
    }
}

/// Adds what `{"old":…,"new":…}` says.
fn add_row<'t>(
    monitored: &'t Monitored<'_>,
    uuid: &'t str,
    update: &Object<'t>,
    notation: Notation,
    table: &mut Table<'t>,
) {
    let (old, new) = (update.get("old"), update.get("new"));
    match (notation, old, new) {
        (Notation::Initial, _, new) => add_cells(monitored, uuid, "initial", new, table),
        (_, None, new) => add_cells(monitored, uuid, "insert", new, table),
        (_, old, None) => add_cells(monitored, uuid, "delete", old, table),
        (_, old, new) => {
            add_cells(monitored, uuid, "old", old, table);
            add_cells(monitored, "", "new", new, table);
        }
    }
}

/// Adds what `{"initial":…}`, `{"insert":…}`, `{"modify":…}` or `{"delete":null}` says.
fn add_row2<'t>(monitored: &'t Monitored<'_>, uuid: &'t str, update: &Object<'t>, table: &mut Table<'t>) {
    for action in ["delete", "initial", "modify", "insert"] {
        match (action, update.get(action)) {
            (_, None) => {}
            ("delete", Some(Value::Null)) => {
                let mut cells = vec![Cell::Text(uuid), Cell::Text(action)];
                cells.resize(2 + monitored.columns.len(), Cell::Empty);
                table.rows.push(cells);
                return;
            }
            ("delete", Some(_)) => return complain("delete method does not expect <row>"),
            (_, row) => return add_cells(monitored, uuid, action, row, table),
        }
    }
}

fn add_cells<'t>(
    monitored: &'t Monitored<'_>,
    uuid: &'t str,
    action: &'t str,
    row: Option<Value<'t>>,
    table: &mut Table<'t>,
) {
    let Some(row) = row else {
        return complain(&format!("missing {action} row"));
    };
    let Some(row) = row.as_object() else {
        return complain("<row> is not object");
    };
    let mut cells = vec![Cell::Text(uuid), Cell::Text(action)];
    cells.extend(
        monitored
            .columns
            .iter()
            .map(|column| match row.get(&column.name) {
                Some(value) => Cell::Datum(value, &column.ty),
                None => Cell::Empty,
            }),
    );
    table.rows.push(cells);
}

/// Tells the user of an answer that makes no sense; later ones may.
fn complain(message: &str) {
    program::tell(PROGRAM, &message);
}
