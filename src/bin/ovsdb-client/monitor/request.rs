//! What to monitor, from operands such as `Bridge name,ports,!initial`.

use ovsdb::cli::{Fatal, Result};
use ovsdb_engine::schema::{ColumnSchema, TableSchema};
use ovsdb_wire::value::Value;
use ovsdb_wire::write::{self, Items, Members};

/// A table and what is asked of it: one request for each group of columns.
pub(super) struct Monitored<'s> {
    pub(super) table: &'s TableSchema,
    /// Those of all groups, in their order.
    pub(super) columns: Vec<&'s ColumnSchema>,
    groups: Vec<Group>,
}

/// Columns that share a selection of changes.
struct Group {
    /// Its part of [`Monitored::columns`].
    columns: std::ops::Range<usize>,
    select: Select,
}

/// Kinds of changes, all by default.
#[derive(Clone, Copy)]
struct Select {
    initial: bool,
    insert: bool,
    delete: bool,
    modify: bool,
}

impl Default for Select {
    fn default() -> Select {
        Select {
            initial: true,
            insert: true,
            delete: true,
            modify: true,
        }
    }
}

impl<'s> Monitored<'s> {
    /// Reads groups of columns; no group at all is one of all columns.
    pub(super) fn parse(
        server: &str,
        database: &str,
        table: &'s TableSchema,
        groups: &[String],
    ) -> Result<Monitored<'s>> {
        let mut monitored = Monitored {
            table,
            columns: Vec::new(),
            groups: Vec::new(),
        };
        for group in groups {
            monitored.add_group(server, database, group)?;
        }
        if groups.is_empty() {
            monitored.add_group(server, database, "")?;
        }
        Ok(monitored)
    }

    fn add_group(&mut self, server: &str, database: &str, group: &str) -> Result<()> {
        let start = self.columns.len();
        let mut select = Select::default();
        for word in group.split(',').filter(|word| !word.is_empty()) {
            match word {
                "!initial" => select.initial = false,
                "!insert" => select.insert = false,
                "!delete" => select.delete = false,
                "!modify" => select.modify = false,
                name => {
                    let idx = self.table.column_named(name).ok_or_else(|| {
                        Fatal::new(format!(
                            "{server}: table \"{}\" in {database} does not have a column named \"{name}\"",
                            self.table.name
                        ))
                    })?;
                    self.add_column(server, self.table.column(idx))?;
                }
            }
        }
        if self.columns.len() == start {
            for idx in self.table.declared_idxs() {
                self.add_column(server, self.table.column(idx))?;
            }
            let version = self
                .table
                .column_named("_version")
                .expect("every table has this column");
            self.add_column(server, self.table.column(version))?;
        }
        self.groups.push(Group {
            columns: start..self.columns.len(),
            select,
        });
        Ok(())
    }

    fn add_column(&mut self, server: &str, column: &'s ColumnSchema) -> Result<()> {
        if self.columns.iter().any(|known| known.name == column.name) {
            let name = &column.name;
            return Err(Fatal::new(format!(
                "{server}: column \"{name}\" mentioned multiple times"
            )));
        }
        self.columns.push(column);
        Ok(())
    }

    /// Writes the array of requests; the condition goes with the first.
    pub(super) fn write_requests(&self, condition: Option<&Value<'_>>, out: &mut Vec<u8>) {
        let mut requests = Items::begin(out);
        for (at, group) in self.groups.iter().enumerate() {
            let mut request = Members::begin(requests.item());
            let mut columns = Items::begin(request.key("columns"));
            for column in &self.columns[group.columns.clone()] {
                write::string(columns.item(), &column.name);
            }
            columns.end();
            let Select {
                initial,
                insert,
                delete,
                modify,
            } = group.select;
            if !(initial && insert && delete && modify) {
                let mut select = Members::begin(request.key("select"));
                write::boolean(select.key("initial"), initial);
                write::boolean(select.key("insert"), insert);
                write::boolean(select.key("delete"), delete);
                write::boolean(select.key("modify"), modify);
                select.end();
            }
            if let Some(condition) = condition.filter(|_| at == 0) {
                write::value(request.key("where"), condition);
            }
            request.end();
        }
        requests.end();
    }
}
