//! Brings what is served in line with the settings: at the start, on `ovsdb-server/reload`, and, the other way
//! around, keeps the settings in line with what was commanded.

use super::{Server, listing};
use crate::db::Hosted;
use crate::errors::strerror;
use crate::settings::{Databases, Model, Settings, Source};
use ovsdb_storage::error::{Error, Kind};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A database that is served from a file.
pub(super) struct ServedFile {
    /// Name of its schema.
    pub(super) database: String,
    /// As the settings want it.
    pub(super) model: Model,
}

/// Reads the settings and applies them. False after complaints, which have been logged; what could be applied has
/// been, unless the settings as a whole could not be read.
pub(super) async fn load(server: &Rc<RefCell<Server>>) -> bool {
    let settings = server.borrow().source.load();
    let Some(settings) = settings else { return false };
    let unwanted = server.borrow_mut().unlist_unwanted(&settings.databases);
    listing::withdraw(server, unwanted).await;
    let databases_are_fine = server.borrow_mut().open_wanted(settings.databases);
    listing::wait_for_listing(server).await;
    let complaints = server.borrow_mut().remotes.set(settings.remotes);
    for complaint in &complaints {
        log::warn!(target: "ovsdb_server", "failed to configure remotes: {complaint}");
    }
    let is_tls_fine = server.borrow().remotes.tls_complaints().is_empty();
    databases_are_fine && complaints.is_empty() && is_tls_fine
}

/// Refuses what cannot be served yet.
pub(super) fn check_model(given: &str, model: Model) -> Result<(), String> {
    match model {
        Model::Undefined
        | Model::Standalone
        | Model::Clustered
        | Model::ActiveBackup { is_backup: false } => Ok(()),
        Model::ActiveBackup { is_backup: true } => Err(format!(
            "ovsdb error: {given}: active-backup databases that follow another server are not supported yet"
        )),
        Model::Relay => Err(format!(
            "ovsdb error: {given}: relay databases are not supported yet"
        )),
    }
}

/// The same for a file that is served already, and therefore is not of a cluster.
pub(super) fn check_served(given: &str, model: Model) -> Result<(), String> {
    check_model(given, model)?;
    match model {
        Model::Clustered => Err(format!(
            "ovsdb error: {given}: database is standalone and not clustered"
        )),
        Model::Undefined | Model::Standalone | Model::ActiveBackup { .. } | Model::Relay => Ok(()),
    }
}

/// Where the file `given` is, called as briefly as possible: messages name it.
pub(super) fn locate(directory: &Path, given: &str) -> PathBuf {
    match std::env::current_dir() {
        Ok(present) if present == directory => PathBuf::from(given),
        _ => directory.join(given),
    }
}

/// Upstream's words for a file that cannot be opened.
pub(super) fn open_failed(given: &str, model: Model, error: &Error) -> String {
    match (error.kind, model) {
        (Kind::Clustered, Model::Standalone | Model::ActiveBackup { .. }) => {
            let wanted = model.name();
            format!("ovsdb error: {given}: database is clustered and not {wanted}")
        }
        (Kind::Clustered, _) => format!("ovsdb error: {given}: clustered databases are not supported yet"),
        _ => error.to_string(),
    }
}

impl Server {
    /// Takes out of `_Server` what is not in `wanted`. What is to be served as it cannot be goes on as it was.
    fn unlist_unwanted(&mut self, wanted: &Databases) -> Vec<Hosted> {
        let unwanted = self
            .files
            .iter()
            .filter(|(given, _)| !wanted.contains_key(*given));
        let names: Vec<String> = unwanted.map(|(_, file)| file.database.clone()).collect();
        let unlist = |name: &String| self.unlist_database(name).expect("what is in files is served");
        names.iter().map(unlist).collect()
    }

    /// Opens what is wanted and missing. False if something could not be opened, of which the log tells.
    fn open_wanted(&mut self, wanted: Databases) -> bool {
        let mut is_fine = true;
        for (given, model) in wanted {
            let result = match self.files.get_mut(&given) {
                Some(file) => check_served(&given, model).map(|()| file.model = model),
                None => self.add_database(&given, model),
            };
            if let Err(error) = result {
                log::warn!(target: "ovsdb_server", "failed to open database '{given}': {error}");
                is_fine = false;
            }
        }
        if !is_fine {
            log::warn!(target: "ovsdb_server", "failed to configure databases");
        }
        is_fine
    }

    /// Has what was commanded survive a crash.
    pub(super) fn keep_settings(&self) {
        let Source::Commands(kept) = &self.source else {
            return;
        };
        let databases = self.files.iter();
        let settings = Settings {
            remotes: self.remotes.given().clone(),
            databases: databases
                .map(|(given, file)| (given.clone(), file.model))
                .collect(),
        };
        if let Err(error) = kept.save(&settings) {
            let error = strerror(&error);
            log::warn!(target: "ovsdb_server", "settings will not survive a crash: they cannot be kept ({error})");
        }
    }

    /// Refuses commands that would make the server differ from the operator's file.
    pub(super) fn check_no_file(&self) -> Result<(), String> {
        match self.source.file() {
            None => Ok(()),
            Some(path) => Err(format!(
                "Update the {} and use ovsdb-server/reload instead",
                path.display()
            )),
        }
    }
}
