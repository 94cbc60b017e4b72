//! Role-based access control: what a client with a role may write (`ovsdb-server`(1), upstream `rbac.c`).
//!
//! ```text
//!   remote ─ role ──┐
//!                   ├─► RBAC_Role ─ permissions[TABLE] ─► RBAC_Permission: whose rows, which columns, insert and delete
//!   certificate ─ id┘
//! ```
//!
//! In force for sessions with a role, on databases that have a table `RBAC_Role`. Only writing is restricted: reading,
//! waiting, monitoring and locks never are. Rows and permissions are judged as the operations before in the same
//! transaction left them. What cannot be understood (a missing row, a column of another type) permits nothing.

use crate::datum::{Atom, Datum, Str};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, RowSlot, TableId};
use crate::schema::{AtomicType, Schema, TableSchema};
use crate::store::{Row, Store};

/// The table whose presence turns access control on.
const ROLES: &str = "RBAC_Role";

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// Empty is the root role, which nothing restricts.
    pub role: &'a str,
    /// The name in the client's certificate; a client without one is permitted nothing.
    pub id: Option<&'a str>,
}

/// The rules for one client on one database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    client: Client<'a>,
    roles: TableId,
}

/// A change of rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Update,
    Mutate,
}

/// What a role may do with the rows of one table: a row of `RBAC_Permission`.
struct Permission<'s> {
    columns: &'s TableSchema,
    row: &'s Row,
}

impl Client<'_> {
    /// The client on whom no rules are imposed.
    pub const ROOT: Client<'static> = Client { role: "", id: None };

    /// Refuses to convert a database for anybody but the root role, whatever the database's rules are.
    pub fn check_convert(&self, database: &str) -> Result<()> {
        if self.role.is_empty() {
            return Ok(());
        }
        let prohibited =
            format!("\"convert\" of database {database} (only the root role may convert databases)");
        Err(self.denied(&prohibited))
    }

    fn denied(&self, prohibited: &str) -> Box<OvsdbError> {
        // What C's printf makes of no name is what clients and operators know.
        let (id, role) = (self.id.unwrap_or("(null)"), self.role);
        let details = format!("RBAC rules for client \"{id}\" role \"{role}\" prohibit {prohibited}");
        OvsdbError::new(Tag::PermissionError, details)
    }
}

impl<'a> Access<'a> {
    /// `None` if the client may do everything.
    pub(crate) fn of(client: Client<'a>, schema: &Schema) -> Option<Access<'a>> {
        if client.role.is_empty() {
            return None;
        }
        let roles = schema.table_named(ROLES)?;
        Some(Access { client, roles })
    }

    /// Whether `row`, which is new, may be inserted.
    pub(crate) fn check_insert(&self, store: &Store, table: TableId, row: &Row) -> Result<()> {
        let name = &store.schema().table(table).name;
        let is_permitted = self.permission(store, name).is_some_and(|permission| {
            self.is_owner(&permission, store.schema().table(table), row) && permission.inserts_and_deletes()
        });
        self.permit(is_permitted, || format!("row insertion into table \"{name}\"."))
    }

    /// Whether all of `rows` may be deleted.
    pub(crate) fn check_delete(&self, store: &Store, table: TableId, rows: &[RowSlot]) -> Result<()> {
        let name = &store.schema().table(table).name;
        let is_permitted = self.permission(store, name).is_some_and(|permission| {
            rows.is_empty()
                || self.owns_all(&permission, store, table, rows) && permission.inserts_and_deletes()
        });
        self.permit(is_permitted, || format!("row deletion from table \"{name}\"."))
    }

    /// Whether the given columns of all of `rows` may be changed.
    pub(crate) fn check_change(
        &self,
        change: Change,
        store: &Store,
        table: TableId,
        mut columns: impl Iterator<Item = ColumnIdx>,
        rows: &[RowSlot],
    ) -> Result<()> {
        let schema = store.schema().table(table);
        let permission = self.permission(store, &schema.name);
        let permission = permission.and_then(|permission| Some((permission.updatable()?, permission)));
        let is_permitted = permission.is_some_and(|(updatable, permission)| {
            rows.is_empty()
                || self.owns_all(&permission, store, table, rows)
                    && columns.all(|column| updatable.contains_key(&string(&schema.column(column).name)))
        });
        self.permit(is_permitted, || match change {
            Change::Update => format!("modification of table \"{}\".", schema.name),
            Change::Mutate => format!("mutate operation on table \"{}\".", schema.name),
        })
    }

    fn permit(&self, is_permitted: bool, prohibited: impl FnOnce() -> String) -> Result<()> {
        if is_permitted {
            Ok(())
        } else {
            Err(self.client.denied(&prohibited()))
        }
    }

    /// What the client's role says about the table, if it says anything to this client.
    fn permission<'s>(&self, store: &'s Store, table: &str) -> Option<Permission<'s>> {
        self.client.id?;
        let schema = store.schema().table(self.roles);
        // A handful of roles at most: no index would be faster.
        let mut roles = store.table(self.roles).iter().map(|(_, row)| row);
        let Some(role) = roles.find(|row| is_named(schema, row, self.client.role)) else {
            log::info!(target: "ovsdb_rbac", "rbac: role \"{}\" not found in rbac roles table", self.client.role);
            return None;
        };
        let column = schema.column_named("permissions")?;
        let value = schema.column(column).ty.value.as_ref()?;
        let target = value.reference.as_ref()?.table;
        let Some(Atom::Uuid(uuid)) = role.get(column).value_of(&string(table)) else {
            return None;
        };
        let (_, row) = store.table(target).get(*uuid)?;
        let columns = store.schema().table(target);
        Some(Permission { columns, row })
    }

    fn owns_all(&self, permission: &Permission<'_>, store: &Store, table: TableId, rows: &[RowSlot]) -> bool {
        let schema = store.schema().table(table);
        rows.iter().all(|slot| {
            let row = store.table(table).at(*slot);
            self.is_owner(permission, schema, row.expect("the operation has just found it"))
        })
    }

    /// Whether one of the elements of `authorization` makes the row the client's: `COLUMN` that holds its id,
    /// `COLUMN:KEY` whose value is its id, or the empty string, which stands for every row.
    fn is_owner(&self, permission: &Permission<'_>, schema: &TableSchema, row: &Row) -> bool {
        let (Some(id), Some(authorization)) = (self.client.id, permission.strings("authorization")) else {
            return false;
        };
        let mut elements = authorization.keys().filter_map(text_of);
        elements.any(|element| element.is_empty() || owner(element, schema, row) == Some(id))
    }
}

