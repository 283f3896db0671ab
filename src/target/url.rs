//! A libpq connection URI: where the target is, how TLS is spoken to it, who logs in and how; knows
//! no sockets. Errors quote nothing that could be a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::keywords::{Meaning, meaning, nearest};
use super::{LoginDemands, Secret, TargetAddress};
use crate::tls::{Authorities, SslMode, TargetTlsSettings};

/// The port that libpq takes where none is named.
const DEFAULT_PORT: u16 = 5432;

/// Parameters whose value is a secret, so that what follows it may be a piece of it.
const SECRET: &str = "password";

/// Where a target may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TargetPlace {
    /// A private, throw-away server that the proxy starts itself.
    #[default]
    Embedded,
    /// A server that is there.
    Address(TargetAddress),
}

impl fmt::Display for TargetPlace {
    /// As a person is shown it, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetPlace::Embedded => {
                f.write_str("embedded: its data is removed when the proxy stops")
            }
            TargetPlace::Address(address) => address.fmt(f),
        }
    }
}

/// What a URI says of logins of the proxy's own: those of the commands. A client names its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetLogin {
    /// The role.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The file that may have the password.
    pub password_file: Option<PathBuf>,
    /// The database.
    pub database: Option<String>,
    /// Settings of the session, as arguments of the server (`-c name=value`).
    pub options: Option<String>,
    /// What the session calls itself.
    pub application_name: Option<String>,
}

/// `embedded`, or `postgresql://[user[:password]@][host][:port][/database][?name=value...]`, or the
/// same with `host` a percent-encoded socket directory.
///
/// Source: PostgreSQL manual, "Connection URIs" and "Parameter Key Words".
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct TargetUrl {
    /// Where the target is.
    pub place: TargetPlace,
    /// How TLS is spoken to it.
    pub tls: TargetTlsSettings,
    /// Who logs in where the proxy does so itself.
    pub login: TargetLogin,
    /// What a login of the proxy's own has to be.
    pub demands: LoginDemands,
    /// How long connecting may take; zero is without a limit.
    pub connect_timeout: Option<Duration>,
    /// Parameters of libpq that change nothing here, a sentence each.
    pub warnings: Vec<String>,
}

impl TryFrom<String> for TargetUrl {
    type Error = String;

    fn try_from(text: String) -> Result<TargetUrl, String> {
        text.parse()
    }
}

impl FromStr for TargetUrl {
    type Err = String;

    /// # Errors
    /// A sentence that says what is wrong and what may be written. As in libpq a parameter that
    /// libpq does not know is an error; so is one that would change what the proxy does and cannot.
    fn from_str(text: &str) -> Result<TargetUrl, String> {
        if text == "embedded" {
            return Ok(TargetUrl::default());
        }
        let rest = text
            .strip_prefix("postgresql://")
            .or_else(|| text.strip_prefix("postgres://"))
            .ok_or("a target is \"embedded\" or a URI such as postgresql://host:5432/database")?;
        let mut parts = Parts::default();
        let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
        let rest = match authority.rsplit_once('@') {
            Some((who, _)) => {
                let (user, password) = who.split_once(':').unwrap_or((who, ""));
                parts.take("user", percent_decoded(user)?)?;
                parts.take("password", percent_decoded(password)?)?;
                rest.get(who.len() + 1..).unwrap_or_default()
            }
            None => rest,
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (address, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_and_port(address)?;
        (parts.host, parts.port) = (percent_decoded(host)?, port);
        parts.take("dbname", percent_decoded(database)?)?;
        let mut behind_secret = false;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = percent_decoded(name)?;
            let is_known = meaning(&name).is_some() || name == "ssl";
            if behind_secret && !is_known {
                return Err("what follows the password is not a parameter of libpq: an & in a \
                            password is written %26"
                    .into());
            }
            if !is_known {
                return Err(unknown(&name));
            }
            if !parameter.contains('=') {
                return Err(format!("the parameter {name} has no value"));
            }
            behind_secret |= name == SECRET;
            parts.take(&name, percent_decoded(value)?)?;
        }
        parts.url()
    }
}

fn unknown(name: &str) -> String {
    format!("{name:?} is not a parameter of libpq; the nearest one is {}", nearest(name))
}

/// The parts of a URI, as they come.
#[derive(Default)]
struct Parts {
    host: String,
    port: Option<u16>,
    tls: TlsParameters,
    rest: TargetUrl,
}

impl Parts {
    /// Takes a parameter that libpq knows; the last one of a name counts.
    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        match meaning(name) {
            Some(Meaning::Refused(why)) => return Err(format!("{name} {why}")),
            Some(Meaning::Ignored(why)) => {
                self.rest.warnings.push(format!("{name} has no effect: {why}"));
                return Ok(());
            }
            Some(Meaning::Used) | None => {}
        }
        if self.tls.take(name, &value)? {
            return Ok(());
        }
        let login = &mut self.rest.login;
        match name {
            "host" => self.host = value,
            "port" => self.port = Some(port_number(&value)?),
            "user" => login.user = given(value),
            "password" => login.password = given(value).map(Secret),
            "passfile" => login.password_file = given(value).map(PathBuf::from),
            "dbname" => login.database = given(value),
            "options" => login.options = given(value),
            "application_name" => login.application_name = given(value),
            "connect_timeout" => self.rest.connect_timeout = Some(seconds(&value)?),
            "channel_binding" => self.rest.demands.set_channel_binding(&value)?,
            "require_auth" if value.is_empty() => self.rest.demands.allow_every_method(),
            "require_auth" => self.rest.demands.set_require_auth(&value)?,
            "gssencmode" => match value.as_str() {
                "disable" | "prefer" => {}
                "require" => return Err("gssencmode=require is not available".into()),
                _ => return Err("gssencmode is disable or prefer".into()),
            },
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// What they mean together.
    fn url(self) -> Result<TargetUrl, String> {
        let Parts { host, port, tls, rest } = self;
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
        Ok(TargetUrl { place: TargetPlace::Address(address), tls: tls.settings()?, ..rest })
    }
}

/// An empty part counts as one that is not there, as in libpq.
fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Seconds as libpq takes them: zero and less are without a limit, and one is too few.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.trim().parse::<i32>() {
        Ok(seconds) => match u64::try_from(seconds) {
            Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds.max(2))),
            _ => Ok(Duration::ZERO),
        },
        Err(_) => Err("connect_timeout is a whole number of seconds".into()),
    }
}

