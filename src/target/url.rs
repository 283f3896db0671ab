//! A libpq connection URI, as far as it says where the target is and how TLS is spoken to it; knows
//! no sockets.

use std::path::PathBuf;

use super::TargetAddress;
use crate::tls::{Authorities, SslMode, TargetTlsSettings};

/// The port that libpq takes where none is named.
const DEFAULT_PORT: u16 = 5432;

/// Where a target may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetUrl {
    /// A private, throw-away server that the proxy starts itself.
    Embedded,
    /// A server that is there.
    Address(TargetAddress),
}

/// Reads `embedded`, `postgresql://[user[:password]@][host][:port][/database][?name=value...]`, or
/// the same with `host` a percent-encoded socket directory; and libpq's parameters about TLS. User,
/// password and database are left aside: a client names its own.
///
/// Source: PostgreSQL manual, "Connection URIs" and "Parameter Key Words".
///
/// # Errors
/// A sentence that says what is wrong and what may be written.
pub fn target_url(text: &str) -> Result<(TargetUrl, TargetTlsSettings), String> {
    if text == "embedded" {
        return Ok((TargetUrl::Embedded, TargetTlsSettings::default()));
    }
    let rest = text
        .strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
        .ok_or("a target is \"embedded\" or a URI such as postgresql://host:5432/database")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (host, port) = host_and_port(address)?;
    let (mut host, mut port) = (percent_decoded(host)?, port);
    let mut tls = TlsParameters::default();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter
            .split_once('=')
            .ok_or_else(|| format!("parameter {parameter:?} has no value"))?;
        let value = percent_decoded(value)?;
        match name {
            "host" => host = value,
            "port" => port = Some(port_number(&value)?),
            _ => tls.take(name, value)?,
        }
    }
    let port = port.unwrap_or(DEFAULT_PORT);
    if host.contains(',') {
        return Err("one host only: name the one that is to be written to".into());
    }
    let address = if host.starts_with('/') {
        TargetAddress::Unix(PathBuf::from(host).join(format!(".s.PGSQL.{port}")))
    } else {
        let host = if host.is_empty() { "localhost".into() } else { host };
        TargetAddress::Tcp { host, port }
    };
    Ok((TargetUrl::Address(address), tls.settings()?))
}

/// libpq's parameters about TLS, as they stand in the URI.
#[derive(Default)]
struct TlsParameters {
    mode: Option<SslMode>,
    authorities: Authorities,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    direct: bool,
    no_sni: bool,
}

impl TlsParameters {
    /// A parameter that is none of these is the client's affair.
    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "sslmode" => {
                let mode = SslMode::from_name(&value).ok_or_else(|| {
                    let names = SslMode::NAMES.map(|(name, _)| name).join(", ");
                    format!("sslmode={value} is not one of {names}")
                })?;
                self.mode = Some(mode);
            }
            "sslrootcert" if value == "system" => self.authorities = Authorities::System,
            "sslrootcert" => self.authorities = Authorities::File(value.into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "sslnegotiation" => {
                self.direct = match value.as_str() {
                    "postgres" => false,
                    "direct" => true,
                    _ => return Err(format!("sslnegotiation={value} is not postgres or direct")),
                };
            }
            "sslsni" => {
                self.no_sni = match value.as_str() {
                    "0" => true,
                    "1" => false,
                    _ => return Err(format!("sslsni={value} is not 0 or 1")),
                };
            }
            "sslcrl"
            | "sslcrldir"
            | "sslpassword"
            | "ssl_min_protocol_version"
            | "ssl_max_protocol_version" => {
                return Err(format!("{name} is not available in this version"));
            }
            _ => {}
        }
        Ok(())
    }

    /// What they mean together, as libpq takes it.
    fn settings(self) -> Result<TargetTlsSettings, String> {
        let system = self.authorities == Authorities::System;
        let default = if system { SslMode::VerifyFull } else { SslMode::default() };
        let mode = self.mode.unwrap_or(default);
        if system && mode != SslMode::VerifyFull {
            return Err(format!("sslmode={mode} is too weak for sslrootcert=system: verify-full"));
        }
        if self.direct && mode < SslMode::Require {
            return Err(format!(
                "sslmode={mode} is too weak for sslnegotiation=direct: require, verify-ca or \
                 verify-full"
            ));
        }
        if mode >= SslMode::VerifyCa && self.authorities == Authorities::None {
            return Err(format!(
                "sslmode={mode} needs sslrootcert: a file of trusted certificates, or system"
            ));
        }
        let certificate = match (self.certificate, self.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err("sslcert and sslkey go together".into()),
        };
        let authorities = self.authorities;
        Ok(TargetTlsSettings {
            mode,
            authorities,
            certificate,
            direct: self.direct,
            sni: !self.no_sni,
        })
    }
}

