//! Authorities that are trusted, as long as they are within their time.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};

use super::certificate::check_time;
use super::pem;
use crate::files::file_error;

/// Authorities. A root that has expired vouches for nobody, as OpenSSL has it; webpki does not look
/// at the time of roots.
#[derive(Debug)]
pub(super) struct Trusted {
    certificates: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
}

impl Trusted {
    /// Those in a PEM file.
    pub(super) fn from_file(path: &Path) -> io::Result<Trusted> {
        let certificates = pem::certificates(path)?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| file_error(path, error))?;
        }
        Ok(Trusted { certificates, roots: Arc::new(roots) })
    }

    /// Those whom the operating system trusts.
    pub(super) fn of_system() -> io::Result<Trusted> {
        let found = rustls_native_certs::load_native_certs();
        let roots = store(found.certs.iter());
        if roots.is_empty() {
            let reason =
                found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
            return Err(io::Error::other(format!(
                "sslrootcert=system: the system has no trusted certificates{reason}"
            )));
        }
        Ok(Trusted { certificates: found.certs, roots })
    }

    /// All of them, expired or not.
    pub(super) fn all(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    /// Those who may vouch at this time; `None` where they are all.
    pub(super) fn remaining_at(&self, now: UnixTime) -> Option<Arc<RootCertStore>> {
        let is_valid = |certificate: &&CertificateDer<'_>| check_time(certificate, now).is_ok();
        let valid = self.certificates.iter().filter(is_valid);
        (valid.clone().count() < self.certificates.len()).then(|| store(valid))
    }

    /// Whether this very certificate is among them.
    pub(super) fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.contains(certificate)
    }
}

fn store<'a>(
    certificates: impl Iterator<Item = &'a CertificateDer<'static>>,
) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // A system has certificates that cannot be parsed.
    roots.add_parsable_certificates(certificates.cloned());
    Arc::new(roots)
}