/// libpq's parameters about TLS, as they stand in the URI.
#[derive(Default)]
struct TlsParameters {
    mode: Option<SslMode>,
    authorities: Authorities,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    no_certificate: bool,
    direct: bool,
    no_sni: bool,
}

impl TlsParameters {
    /// Takes a parameter; `false` for one that is not about TLS.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "sslmode" => {
                let mode = SslMode::from_name(value).ok_or_else(|| {
                    let names = SslMode::NAMES.map(|(name, _)| name).join(", ");
                    format!("sslmode={value} is not one of {names}")
                })?;
                self.mode = Some(mode);
            }
            // libpq reads what JDBC writes.
            "ssl" if value == "true" => self.mode = Some(SslMode::Require),
            "ssl" => return Err("ssl is only ever true: write sslmode".into()),
            "sslrootcert" if value == "system" => self.authorities = Authorities::System,
            "sslrootcert" => self.authorities = Authorities::File(value.into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "sslcertmode" => {
                self.no_certificate = match value {
                    "allow" => false,
                    "disable" => true,
                    "require" => return Err("sslcertmode=require is not available".into()),
                    _ => return Err(format!("sslcertmode={value} is not allow or disable")),
                };
            }
            "sslnegotiation" => {
                self.direct = match value {
                    "postgres" => false,
                    "direct" => true,
                    _ => return Err(format!("sslnegotiation={value} is not postgres or direct")),
                };
            }
            "sslsni" => {
                self.no_sni = match value {
                    "0" => true,
                    "1" => false,
                    _ => return Err(format!("sslsni={value} is not 0 or 1")),
                };
            }
            _ => return Ok(false),
        }
        Ok(true)
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
        let certificate = certificate.filter(|_| !self.no_certificate);
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
        // What stands there may be a piece of a password.
        _ => Err("the port is not a number from 1 to 65535".into()),
    }
}