impl<'s> Permission<'s> {
    fn inserts_and_deletes(&self) -> bool {
        let found = read(
            self.columns,
            self.row,
            "insert_delete",
            (AtomicType::Boolean, None, 1),
        );
        found.is_some_and(|datum| datum.contains_key(&Atom::Boolean(true)))
    }

    /// Names of columns.
    fn updatable(&self) -> Option<&'s Datum> {
        self.strings("update")
    }

    fn strings(&self, column: &str) -> Option<&'s Datum> {
        read(
            self.columns,
            self.row,
            column,
            (AtomicType::String, None, u32::MAX),
        )
    }
}

/// Whether the role's name, or one of its names, is `role`.
fn is_named(schema: &TableSchema, row: &Row, role: &str) -> bool {
    schema
        .column_named("name")
        .is_some_and(|column| row.get(column).contains_key(&string(role)))
}

/// Whose row it is by one element of `authorization`, which is not empty.
fn owner<'r>(element: &str, schema: &TableSchema, row: &'r Row) -> Option<&'r str> {
    if !element.contains(':') {
        let datum = read(schema, row, element, (AtomicType::String, None, 1))?;
        return datum.keys().next().and_then(text_of);
    }
    // Colons at the beginning and repeated ones count as one, and what follows a third word is ignored.
    let mut words = element.split(':').filter(|word| !word.is_empty());
    let (column, key) = (words.next()?, words.next()?);
    let ty = (AtomicType::String, Some(AtomicType::String), u32::MAX);
    read(schema, row, column, ty)?
        .value_of(&string(key))
        .and_then(text_of)
}

/// The value of a column that has exactly the type expected: key, value, and how many at most.
fn read<'r>(
    schema: &TableSchema,
    row: &'r Row,
    column: &str,
    expected: (AtomicType, Option<AtomicType>, u32),
) -> Option<&'r Datum> {
    let column = schema.column_named(column)?;
    let ty = &schema.column(column).ty;
    let value = ty.value.as_ref().map(|value| value.atomic);
    ((ty.key.atomic, value, ty.n_max) == expected).then(|| row.get(column))
}

fn string(text: &str) -> Atom {
    Atom::String(Str::new(text))
}

fn text_of(atom: &Atom) -> Option<&str> {
    match atom {
        Atom::String(text) => Some(text.as_str()),
        _ => None,
    }
}
