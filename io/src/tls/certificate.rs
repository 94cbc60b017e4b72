//! What we want to know of a certificate that rustls does not tell.

use rustls::pki_types::{CertificateDer, UnixTime};
use sha1::{Digest, Sha1};
use std::fmt;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, UintRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode, EncodePem, Reader, SliceReader};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::{Certificate, Version};

/// What rustls takes.
const RSA_BITS_MIN: usize = 2048;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The first common name of the subject, by which role-based access control knows a client. Empty if there is none,
/// or if it is not plain text: such a client owns nothing.
pub(super) fn common_name(certificate: &CertificateDer<'_>) -> String {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return String::new();
    };
    let parts = certificate.tbs_certificate.subject.0.iter();
    let mut attributes = parts.flat_map(|part| part.0.iter());
    let Some(attribute) = attributes.find(|attribute| attribute.oid == COMMON_NAME) else {
        return String::new();
    };
    let value = &attribute.value;
    let text = value
        .decode_as::<Utf8StringRef<'_>>()
        .map(|text| text.as_str())
        .or_else(|_| {
            value
                .decode_as::<PrintableStringRef<'_>>()
                .map(|text| text.as_str())
        })
        .or_else(|_| value.decode_as::<Ia5StringRef<'_>>().map(|text| text.as_str()))
        .unwrap_or_default();
    // A C program would take what stands before a NUL for the name.
    if text.contains('\0') {
        String::new()
    } else {
        text.to_owned()
    }
}

/// Why nobody takes a certificate as a peer's, and what to do about it: what rustls does not tell in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Version1,
    /// `CA:TRUE`
    Authority,
    ShortKey {
        bits: usize,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Version1 => f.write_str(
                "a certificate of X.509 version 1, which is not taken; have it signed with extensions, as ovs-pki(8) does",
            ),
            Flaw::Authority => f.write_str(
                "the certificate of an authority (CA:TRUE), which is none of a client or server; have one signed with CA:FALSE",
            ),
            Flaw::ShortKey { bits } => write!(
                f,
                "an RSA key of {bits} bits, where {RSA_BITS_MIN} are the least; make a new key"
            ),
        }
    }
}

impl std::error::Error for Flaw {}

/// The flaw of a certificate that was not taken, if it is one of these.
pub(super) fn flaw(certificate: &CertificateDer<'_>) -> Option<Flaw> {
    let parsed = Certificate::from_der(certificate).ok()?.tbs_certificate;
    let bits = rsa_bits(&parsed.subject_public_key_info);
    if let Some(bits) = bits.filter(|bits| *bits < RSA_BITS_MIN) {
        return Some(Flaw::ShortKey { bits });
    }
    if parsed.version != Version::V3 {
        return Some(Flaw::Version1);
    }
    let constraints = parsed.get::<BasicConstraints>().ok().flatten();
    let is_authority = constraints.is_some_and(|(_, constraints)| constraints.ca);
    is_authority.then_some(Flaw::Authority)
}

/// Bits of the modulus of an RSA key (RFC 8017, appendix A.1.1).
fn rsa_bits(key: &SubjectPublicKeyInfoOwned) -> Option<usize> {
    if key.algorithm.oid != RSA_ENCRYPTION {
        return None;
    }
    let mut reader = SliceReader::new(key.subject_public_key.as_bytes()?).ok()?;
    let modulus = reader.sequence(|numbers| {
        let modulus = UintRef::decode(numbers)?;
        UintRef::decode(numbers).map(|_exponent| modulus)
    });
    let bytes = modulus.ok()?.as_bytes();
    let unused = bytes.first().map_or(0, |first| first.leading_zeros());
    Some(bytes.len() * 8 - unused as usize)
}

/// Whether a certificate says of itself that it signed itself. The signature is not looked at.
pub(super) fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    Certificate::from_der(certificate)
        .is_ok_and(|parsed| parsed.tbs_certificate.issuer == parsed.tbs_certificate.subject)
}

/// Whether `now` lies in the certificate's time.
pub(super) fn is_valid_at(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    Certificate::from_der(certificate).is_ok_and(|parsed| {
        let validity = parsed.tbs_certificate.validity;
        let from = validity.not_before.to_unix_duration().as_secs();
        let until = validity.not_after.to_unix_duration().as_secs();
        (from..=until).contains(&now.as_secs())
    })
}

/// The certificate in `candidates` whose subject is the issuer of `certificate`, unless that issued itself.
pub(super) fn issuer_of<'c>(
    certificate: &CertificateDer<'_>,
    candidates: &'c [CertificateDer<'static>],
) -> Option<&'c CertificateDer<'static>> {
    let issuer = Certificate::from_der(certificate).ok()?.tbs_certificate;
    if issuer.issuer == issuer.subject {
        return None;
    }
    candidates.iter().find(|candidate| {
        Certificate::from_der(candidate).is_ok_and(|other| other.tbs_certificate.subject == issuer.issuer)
    })
}

