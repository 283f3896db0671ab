//! What is read from a certificate beyond what its verification reads.

use ring::digest;
use tokio_rustls::rustls::CertificateError;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Signature algorithms and the hash that channel binding takes for them; MD5 and SHA-1 stand for
/// SHA-256 there. A signature without a hash of its own, as Ed25519, has no channel binding.
///
/// Source: RFC 5929, section 4.1; OIDs of RFC 8017 and RFC 5758.
const SIGNATURE_HASHES: &[(&str, &digest::Algorithm)] = &[
    ("1.2.840.113549.1.1.4", &digest::SHA256),
    ("1.2.840.113549.1.1.5", &digest::SHA256),
    ("1.2.840.113549.1.1.11", &digest::SHA256),
    ("1.2.840.113549.1.1.12", &digest::SHA384),
    ("1.2.840.113549.1.1.13", &digest::SHA512),
    ("1.2.840.10045.4.1", &digest::SHA256),
    ("1.2.840.10045.4.3.2", &digest::SHA256),
    ("1.2.840.10045.4.3.3", &digest::SHA384),
    ("1.2.840.10045.4.3.4", &digest::SHA512),
];

/// The channel binding data of type tls-server-end-point for a server with this certificate.
pub fn end_point_hash(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let oid = parsed.signature_algorithm().oid.to_string();
    let (_, algorithm) = SIGNATURE_HASHES.iter().find(|(known, _)| *known == oid)?;
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

/// The common name of the subject.
pub fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let name = parsed.tbs_certificate().subject().common_name().ok()??;
    Some(name.value().into_owned())
}

/// Whether it is within its time.
pub(super) fn check_time(
    certificate: &CertificateDer<'_>,
    now: UnixTime,
) -> Result<(), CertificateError> {
    let parsed = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = parsed.tbs_certificate().validity();
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet);
    }
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

/// Whether a common name stands for this host, as libpq reads it: without regard to case, and with
/// `*.` for one label at the front.
pub(super) fn name_matches(common_name: &str, host: &str) -> bool {
    if common_name.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(pattern), Some((label, rest))) =
        (common_name.strip_prefix("*."), host.split_once('.'))
    else {
        return false;
    };
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    !is_address && !label.is_empty() && pattern.contains('.') && pattern.eq_ignore_ascii_case(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "db.example");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
    }

    #[test]
    fn a_certificate_says_its_name_its_hash_and_its_time() {
        let certificate = certificate();
        assert_eq!(common_name(&certificate).as_deref(), Some("db.example"));
        assert_eq!(end_point_hash(&certificate).unwrap().len(), 48);
        assert_eq!(check_time(&certificate, at(1_600_000_000)), Ok(()));
        let early = check_time(&certificate, at(1_500_000_000));
        assert_eq!(early, Err(CertificateError::NotValidYet));
        let late = check_time(&certificate, at(1_700_000_000));
        assert_eq!(late, Err(CertificateError::Expired));
    }

    #[test]
    fn no_bytes_are_a_certificate_by_accident() {
        let whole = certificate();
        for end in 0..whole.len() {
            let cut = CertificateDer::from(whole[..end].to_vec());
            assert_eq!((common_name(&cut), end_point_hash(&cut)), (None, None));
            assert!(check_time(&cut, at(1_600_000_000)).is_err());
        }
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(name_matches("DB.example.com", "db.Example.com"));
        assert!(name_matches("*.example.com", "db.example.com"));
        for host in ["example.com", "a.db.example.com", ".example.com", "db.example.org"] {
            assert!(!name_matches("*.example.com", host), "{host}");
        }
        assert!(!name_matches("*.com", "example.com"));
        assert!(!name_matches("*.0.0.1", "127.0.0.1"));
    }
}
