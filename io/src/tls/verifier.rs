//! Decides whether a peer's certificate is trusted: by a chain to a configured authority, or because it is itself
//! configured. Names do not matter (upstream verifies none: peers are known by their authority, and their rights
//! follow from their common name).

use super::certificate;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use std::sync::Arc;

/// The methods of both traits about signatures: by the algorithms that `self` takes.
macro_rules! signatures_are_verified {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls12_signature(message, cert, dss, self.algorithms())
                .map_err(|error| in_words(error, cert))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls13_signature(message, cert, dss, self.algorithms())
                .map_err(|error| in_words(error, cert))
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms().supported_schemes()
        }
    };
}

/// Verifies clients and servers against the same authorities.
#[derive(Debug)]
pub(super) struct Verifier {
    /// What is trusted, as read.
    trusted: Vec<CertificateDer<'static>>,
    clients: Arc<dyn ClientCertVerifier>,
    servers: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Trusts what `trusted` have signed and `crls` do not revoke. With revocation lists every certificate of a
    /// chain must be covered by one that is current, as OpenSSL asks for.
    pub(super) fn new(
        trusted: &[CertificateDer<'static>],
        crls: Option<&[CertificateRevocationListDer<'static>]>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Verifier, String> {
        let mut roots = RootCertStore::empty();
        for authority in trusted {
            roots
                .add(authority.clone())
                .map_err(|error| format!("a certificate of an authority cannot be used ({error})"))?;
        }
        let roots = Arc::new(roots);
        let crls = crls.unwrap_or_default();
        let unusable = |error| format!("authorities or revocation lists cannot be used ({error})");
        let mut clients =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider));
        let mut servers = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
        if !crls.is_empty() {
            clients = clients
                .with_crls(crls.iter().cloned())
                .enforce_revocation_expiration();
            servers = servers
                .with_crls(crls.iter().cloned())
                .enforce_revocation_expiration();
        }
        Ok(Verifier {
            trusted: trusted.to_vec(),
            clients: clients.build().map_err(unusable)?,
            servers: servers.build().map_err(unusable)?,
            provider: Arc::clone(provider),
        })
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }

    /// OpenSSL trusts a self-signed certificate that is configured, whatever it is meant for; webpki holds a
    /// certificate of an authority not to be a peer's.
    fn is_trusted_itself(&self, end_entity: &CertificateDer<'_>, now: UnixTime) -> bool {
        self.trusted.iter().any(|trusted| trusted == end_entity)
            && certificate::is_self_issued(end_entity)
            && certificate::is_valid_at(end_entity, now)
    }
}

/// Whether webpki stumbled over a peer that shows an authority's certificate.
fn is_about_authority(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::UnknownIssuer)
    )
}

/// An error about a certificate whose own flaw explains it better.
fn in_words(error: Error, certificate: &CertificateDer<'_>) -> Error {
    let is_vague = matches!(
        error,
        Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::BadSignature)
    );
    match certificate::flaw(certificate).filter(|_| is_vague) {
        Some(flaw) => Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(flaw)))),
        None => error,
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.clients.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.clients.verify_client_cert(end_entity, intermediates, now) {
            Err(error) if is_about_authority(&error) && self.is_trusted_itself(end_entity, now) => {
                Ok(ClientCertVerified::assertion())
            }
            result => result.map_err(|error| in_words(error, end_entity)),
        }
    }

    signatures_are_verified!();
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result =
            self.servers
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match result {
            // The name is looked at last: the chain holds.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            Err(error) if is_about_authority(&error) && self.is_trusted_itself(end_entity, now) => {
                Ok(ServerCertVerified::assertion())
            }
            result => result.map_err(|error| in_words(error, end_entity)),
        }
    }

    signatures_are_verified!();
}

/// Trusts every server (`--ca-cert=none`, and the first connection of `--bootstrap-ca-cert`). That it holds the key
/// of its certificate is verified all the same.
#[derive(Debug)]
pub(super) struct TrustsEverybody(pub(super) Arc<CryptoProvider>);

impl TrustsEverybody {
    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.0.signature_verification_algorithms
    }
}

impl ServerCertVerifier for TrustsEverybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures_are_verified!();
}