fn percent_decoded(text: &str) -> Result<String, String> {
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
    use crate::target::{AuthMethod, BindingDemand};

    fn url(text: &str) -> Result<TargetUrl, String> {
        text.parse()
    }

    fn target(text: &str) -> TargetPlace {
        url(text).unwrap().place
    }

    fn tcp(host: &str, port: u16) -> TargetPlace {
        TargetPlace::Address(TargetAddress::Tcp { host: host.into(), port })
    }

    #[test]
    fn hosts_and_ports_are_read_as_libpq_does() {
        assert_eq!(target("embedded"), TargetPlace::Embedded);
        assert_eq!(target("postgres://db.example:6000/app"), tcp("db.example", 6000));
        assert_eq!(target("postgresql://u:p%40@h/db?application_name=x"), tcp("h", 5432));
        assert_eq!(target("postgresql://[::1]:7/"), tcp("::1", 7));
        assert_eq!(target("postgresql:///db"), tcp("localhost", 5432));
        let socket = TargetAddress::Unix("/run/pg/.s.PGSQL.5433".into());
        assert_eq!(target("postgresql://%2Frun%2Fpg:5433"), TargetPlace::Address(socket));
        let socket = TargetAddress::Unix("/run/pg/.s.PGSQL.5432".into());
        assert_eq!(target("postgresql:///x?host=/run/pg"), TargetPlace::Address(socket));
    }

    #[test]
    fn tls_is_read_as_libpq_does() {
        let tls = |query: &str| url(&format!("postgres://h/?{query}")).map(|url| url.tls);
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
        assert_eq!(tls("sslcert=a&sslkey=b&sslcertmode=disable").unwrap().certificate, None);
        assert_eq!(tls("ssl=true").unwrap().mode, SslMode::Require);
        for (query, said) in [
            ("sslmode=verify", "verify-full"),
            ("sslmode=verify-full", "needs sslrootcert"),
            ("sslmode=verify-ca&sslrootcert=system", "too weak"),
            ("sslnegotiation=direct", "too weak"),
            ("sslnegotiation=fast", "postgres or direct"),
            ("sslcert=a", "go together"),
            ("sslsni=2", "0 or 1"),
            ("sslcrl=a", "sslcrl is not available"),
            ("sslcertmode=require", "not available"),
            ("ssl=false", "write sslmode"),
        ] {
            let error = tls(query).unwrap_err();
            assert!(error.contains(said), "{query}: {error}");
        }
    }

    #[test]
    fn a_login_is_read_and_decoded() {
        let login = |text: &str| url(text).unwrap().login;
        let all = login(
            "postgresql://a%40b:s%3A%2F@h:1/d%20b?application_name=x&options=-c%20a%3Db&passfile=/p",
        );
        assert_eq!(all.user.as_deref(), Some("a@b"));
        assert_eq!(all.password, Some(Secret("s:/".into())));
        assert_eq!(all.database.as_deref(), Some("d b"));
        assert_eq!(all.application_name.as_deref(), Some("x"));
        assert_eq!(all.options.as_deref(), Some("-c a=b"));
        assert_eq!(all.password_file, Some("/p".into()));
        let named = login("postgres:///x?user=u&dbname=d&host=/run");
        assert_eq!((named.user.as_deref(), named.database.as_deref()), (Some("u"), Some("d")));
        for none in ["embedded", "postgres://h:5432", "postgres://:@h/?user=&password="] {
            assert_eq!(login(none), TargetLogin::default(), "{none}");
        }
        assert_eq!(login("postgres://u:a?b@h/d").password, Some(Secret("a?b".into())));
    }

    #[test]
    fn every_parameter_is_used_or_named() {
        let error = |query: &str| url(&format!("postgres://h/?{query}")).unwrap_err();
        for (query, nearest) in [
            ("sslmod=verify-full&sslrootcert=/ca.pem", "sslmode"),
            ("sslMode=verify-full", "sslmode"),
            ("SSLMODE=verify-full", "sslmode"),
            ("requireauth=none", "require_auth"),
            ("chanel_binding=require", "channel_binding"),
        ] {
            let error = error(query);
            assert!(error.contains("not a parameter of libpq"), "{error}");
            assert!(error.ends_with(&format!(" {nearest}")), "{error}");
        }
        assert!(error("sslmode").contains("has no value"));
        assert!(error("service=x").contains("service is not available"));
        assert!(error("require_auth=scram").contains("scram-sha-256"));
        assert!(error("channel_binding=yes").contains("require"));
        assert!(error("connect_timeout=soon").contains("seconds"));
        assert!(error("gssencmode=require").contains("not available"));
        let parsed = url("postgres://h/?keepalives=1&target_session_attrs=any&connect_timeout=1");
        let parsed = parsed.unwrap();
        assert_eq!(parsed.warnings.len(), 2, "{:?}", parsed.warnings);
        assert!(parsed.warnings[0].starts_with("keepalives "), "{:?}", parsed.warnings);
        assert_eq!(parsed.connect_timeout, Some(Duration::from_secs(2)));
        let parsed = url("postgres://h/?channel_binding=require&require_auth=scram-sha-256");
        let demands = parsed.unwrap().demands;
        assert_eq!(demands.binding, BindingDemand::Require);
        assert!(demands.check(AuthMethod::Password).is_err());
        assert_eq!(url("postgres://h/?require_auth=").unwrap().demands, LoginDemands::default());
    }

    #[test]
    fn what_cannot_be_is_said() {
        assert!(url("localhost:5432").unwrap_err().contains("postgresql://"));
        assert!(url("postgres://h:0/").unwrap_err().contains("1 to 65535"));
        assert!(url("postgres://h%2/").is_err());
        assert!(url("postgres://a,b/").is_err());
    }

    #[test]
    fn no_error_and_no_debug_output_has_a_password() {
        for text in [
            "postgresql://u:geheim@h:port/d",
            "postgresql://u:geheim/@h",
            "postgresql://u:1geheim/x@h/d",
            "postgresql://u:%geheim@h/d",
            "postgresql://u:geheim@h/d?sslmode=x",
            "postgresql://u@h/d?password=a&geheim",
            "postgresql://u@h/d?password=a&geheim=1",
            "postgresql://u@h/d?password=a%geheim",
            "u:geheim@h/d",
        ] {
            let said = url(text).unwrap_err();
            assert!(!said.contains("geheim"), "{text}: {said}");
        }
        let parsed = url("postgres://u:geheim@h/d?password=geheim2").unwrap();
        assert!(!format!("{parsed:?}").contains("geheim"));
    }
}
