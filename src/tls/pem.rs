//! Certificates and keys from PEM files.

use std::io;
use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::files::{file_error, warn_if_public};

/// All certificates of a file, at least one.
pub(super) fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file_error(path, error))?;
    if found.is_empty() {
        return Err(file_error(path, "no certificate in this file (PEM is expected)"));
    }
    Ok(found)
}

/// The private key of a file; one with a passphrase cannot be read.
pub(super) fn private_key(path: &Path) -> io::Result<PrivateKeyDer<'static>> {
    warn_if_public(path);
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        file_error(path, format!("{error} (a private key in PEM without a passphrase is expected)"))
    })
}

/// Those who are trusted by a file.
pub(super) fn roots(
    path: &Path,
    certificates: &[CertificateDer<'static>],
) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone()).map_err(|error| file_error(path, error))?;
    }
    Ok(roots)
}

/// Those whom the operating system trusts.
pub(super) fn system_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        return Err(io::Error::other(format!(
            "sslrootcert=system: the system has no trusted certificates{reason}"
        )));
    }
    Ok(roots)
}
