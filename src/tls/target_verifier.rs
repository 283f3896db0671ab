//! Whether the certificate of a target is good enough, as libpq judges it.

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::{check_time, common_name, name_matches};
use super::trusted::Trusted;

/// Judges certificates of targets.
#[derive(Debug)]
pub(super) struct TargetVerifier {
    /// `None`: every certificate will do.
    pub(super) trusted: Option<Trusted>,
    /// Whether the certificate has to name the host.
    pub(super) check_name: bool,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for TargetVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        if trusted.contains(end_entity) {
            // Self-signed and given to us as such. An authority's own certificate is not one for
            // servers in the eyes of the verifier, but it was trusted by name.
            check_time(end_entity, now)?;
        } else {
            let remaining = trusted.remaining_at(now);
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                remaining.as_ref().unwrap_or(trusted.all()),
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        if self.check_name {
            check_name(&parsed, end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The names in the extension for them; where there are none, the common name, which is what
/// certificates made by the manual's recipe have.
fn check_name(
    parsed: &ParsedCertificate<'_>,
    certificate: &CertificateDer<'_>,
    host: &ServerName<'_>,
) -> Result<(), Error> {
    let Err(error) = verify_server_name(parsed, host) else { return Ok(()) };
    let Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) =
        &error
    else {
        return Err(error);
    };
    let fits = || common_name(certificate).is_some_and(|name| name_matches(&name, &host.to_str()));
    if presented.is_empty() && fits() { Ok(()) } else { Err(error) }
}