fn host_and_port(address: &str) -> Result<(&str, Option<u16>), String> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("an IPv6 address ends with ]")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port_number(port)?))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("after an IPv6 address comes :port".into()),
        };
    }
    match address.rsplit_once(':') {
        Some((host, port)) => Ok((host, Some(port_number(port)?))),
        None => Ok((address, None)),
    }
}

fn port_number(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{text:?} is not a port: 1 to 65535")),
    }
}

pub(super) fn percent_decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or("a % is followed by two digits")?;
        let digits = std::str::from_utf8(digits).map_err(|_| "a % is followed by two digits")?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| "a % is followed by two digits")?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| "what is percent-encoded is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> TargetUrl {
        target_url(text).unwrap().0
    }

    fn tcp(host: &str, port: u16) -> TargetUrl {
        TargetUrl::Address(TargetAddress::Tcp { host: host.into(), port })
    }

    #[test]
    fn hosts_and_ports_are_read_as_libpq_does() {
        assert_eq!(target("embedded"), TargetUrl::Embedded);
        assert_eq!(target("postgres://db.example:6000/app"), tcp("db.example", 6000));
        assert_eq!(target("postgresql://u:p%40@h/db?application_name=x"), tcp("h", 5432));
        assert_eq!(target("postgresql://[::1]:7/"), tcp("::1", 7));
        assert_eq!(target("postgresql:///db"), tcp("localhost", 5432));
        let socket = TargetAddress::Unix("/run/pg/.s.PGSQL.5433".into());
        assert_eq!(target("postgresql://%2Frun%2Fpg:5433"), TargetUrl::Address(socket));
        let socket = TargetAddress::Unix("/run/pg/.s.PGSQL.5432".into());
        assert_eq!(target("postgresql:///x?host=/run/pg"), TargetUrl::Address(socket));
    }

    #[test]
    fn tls_is_read_as_libpq_does() {
        let tls = |query: &str| target_url(&format!("postgres://h/?{query}")).map(|(_, tls)| tls);
        assert_eq!(tls("").unwrap(), TargetTlsSettings::default());
        assert_eq!(tls("").unwrap().mode, SslMode::Prefer);
        for (name, mode) in SslMode::NAMES {
            let settings = tls(&format!("sslmode={name}&sslrootcert=%2Fca.pem")).unwrap();
            assert_eq!((settings.mode, mode.to_string()), (mode, name.to_owned()));
            assert_eq!(settings.authorities, Authorities::File("/ca.pem".into()));
        }
        let system = tls("sslrootcert=system").unwrap();
        assert_eq!((system.mode, system.authorities), (SslMode::VerifyFull, Authorities::System));
        let direct = tls("sslmode=require&sslnegotiation=direct&sslsni=0").unwrap();
        assert_eq!((direct.direct, direct.sni), (true, false));
        let shown = tls("sslcert=a&sslkey=b").unwrap().certificate;
        assert_eq!(shown, Some(("a".into(), "b".into())));
        for (query, said) in [
            ("sslmode=verify", "verify-full"),
            ("sslmode=verify-full", "needs sslrootcert"),
            ("sslmode=verify-ca&sslrootcert=system", "too weak"),
            ("sslnegotiation=direct", "too weak"),
            ("sslnegotiation=fast", "postgres or direct"),
            ("sslcert=a", "go together"),
            ("sslsni=2", "0 or 1"),
            ("sslcrl=a", "not available"),
        ] {
            let error = tls(query).unwrap_err();
            assert!(error.contains(said), "{query}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        assert!(target_url("localhost:5432").unwrap_err().contains("postgresql://"));
        assert!(target_url("postgres://h:0/").unwrap_err().contains("1 to 65535"));
        assert!(target_url("postgres://h%2/").is_err());
        assert!(target_url("postgres://a,b/").is_err());
    }
}
