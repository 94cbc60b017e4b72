//! What connections are made with: the settings, what their files hold, and the configurations of rustls made of it.
//!
//! One context serves a process. Files are looked at again when a connection begins and from time to time; what
//! cannot be used leaves in force what was there before.

use super::certificate::{self, Flaw};
use super::ciphers;
use super::complaint::complain_of;
use super::files::{self, Loaded, Outcome};
use super::protocols;
use super::settings::{self, Settings};
use super::verifier::{TrustsEverybody, Verifier};
use crate::limits::TLS_FILES_LOOK_MS;
use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CipherSuite, ClientConfig, Error, InconsistentKeys, ServerConfig, SupportedProtocolVersion};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When everything is there, and was complained of because it does not fit together.
const UNUSABLE: &str = "What is configured for SSL/TLS cannot be used";

/// How long what was read is trusted to be what the files hold.
const LOOK: Duration = Duration::from_millis(TLS_FILES_LOOK_MS);

/// What TLS connections of this process are made with.
#[derive(Debug, Default)]
pub struct Context(Mutex<State>);

/// Configurations of one moment; connections that were begun with them keep them.
#[derive(Clone, Debug)]
pub struct Configs {
    /// For accepting; absent while the authority is still to be had from a peer.
    pub(super) server: Option<Arc<ServerConfig>>,
    /// For connecting.
    pub(super) client: Arc<ClientConfig>,
    /// The authority is to be had from the first server that we connect to.
    pub(super) is_bootstrapping: bool,
    server_name: Option<String>,
}

/// Why no connection can be made: what is missing, in upstream's words, or what is wrong with what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfigured(pub Vec<String>);

impl Unconfigured {
    /// Logs what is missing.
    pub fn log(&self) {
        complain_of(&self.0);
    }
}

/// Whom we trust.
#[derive(Clone, Debug)]
enum Trust {
    Everybody,
    /// Nobody yet: the file is to be written from the first connection.
    Bootstrapping,
    Authorities(Vec<CertificateDer<'static>>),
}

#[derive(Debug)]
struct State {
    settings: Settings,
    pair: Loaded<Arc<CertifiedKey>>,
    /// A key without a certificate, or the other way round.
    half: Loaded<()>,
    trust: Loaded<Trust>,
    extra: Loaded<Vec<CertificateDer<'static>>>,
    crls: Loaded<Vec<CertificateRevocationListDer<'static>>>,
    versions: Choice<Vec<&'static SupportedProtocolVersion>>,
    suites_12: Choice<Vec<CipherSuite>>,
    suites_13: Choice<Vec<CipherSuite>>,
    looked: Option<Instant>,
    configs: Option<Configs>,
}

impl Default for State {
    fn default() -> State {
        State {
            settings: Settings::default(),
            pair: Loaded::new(),
            half: Loaded::new(),
            trust: Loaded::new(),
            extra: Loaded::new(),
            crls: Loaded::new(),
            versions: Choice::new(protocols::default()),
            suites_12: Choice::new(ciphers::all_12()),
            suites_13: Choice::new(ciphers::all_13()),
            looked: None,
            configs: None,
        }
    }
}

/// A setting that is a text: the last one that made sense is in force.
#[derive(Debug)]
struct Choice<T> {
    text: Option<String>,
    value: T,
}

impl<T> Choice<T> {
    fn new(value: T) -> Choice<T> {
        Choice { text: None, value }
    }

    /// Takes over `text`, if it is another one; whether the value changed.
    fn set(&mut self, text: Option<&String>, parse: impl FnOnce(&str) -> Result<T, String>) -> bool {
        let Some(text) = text.filter(|text| !text.is_empty() && self.text.as_ref() != Some(text)) else {
            return false;
        };
        self.text = Some(text.clone());
        match parse(text) {
            Ok(value) => {
                self.value = value;
                true
            }
            Err(error) => {
                log::error!(target: "stream_ssl", "{error}");
                false
            }
        }
    }
}

impl Context {
    /// Takes settings over and reads what is new or has changed. Errors are logged, each once.
    pub fn configure(&self, settings: Settings) {
        let mut state = self.0.lock();
        if state.settings.server_name != settings.server_name {
            state.configs = None;
        }
        state.settings.update(settings);
        state.refresh();
    }

    /// Reads what has changed, unless that was looked at a moment ago.
    pub fn look(&self) {
        let mut state = self.0.lock();
        if state.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            state.refresh();
        }
    }

    /// What a connection is made with now.
    pub fn configs(&self) -> Result<Configs, Unconfigured> {
        self.look();
        let state = self.0.lock();
        state.configs.clone().ok_or_else(|| {
            let missing = state.missing();
            Unconfigured(if missing.is_empty() {
                vec![UNUSABLE.to_owned()]
            } else {
                missing
            })
        })
    }