/// Subject and SHA-1 fingerprint, for the log.
pub(super) fn describe(certificate: &CertificateDer<'_>) -> String {
    let subject = Certificate::from_der(certificate).map_or_else(
        |_| "not a certificate".to_owned(),
        |parsed| parsed.tbs_certificate.subject.to_string(),
    );
    let digest = Sha1::digest(certificate);
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{subject}) (fingerprint {}", pairs.join(":"))
}

/// The certificate in PEM.
pub(super) fn to_pem(certificate: &CertificateDer<'_>) -> Result<String, String> {
    let parsed = Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    parsed.to_pem(LineEnding::LF).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_cert::attr::AttributeTypeAndValue;
    use x509_cert::der::asn1::{Any, SetOfVec};
    use x509_cert::der::{DecodePem, Encode, Tag};
    use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

    /// A certificate, made by openssl-req(1); what it is signed for does not matter here.
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBfTCCASOgAwIBAgIUIxdUWxt/D0je3Tv1Lbw37s/ZBS0wCgYIKoZIzj0EAwIw\n\
EzERMA8GA1UEAwwIc29tZWJvZHkwIBcNMjYxMTIxMTYxNTE3WhgPMjEyNjEwMjgx\n\
NjE1MTdaMBMxETAPBgNVBAMMCHNvbWVib2R5MFkwEwYHKoZIzj0CAQYIKoZIzj0D\n\
AQcDQgAE64UoKociEgcS6uR3MKJjnL2yJ5SeqJnd9gk67oH0eK2IJyLwESPG66VC\n\
jtEdALhAswLpEQs0q2fayANjJ+cjr6NTMFEwHQYDVR0OBBYEFCpji9eq4/m7TUoy\n\
B32oaH82k7Y5MB8GA1UdIwQYMBaAFCpji9eq4/m7TUoyB32oaH82k7Y5MA8GA1Ud\n\
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgAx8pCu1PJXnWQlb2m82FjZUj\n\
mS/O4gz9wuIxdEL4HXACIQCpwDPQkSQHQ3VSDyBPmZlq9hfWqBQp9t4Xcf52r2iU\n\
qw==\n\
-----END CERTIFICATE-----\n\
";

    const UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

    /// What it is, how it is encoded, and its bytes.
    type Attribute<'b> = (ObjectIdentifier, Tag, &'b [u8]);

    /// The same certificate for a subject of these attributes, each a part of its own.
    fn named(attributes: &[Attribute<'_>]) -> CertificateDer<'static> {
        let mut certificate = Certificate::from_pem(CERTIFICATE).unwrap();
        let part = |(oid, tag, value): &Attribute<'_>| {
            let value = Any::new(*tag, *value).unwrap();
            let attribute = AttributeTypeAndValue { oid: *oid, value };
            RelativeDistinguishedName(SetOfVec::try_from([attribute]).unwrap())
        };
        certificate.tbs_certificate.subject = RdnSequence(attributes.iter().map(part).collect());
        CertificateDer::from(certificate.to_der().unwrap())
    }

    #[test]
    fn a_client_is_known_by_its_first_common_name_if_that_is_text() {
        let (utf8, printable) = (Tag::Utf8String, Tag::PrintableString);
        let cases: [(&[Attribute<'_>], &str); 10] = [
            (&[(COMMON_NAME, utf8, b"hv1")], "hv1"),
            (&[(COMMON_NAME, printable, b"hv1")], "hv1"),
            (&[(COMMON_NAME, Tag::Ia5String, b"hv1@here")], "hv1@here"),
            (&[(COMMON_NAME, utf8, "ä".as_bytes())], "ä"),
            (&[(UNIT, utf8, b"hv2"), (COMMON_NAME, utf8, b"hv1")], "hv1"),
            (&[(COMMON_NAME, utf8, b"hv1"), (COMMON_NAME, utf8, b"hv2")], "hv1"),
            (&[(UNIT, utf8, b"hv2")], ""),
            (&[(COMMON_NAME, utf8, b"")], ""),
            // What stands before the NUL would be another's name.
            (&[(COMMON_NAME, utf8, b"hv1\0.example")], ""),
            // UTF-16 that is ASCII with NULs between.
            (&[(COMMON_NAME, Tag::BmpString, b"\0h\0v\x001")], ""),
        ];
        for (attributes, expected) in cases {
            assert_eq!(common_name(&named(attributes)), expected, "{attributes:?}");
        }
        assert_eq!(common_name(&CertificateDer::from(&b"no certificate"[..])), "");
    }
}
