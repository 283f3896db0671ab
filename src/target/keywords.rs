//! The parameters that libpq knows in a connection URI, and what becomes of each here.

/// What a parameter of libpq means to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It acts.
    Used,
    /// It changes nothing here, for this reason; a warning says so.
    Ignored(&'static str),
    /// It would change what the proxy does, and cannot: an error.
    Refused(&'static str),
}

use Meaning::{Ignored, Refused, Used};

const OF_CLIENTS: &str = "clients name their own, and the commands use UTF8";
const KEEPALIVE: &str = "the proxy sets its own TCP keepalive on both legs";
const WITHOUT_GSS: &str = "the proxy does not speak GSSAPI to the target";
const ONE_HOST: &str = "one host is named, and that one is used";
const NOT_HERE: &str = "is not available in this version";

/// Every parameter of libpq, in the order of its documentation.
///
/// Source: PostgreSQL 18 manual, "Parameter Key Words".
const KEYWORDS: &[(&str, Meaning)] = &[
    ("host", Used),
    ("hostaddr", Refused("is not available: write the address in place of the host")),
    ("port", Used),
    ("dbname", Used),
    ("user", Used),
    ("password", Used),
    ("passfile", Used),
    ("require_auth", Used),
    ("channel_binding", Used),
    ("connect_timeout", Used),
    ("client_encoding", Ignored(OF_CLIENTS)),
    ("options", Used),
    ("application_name", Used),
    ("fallback_application_name", Ignored("write application_name")),
    ("keepalives", Ignored(KEEPALIVE)),
    ("keepalives_idle", Ignored(KEEPALIVE)),
    ("keepalives_interval", Ignored(KEEPALIVE)),
    ("keepalives_count", Ignored(KEEPALIVE)),
    ("tcp_user_timeout", Ignored(KEEPALIVE)),
    ("replication", Ignored("a client asks for replication itself")),
    ("gssencmode", Used),
    ("sslmode", Used),
    ("requiressl", Refused("is not available: write sslmode=require")),
    ("sslnegotiation", Used),
    ("sslcompression", Ignored("TLS is never compressed")),
    ("sslcert", Used),
    ("sslkey", Used),
    ("sslkeylogfile", Refused(NOT_HERE)),
    ("sslpassword", Refused(NOT_HERE)),
    ("sslcertmode", Used),
    ("sslrootcert", Used),
    ("sslcrl", Refused(NOT_HERE)),
    ("sslcrldir", Refused(NOT_HERE)),
    ("sslsni", Used),
    ("requirepeer", Refused(NOT_HERE)),
    ("ssl_min_protocol_version", Refused(NOT_HERE)),
    ("ssl_max_protocol_version", Refused(NOT_HERE)),
    ("min_protocol_version", Ignored("clients negotiate the version with the target")),
    ("max_protocol_version", Ignored("clients negotiate the version with the target")),
    ("krbsrvname", Ignored(WITHOUT_GSS)),
    ("gsslib", Ignored(WITHOUT_GSS)),
    ("gssdelegation", Ignored(WITHOUT_GSS)),
    ("scram_client_key", Refused(NOT_HERE)),
    ("scram_server_key", Refused(NOT_HERE)),
    ("service", Refused("is not available: write what the service file says")),
    ("servicefile", Refused("is not available: write what the service file says")),
    ("target_session_attrs", Ignored(ONE_HOST)),
    ("load_balance_hosts", Ignored(ONE_HOST)),
    ("oauth_issuer", Refused(NOT_HERE)),
    ("oauth_client_id", Refused(NOT_HERE)),
    ("oauth_client_secret", Refused(NOT_HERE)),
    ("oauth_scope", Refused(NOT_HERE)),
];

/// What this parameter means; `None` for one that libpq does not know. Case counts, as in libpq.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    KEYWORDS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// The parameter that is spelled most like this one.
pub(super) fn nearest(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let distance = |(known, _): &&(&'static str, Meaning)| distance(known, &name);
    KEYWORDS.iter().min_by_key(distance).map_or("sslmode", |(known, _)| known)
}

/// Characters to insert, remove or replace until one text is the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, character) in one.chars().enumerate() {
        let (mut diagonal, mut left) = (index, index + 1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, compared) in row.iter_mut().skip(1).zip(other.chars()) {
            let replaced = diagonal + usize::from(compared != character);
            left = replaced.min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, left);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_parameter_has_a_nearest_one() {
        for (written, meant) in [
            ("sslmod", "sslmode"),
            ("sslMode", "sslmode"),
            ("SSLMODE", "sslmode"),
            ("require-auth", "require_auth"),
            ("channel_bindin", "channel_binding"),
            ("sslrootcrt", "sslrootcert"),
        ] {
            assert_eq!((meaning(written), nearest(written)), (None, meant));
        }
        assert_eq!(meaning("sslmode"), Some(Used));
        assert_eq!(
            (distance("kitten", "sitting"), distance("", "abc"), distance("a", "")),
            (3, 3, 1)
        );
    }
}
