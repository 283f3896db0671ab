//! Certificates and keys from PEM files.

use std::io;
use std::path::Path;

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
