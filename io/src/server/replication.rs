//! The commands about following another server (`ovsdb-server`(1), "Active-Backup Replication Commands"). Nobody is
//! followed yet; what scripts of active servers ask and set, by options too, is answered as upstream does.

use super::Server;

/// What an operator says about following another server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Syncing {
    /// `--sync-from`; empty if nobody is to be followed.
    pub active_server: String,
    /// `--sync-exclude-tables`: `DB:TABLE,…`
    pub excluded_tables: String,
}

impl Syncing {
    pub(super) fn active_server(&self) -> &str {
        &self.active_server
    }

    pub(super) fn excluded_tables(&self) -> &str {
        &self.excluded_tables
    }

    pub(super) fn set_active_server(&mut self, remote: &str) {
        remote.clone_into(&mut self.active_server);
    }

    pub(super) fn set_excluded_tables(&mut self, tables: &str) {
        tables.clone_into(&mut self.excluded_tables);
    }

    /// `Ok` is what to say without being asked to follow anybody in earnest.
    pub(super) fn connect(&self) -> Result<&'static str, &'static str> {
        if self.active_server.is_empty() {
            Ok("Unable to connect: active server is not specified.\n")
        } else {
            Err("active-backup replication is not supported yet")
        }
    }
}

/// Checks an interval that would count if somebody were followed.
pub(super) fn check_interval(text: &str) -> Result<(), String> {
    match text.parse::<i32>() {
        Ok(_) => Ok(()),
        Err(_) => Err("Invalid probe interval, integer value expected".to_owned()),
    }
}

/// The text of `ovsdb-server/sync-status`.
pub(super) fn status(server: &Server) -> String {
    let active: Vec<&str> = server
        .files
        .values()
        .filter(|file| matches!(file.model, crate::settings::Model::ActiveBackup { .. }))
        .map(|file| file.database.as_str())
        .collect();
    if active.is_empty() {
        return "state: active\n".to_owned();
    }
    let blocks: Vec<String> = active
        .iter()
        .map(|name| format!("database: {name}\nstate: active\n"))
        .collect();
    blocks.join("\n")
}
