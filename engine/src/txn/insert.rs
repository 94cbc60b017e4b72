//! `insert` (RFC 7047 §5.2.1), with upstream's `uuid` member.

use super::execute::Execution;
use super::names::Names;
use super::row;
use crate::datum::{Atom, Datum, constraint, print, uuid_text};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, TableId};
use crate::schema::{ColumnSchema, Schema, TableSchema};
use crate::store::Row;
use ovsdb_wire::operation;
use ovsdb_wire::value::Value;
use uuid::Uuid;

/// A row ready to go in, with its `_uuid` and its first `_version`.
#[derive(Debug)]
pub(super) struct Insert {
    pub(super) table: TableId,
    explicit: Option<Box<Explicit>>,
    /// An error here comes after that of a duplicate explicit uuid, so it waits for execution.
    row: Result<Row>,
}

/// An explicit uuid and how the request spelled it.
#[derive(Debug)]
struct Explicit {
    uuid: Uuid,
    syntax: Box<str>,
}

impl Insert {
    pub(super) fn compile(
        schema: &Schema,
        table: TableId,
        shape: &operation::Insert<'_>,
        names: &mut Names<'_>,
    ) -> Result<Insert> {
        let explicit = shape
            .uuid
            .as_ref()
            .map(Explicit::parse)
            .transpose()?
            .map(Box::new);
        let uuid = explicit.as_ref().map(|explicit| explicit.uuid);
        let row = build(schema.table(table), shape, uuid, names);
        match (&explicit, row) {
            (None, Err(error)) => Err(error),
            (_, row) => Ok(Insert { table, explicit, row }),
        }
    }

    /// The uuid that the request gives the row.
    pub(super) fn explicit_uuid(&self) -> Option<Uuid> {
        self.explicit.as_ref().map(|explicit| explicit.uuid)
    }

    /// The row that goes in.
    pub(super) fn row(&self) -> Option<&Row> {
        self.row.as_ref().ok()
    }

    /// True if the operation fails whatever the rows are, so that nothing after it is ever executed.
    pub(super) fn always_fails(&self) -> bool {
        self.row.is_err()
    }

    pub(super) fn execute(&self, run: &mut Execution<'_>, out: &mut Vec<u8>) -> Result<()> {
        if let Some(explicit) = &self.explicit {
            let is_taken = run.store.table(self.table).get(explicit.uuid).is_some();
            if is_taken || run.store.was_removed(self.table, explicit.uuid) {
                return Err(explicit.duplicate(run.store.schema().table(self.table)));
            }
        }
        let row = self.row.as_ref().map_err(Clone::clone)?;
        if let Some(access) = &run.access {
            access.check_insert(run.store, self.table, row)?;
        }
        out.extend_from_slice(b"{\"uuid\":");
        print::write(row.get(ColumnIdx::UUID), out);
        out.push(b'}');
        run.store.insert(self.table, row.clone());
        Ok(())
    }
}

impl Explicit {
    fn parse(value: &Value<'_>) -> Result<Explicit> {
        let text = value
            .as_text_bytes()
            .expect("`uuid` was accepted as a string only");
        let uuid = uuid_text::parse(text).ok_or_else(|| OvsdbError::syntax(value, "bad uuid"))?;
        let mut syntax = Vec::new();
        ovsdb_wire::write::string_bytes(&mut syntax, text);
        let syntax = String::from_utf8(syntax).expect("a uuid is written in ASCII");
        Ok(Explicit {
            uuid,
            syntax: syntax.into(),
        })
    }

    fn duplicate(&self, table: &TableSchema) -> Box<OvsdbError> {
        let details = format!(
            "This UUID would duplicate a UUID already present within the \"{}\" table or deleted from this \
             table within the same transaction.",
            table.name
        );
        let mut error = OvsdbError::new(Tag::DuplicateUuid, details);
        error.syntax = Some(self.syntax.to_string());
        error
    }
}

fn build(
    table: &TableSchema,
    shape: &operation::Insert<'_>,
    explicit: Option<Uuid>,
    names: &mut Names<'_>,
) -> Result<Row> {
    let uuid = match &shape.uuid_name {
        Some(value) => {
            let name = value.as_str().expect("`uuid-name` was accepted as an id only");
            names.insert(name, explicit).ok_or_else(|| {
                let details = "This \"uuid-name\" appeared on an earlier \"insert\" operation.";
                OvsdbError::new(Tag::DuplicateUuidName, details).about(value)
            })?
        }
        None => explicit.unwrap_or_else(|| names.unnamed()),
    };
    let given = row::parse(&shape.row, table, names)?;
    let mut columns = row::defaults(table);
    let mut is_given = vec![false; columns.len()];
    for (column, datum) in given {
        is_given[column.at()] = true;
        columns[column.at()] = datum;
    }
    // What was given has been checked; defaults come from the type alone and may violate its constraints.
    for column in table.declared_idxs().filter(|column| !is_given[column.at()]) {
        check_default(table.column(column))?;
    }
    // The request's own `_uuid` and `_version`, if any, are ignored.
    columns[ColumnIdx::UUID.at()] = Datum::One(Atom::Uuid(uuid));
    columns[ColumnIdx::VERSION.at()] = Datum::One(Atom::Uuid(names.unnamed()));
    Ok(Row::new(columns))
}

fn check_default(column: &ColumnSchema) -> Result<()> {
    for atom in column.default.keys() {
        constraint::check(atom, &column.ty.key)?;
    }
    for atom in column.default.values() {
        let base = column.ty.value.as_ref().expect("a map has a value type");
        constraint::check(atom, base)?;
    }
    Ok(())
}