    /// The configuration for accepting connections.
    pub fn accepting(&self) -> Result<Arc<ServerConfig>, Unconfigured> {
        self.configs()?.server.ok_or_else(|| {
            let missing = "CA certificate is not bootstrapped yet; no connection is accepted";
            Unconfigured(vec![missing.to_owned()])
        })
    }

    /// The file that the authority's certificate is to be written to.
    pub(super) fn ca_cert(&self) -> Option<std::path::PathBuf> {
        self.0.lock().settings.ca_cert.clone()
    }

    /// Has all files read anew at once.
    pub(super) fn reread(&self) {
        let mut state = self.0.lock();
        state.trust.look_again();
        state.refresh();
    }
}

impl Configs {
    /// The name that a server at `host` is asked for; an address is not told to the server.
    pub(super) fn server_name(&self, host: &str) -> ServerName<'static> {
        let wanted = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(wanted.to_owned()).unwrap_or_else(|error| {
            log::warn!(target: "stream_ssl", "{wanted}: failed to set server name indication ({error})");
            ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into())
        })
    }
}

impl State {
    /// Reads what has changed, and makes new configurations if anything has.
    fn refresh(&mut self) {
        let outcomes = [
            self.read_pair(),
            self.read_trust(),
            self.read_extra(),
            self.read_crls(),
        ];
        let is_chosen_anew = [
            self.versions
                .set(self.settings.protocols.as_ref(), protocols::parse),
            self.suites_12.set(self.settings.ciphers.as_ref(), ciphers::parse),
            self.suites_13
                .set(self.settings.ciphersuites.as_ref(), ciphers::parse_13),
        ];
        self.looked = Some(Instant::now());
        let has_changed = outcomes.iter().any(|outcome| *outcome != Outcome::Same)
            || is_chosen_anew.contains(&true)
            || self.configs.is_none();
        if !has_changed || !self.missing().is_empty() {
            return;
        }
        match self.build() {
            Ok(configs) => self.configs = Some(configs),
            Err(error) => {
                let stays = self
                    .configs
                    .as_ref()
                    .map_or("", |_| " (the settings before stay in use)");
                log::error!(target: "stream_ssl", "{error}{stays}");
            }
        }
    }

    fn read_pair(&mut self) -> Outcome {
        let (key, certificate) = match (&self.settings.private_key, &self.settings.certificate) {
            (Some(key), Some(certificate)) => (key, certificate),
            // One without the other is of no use, but who has mistyped its name is to hear of that.
            (Some(key), None) => return self.half.refresh(&[key], || files::private_key(key).map(drop)),
            (None, Some(certificate)) => {
                let read = || files::certificates(certificate).map(drop);
                return self.half.refresh(&[certificate], read);
            }
            (None, None) => return Outcome::Same,
        };
        let outcome = self
            .pair
            .refresh(&[key, certificate], || read_pair(key, certificate));
        if outcome == Outcome::Again {
            let (key, certificate) = (key.display(), certificate.display());
            log::info!(target: "stream_ssl", "read private key {key} and certificate {certificate} anew");
        }
        outcome
    }

    fn read_trust(&mut self) -> Outcome {
        let Some(path) = &self.settings.ca_cert else {
            return Outcome::Same;
        };
        let bootstraps = self.settings.bootstraps_ca;
        let outcome = self.trust.refresh(&[path], || {
            if settings::is_none(path) {
                log::warn!(
                    target: "stream_ssl",
                    "Peer certificate validation disabled (this is a security risk)"
                );
                return Ok(Trust::Everybody);
            }
            if bootstraps && !path.exists() {
                return Ok(Trust::Bootstrapping);
            }
            let authorities = files::certificates(path)?;
            // What cannot be used must not replace what can.
            Verifier::new(&authorities, None, &Arc::new(aws_lc_rs::default_provider()))
                .map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(Trust::Authorities(authorities))
        });
        if outcome == Outcome::Again {
            log::info!(target: "stream_ssl", "read CA certificate {} anew", path.display());
        }
        outcome
    }

    fn read_extra(&mut self) -> Outcome {
        let Some(path) = &self.settings.peer_ca_cert else {
            return Outcome::Same;
        };
        self.extra.refresh(&[path], || files::certificates(path))
    }

    fn read_crls(&mut self) -> Outcome {
        let Some(path) = &self.settings.crl else {
            return Outcome::Same;
        };
        let outcome = self.crls.refresh(&[path], || files::revocation_lists(path));
        if outcome == Outcome::Again {
            log::info!(target: "stream_ssl", "read revocation list {} anew", path.display());
        }
        outcome
    }

