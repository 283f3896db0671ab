//! A libpq connection URI, as far as it says where the target is; knows no sockets.

use std::path::PathBuf;

use super::TargetAddress;

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
/// the same with `host` a percent-encoded socket directory. User, password and database are for
/// logins of the proxy's own; a client's login passes through as it is.
///
/// Source: PostgreSQL manual, "Connection URIs".
///
/// # Errors
/// A sentence that says what is wrong and what may be written.
pub fn target_url(text: &str) -> Result<TargetUrl, String> {
    if text == "embedded" {
        return Ok(TargetUrl::Embedded);
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
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter
            .split_once('=')
            .ok_or_else(|| format!("parameter {parameter:?} has no value"))?;
        match name {
            "host" => host = percent_decoded(value)?,
            "port" => port = Some(port_number(value)?),
            "sslmode" => refuse_tls(value)?,
            _ => {}
        }
    }
    let port = port.unwrap_or(DEFAULT_PORT);
    if host.contains(',') {
        return Err("one host only: name the one that is to be written to".into());
    }
    Ok(TargetUrl::Address(if host.starts_with('/') {
        TargetAddress::Unix(PathBuf::from(host).join(format!(".s.PGSQL.{port}")))
    } else {
        let host = if host.is_empty() { "localhost".into() } else { host };
        TargetAddress::Tcp { host, port }
    }))
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

fn refuse_tls(mode: &str) -> Result<(), String> {
    match mode {
        "disable" | "allow" | "prefer" => Ok(()),
        "require" | "verify-ca" | "verify-full" => Err(format!(
            "sslmode={mode} is not available in this version: the target is reached without TLS"
        )),
        _ => Err(format!(
            "sslmode={mode} is not one of disable, allow, prefer, require, verify-ca, verify-full"
        )),
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
    String::from_utf8(bytes).map_err(|_| "a part of the target URL is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Result<TargetUrl, String> {
        Ok(TargetUrl::Address(TargetAddress::Tcp { host: host.into(), port }))
    }

    #[test]
    fn hosts_and_ports_are_read_as_libpq_does() {
        assert_eq!(target_url("embedded"), Ok(TargetUrl::Embedded));
        assert_eq!(target_url("postgres://db.example:6000/app"), tcp("db.example", 6000));
        assert_eq!(target_url("postgresql://u:p%40@h/db?application_name=x"), tcp("h", 5432));
        assert_eq!(target_url("postgresql://[::1]:7/"), tcp("::1", 7));
        assert_eq!(target_url("postgresql:///db"), tcp("localhost", 5432));
        let socket = TargetAddress::Unix("/run/pg/.s.PGSQL.5433".into());
        assert_eq!(target_url("postgresql://%2Frun%2Fpg:5433"), Ok(TargetUrl::Address(socket)));
        let socket = TargetAddress::Unix("/run/pg/.s.PGSQL.5432".into());
        assert_eq!(target_url("postgresql:///x?host=/run/pg"), Ok(TargetUrl::Address(socket)));
    }

    #[test]
    fn what_cannot_be_is_said() {
        assert!(target_url("localhost:5432").unwrap_err().contains("postgresql://"));
        assert!(target_url("postgres://h:0/").unwrap_err().contains("1 to 65535"));
        assert!(target_url("postgres://h/?sslmode=verify-full").unwrap_err().contains("TLS"));
        assert!(target_url("postgres://h%2/").is_err());
        assert!(target_url("postgres://a,b/").is_err());
    }
}
