//! Groups of options that several programs have, to be flattened into their definitions.

use clap::{ArgAction, Args};
use ovsdb_io::{daemon, tls, vlog};
use std::path::PathBuf;

use super::{Fatal, Result};

/// Logging (upstream `lib/vlog.man`).
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Logging options")]
pub struct LogOptions {
    /// Set logging levels; without SPEC, the maximum verbosity
    #[arg(
        short = 'v',
        long,
        value_name = "SPEC",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        action = ArgAction::Append
    )]
    pub verbose: Vec<String>,

    /// Log to FILE, by default PROGRAM.log in the directory of logs
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub log_file: Option<Option<PathBuf>>,

    /// How to reach the system's log: libc, null, unix:FILE or udp:IP:PORT
    #[arg(long, value_name = "METHOD")]
    pub syslog_method: Option<String>,

    /// Also send log messages to HOST:PORT over UDP
    #[arg(long, value_name = "HOST:PORT")]
    pub syslog_target: Option<String>,
}

impl LogOptions {
    /// Sets the process's log up as the options say.
    pub fn apply(&self) -> Result<()> {
        for spec in &self.verbose {
            if spec.is_empty() {
                vlog::set_most_verbose();
            } else {
                vlog::set(spec).map_err(|error| Fatal::new(format!("processing \"{spec}\": {error}")))?;
            }
        }
        if let Some(method) = &self.syslog_method {
            vlog::set_syslog_method(method.parse().map_err(|error: String| Fatal::new(error))?);
        }
        if let Some(target) = &self.syslog_target
            && let Err(error) = vlog::set_syslog_target(target)
        {
            log::warn!(target: "vlog", "{target}: cannot log there ({error})");
        }
        if let Some(file) = &self.log_file {
            // Whoever wants a log would look for it in vain, as upstream sees it, too.
            vlog::set_log_file(file.as_deref()).map_err(|error| {
                let shown = file
                    .as_deref()
                    .map_or_else(String::new, |file| format!("={}", file.display()));
                Fatal::with_io(format!("--log-file{shown}: cannot log there"), &error)
            })?;
        }
        Ok(())
    }
}

/// What makes a process a daemon (upstream `lib/daemon.man`).
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Daemon options")]
pub struct DaemonOptions {
    /// Run in the background
    #[arg(long)]
    pub detach: bool,

    /// Do not restrict where the program may create files on behalf of a remote caller
    #[arg(long)]
    pub no_self_confinement: bool,

    /// Stay in the present directory instead of the root directory
    #[arg(long)]
    pub no_chdir: bool,

    /// Write the process id to FILE, by default PROGRAM.pid in the directory of run-time files
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub pidfile: Option<Option<PathBuf>>,

    /// With --pidfile, start even if another process holds the file
    #[arg(long)]
    pub overwrite_pidfile: bool,

    /// Run under a process that starts the program again when it crashes
    #[arg(long)]
    pub monitor: bool,

    /// Run as this user and group
    #[arg(long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
}

impl DaemonOptions {
    /// What they mean for this process.
    pub fn resolve(&self) -> daemon::Options {
        let pidfile = self.pidfile.as_ref().map(|name| {
            let name = name.as_ref().map(|name| name.to_string_lossy());
            daemon::pidfile_path(name.as_deref())
        });
        daemon::Options {
            detach: self.detach,
            monitor: self.monitor,
            no_chdir: self.no_chdir,
            pidfile,
            overwrite_pidfile: self.overwrite_pidfile,
            user: self.user.clone(),
            output: daemon::Output::default(),
        }
    }
}

/// Keys and certificates (upstream `lib/ssl.man`). Of a server, each may be `db:DB,TABLE,COLUMN`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS options")]
pub struct TlsOptions {
    /// File with the private key
    #[arg(short = 'p', long, value_name = "FILE")]
    pub private_key: Option<String>,

    /// File with the certificate of the private key
    #[arg(short = 'c', long, value_name = "FILE")]
    pub certificate: Option<String>,

    /// File with the certificate of the authority that signs those of peers; "none" to trust every peer
    #[arg(short = 'C', long, value_name = "FILE", overrides_with = "bootstrap_ca_cert")]
    pub ca_cert: Option<String>,

    /// The same, but written from the first connection if it is missing
    #[arg(long, value_name = "FILE", overrides_with = "ca_cert")]
    pub bootstrap_ca_cert: Option<String>,

    /// File with certificates to send to peers
    #[arg(long, value_name = "FILE")]
    pub peer_ca_cert: Option<String>,

    /// File with revocation lists; then every certificate of a peer must be covered by one
    #[arg(long, value_name = "FILE")]
    pub ssl_crl: Option<String>,

    /// Protocols to enable: TLSv1.2, TLSv1.3, both with a comma or as a range. Of this option and the next two one that
    /// makes no sense is told of in the log, and leaves what was in force
    #[arg(long, value_name = "PROTOCOLS")]
    pub ssl_protocols: Option<String>,

    /// Ciphers to enable up to TLS 1.2
    #[arg(long, value_name = "CIPHERS")]
    pub ssl_ciphers: Option<String>,

    /// Cipher suites to enable from TLS 1.3
    #[arg(long, value_name = "SUITES")]
    pub ssl_ciphersuites: Option<String>,

    /// Name of the server for SNI
    #[arg(long, value_name = "NAME")]
    pub ssl_server_name: Option<String>,
}

impl TlsOptions {
    /// What they say, with files by absolute paths: a process that becomes a daemon changes its directory.
    pub fn sources(&self) -> Result<tls::Sources> {
        let file = |given: &Option<String>| match given {
            Some(name) if name != "none" && !name.starts_with("db:") => std::path::absolute(name)
                .map(|path| Some(path.to_string_lossy().into_owned()))
                .map_err(|error| Fatal::with_io(name, &error)),
            given => Ok(given.clone()),
        };
        Ok(tls::Sources {
            private_key: file(&self.private_key)?,
            certificate: file(&self.certificate)?,
            ca_cert: file(
                self.ca_cert
                    .as_ref()
                    .map_or(&self.bootstrap_ca_cert, |_| &self.ca_cert),
            )?,
            bootstraps_ca: self.bootstrap_ca_cert.is_some(),
            peer_ca_cert: file(&self.peer_ca_cert)?,
            crl: file(&self.ssl_crl)?,
            protocols: self.ssl_protocols.clone(),
            ciphers: self.ssl_ciphers.clone(),
            ciphersuites: self.ssl_ciphersuites.clone(),
            server_name: self.ssl_server_name.clone(),
        })
    }
}