    /// What must be configured, and be usable, before a connection can be made. Of what is configured its error is told
    /// again.
    fn missing(&self) -> Vec<String> {
        let settings = &self.settings;
        let mut missing: Vec<String> = Vec::new();
        let absent = |what: &str| format!("{what} must be configured to use SSL/TLS");
        if self.pair.get().is_none() {
            if settings.private_key.is_none() {
                missing.push(absent("Private key"));
            }
            if settings.certificate.is_none() {
                missing.push(absent("Certificate"));
            }
            missing.extend(self.pair.error().map(str::to_owned));
        }
        if self.trust.get().is_none() {
            missing.push(
                self.trust
                    .error()
                    .map_or_else(|| absent("CA certificate"), str::to_owned),
            );
        }
        if settings.crl.is_some() && self.crls.get().is_none() {
            missing.extend(self.crls.error().map(str::to_owned));
        }
        missing
    }

    fn build(&self) -> Result<Configs, String> {
        let (Some(pair), Some(trust)) = (self.pair.get(), self.trust.get()) else {
            return Err("TLS is not configured".to_owned());
        };
        let provider = Arc::new(self.provider());
        let identity = Arc::new(SingleCertAndKey::from(self.with_chain(pair, trust)));
        let unusable = |error: Error| format!("SSL/TLS protocols and ciphers do not fit together ({error})");
        let verifier = match trust {
            Trust::Authorities(authorities) => {
                let crls = self.crls.get().map(Vec::as_slice);
                Some(Arc::new(Verifier::new(authorities, crls, &provider)?))
            }
            Trust::Everybody | Trust::Bootstrapping => None,
        };

        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions.value)
            .map_err(unusable)?;
        let server = match (&verifier, trust) {
            (Some(verifier), _) => Some(server.with_client_cert_verifier(Arc::clone(verifier) as _)),
            (None, Trust::Everybody) => Some(server.with_no_client_auth()),
            (None, _) => None,
        };
        let server = server.map(|server| {
            let mut server = server.with_cert_resolver(Arc::clone(&identity) as _);
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
            Arc::new(server)
        });

        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions.value)
            .map_err(unusable)?
            .dangerous();
        let mut client = match verifier {
            Some(verifier) => client.with_custom_certificate_verifier(verifier),
            None => client.with_custom_certificate_verifier(Arc::new(TrustsEverybody(provider))),
        }
        .with_client_cert_resolver(identity);
        client.resumption = rustls::client::Resumption::disabled();

        Ok(Configs {
            server,
            client: Arc::new(client),
            is_bootstrapping: matches!(trust, Trust::Bootstrapping),
            server_name: self.settings.server_name.clone(),
        })
    }

    fn provider(&self) -> CryptoProvider {
        let mut provider = aws_lc_rs::default_provider();
        let wanted = [&self.suites_13.value[..], &self.suites_12.value[..]].concat();
        provider.cipher_suites = ciphers::pick(&provider.cipher_suites, &wanted);
        provider
    }

    /// The certificates to send with the key: those of `--certificate`, then those of `--peer-ca-cert` or, without
    /// that, what leads to the authority in `--ca-cert`, as OpenSSL completes a chain by itself.
    fn with_chain(&self, pair: &CertifiedKey, trust: &Trust) -> CertifiedKey {
        let mut chain = pair.cert.clone();
        match (self.extra.get(), trust) {
            (Some(extra), _) => chain.extend(extra.iter().cloned()),
            (None, Trust::Authorities(authorities)) => {
                while let Some(issuer) = chain
                    .last()
                    .and_then(|last| certificate::issuer_of(last, authorities))
                    && !chain.contains(issuer)
                {
                    chain.push(issuer.clone());
                }
            }
            (None, Trust::Everybody | Trust::Bootstrapping) => {}
        }
        CertifiedKey::new(chain, Arc::clone(&pair.key))
    }
}

/// Reads a private key and the certificates that go with it.
fn read_pair(key: &Path, certificate: &Path) -> Result<Arc<CertifiedKey>, String> {
    let chain = files::certificates(certificate)?;
    let der = files::private_key(key)?;
    let flaw = chain
        .first()
        .and_then(certificate::flaw)
        .filter(|flaw| *flaw != Flaw::Authority);
    let pair = CertifiedKey::from_der(chain, der, &aws_lc_rs::default_provider());
    let pair = pair.map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
            "Private key does not match certificate public key: {} and {}",
            key.display(),
            certificate.display()
        ),
        Error::InvalidCertificate(error) => {
            let reason = flaw.map_or_else(|| error.to_string(), |flaw| flaw.to_string());
            format!("{}: cannot be used: {reason}", certificate.display())
        }
        // Too short a key says no more than that it is not one.
        error => {
            let reason = flaw.map_or_else(|| error.to_string(), |flaw| flaw.to_string());
            format!("{}: cannot be used: {reason}", key.display())
        }
    })?;
    Ok(Arc::new(pair))
}
