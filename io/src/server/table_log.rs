//! The commands by which an operator has the changes of a table logged (`ovsdb-server`(1), "Logging").

use ovsdb_engine::database::Database;
use ovsdb_engine::session::Catalog;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Switches for `name`, which is `DB:TABLE`, whether changes are logged: `word` is `on` or `off`. Errors are upstream's.
pub(super) fn set(catalog: &Catalog, name: &str, word: &str) -> Result<(), &'static str> {
    let is_on = match word.to_ascii_lowercase().as_str() {
        "on" => true,
        "off" => false,
        _ => return Err("invalid command argument"),
    };
    let parts: Vec<&str> = name.split(':').filter(|part| !part.is_empty()).collect();
    let [db, table] = parts[..] else {
        return Err("invalid DB:TABLE argument");
    };
    let database = catalog.find(db).ok_or("no such database")?;
    let table = database.schema.table_named(table).ok_or("no such table")?;
    database.change_logged_tables(|logged| {
        if is_on {
            logged.insert(table);
        } else {
            logged.remove(&table);
        }
    });
    Ok(())
}

/// All databases and tables, by name, with what is logged.
pub(super) fn list(catalog: &Catalog) -> String {
    let mut text = String::from(
        "database        table                       logging\n\
         --------        -----                       -------\n",
    );
    let databases: BTreeMap<&str, &Database> = catalog
        .databases
        .iter()
        .map(|database| (database.name(), &**database))
        .collect();
    for (name, database) in databases {
        text.push_str(&format!("{name:<16} \n"));
        let logged = database.logged_tables();
        let tables: BTreeMap<&str, bool> = database
            .schema
            .table_ids()
            .map(|id| (&*database.schema.table(id).name, logged.contains(&id)))
            .collect();
        for (table, is_logged) in tables {
            let word = if is_logged { "ON" } else { "OFF" };
            writeln!(text, "                {table:<27} {word}").expect("a string takes everything");
        }
    }
    text
}
