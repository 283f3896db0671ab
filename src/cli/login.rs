//! Who the proxy logs in as where it does so itself: the target URL first, then libpq's
//! environment and password file. Opens no connections.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::close_out::Target;
use crate::policy::Pooler;
use crate::target::{Secret, TargetAddress, TargetPlace, TargetUrl};

/// Where to log in, and as whom.
///
/// Source: PostgreSQL manual, "Environment Variables" and "The Password File" of libpq.
///
/// # Errors
/// A sentence that says what the URL lacks.
pub(super) fn target(url: &TargetUrl, timeout: Duration) -> Result<Target, String> {
    let login = &url.login;
    let TargetPlace::Address(address) = &url.place else {
        return Err("this command needs a target that is there: --target \
                    postgresql://USER@HOST:PORT/DATABASE, or target.url in the configuration; \
                    \"embedded\" is a new server every time"
            .into());
    };
    let user = login.user.clone().or_else(|| variable("PGUSER")).ok_or_else(|| {
        format!(
            "the target URL names no user to log in as (nor does PGUSER): write \
             postgresql://USER@{address}/DATABASE"
        )
    })?;
    let database =
        login.database.clone().or_else(|| variable("PGDATABASE")).unwrap_or_else(|| user.clone());
    let mut password = login.password.clone().or_else(|| variable("PGPASSWORD").map(Secret));
    if password.is_none() {
        password = from_file(login.password_file.as_deref(), address, &database, &user)?;
    }
    let server = crate::target::Target::new(address.clone(), &url.tls, timeout)
        .map_err(|error| format!("TLS to the target: {error}"))?
        .with_demands(url.demands.clone());
    let options = login.options.clone().or_else(|| variable("PGOPTIONS"));
    let application_name = login.application_name.clone().or_else(|| variable("PGAPPNAME"));
    let application_name = application_name.unwrap_or_else(|| "dms-proxy".into());
    Ok(Target {
        server,
        user,
        password,
        database,
        options,
        application_name,
        lock_timeout_seconds: 0,
        pooler: Pooler::default(),
    })
}

/// The variables of libpq that are set and would say what a URL has to say here: a sentence each.
///
/// Source: PostgreSQL manual, "Environment Variables" of libpq.
pub(super) fn variables_without_effect() -> Vec<String> {
    const PARAMETERS: [(&str, &str); 13] = [
        ("PGHOST", "host"),
        ("PGHOSTADDR", "host"),
        ("PGPORT", "port"),
        ("PGSSLMODE", "sslmode"),
        ("PGSSLROOTCERT", "sslrootcert"),
        ("PGSSLCERT", "sslcert"),
        ("PGSSLKEY", "sslkey"),
        ("PGSSLNEGOTIATION", "sslnegotiation"),
        ("PGREQUIREAUTH", "require_auth"),
        ("PGCHANNELBINDING", "channel_binding"),
        ("PGCONNECT_TIMEOUT", "connect_timeout"),
        ("PGREQUIREPEER", "a verified sslmode"),
        ("PGSERVICE", "everything"),
    ];
    let set = PARAMETERS.iter().filter(|(name, _)| variable(name).is_some());
    set.map(|(name, parameter)| format!("{name} has no effect: write {parameter} into the URL"))
        .collect()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The password that the file of this name, that of `PGPASSFILE` or `~/.pgpass` has.
fn from_file(
    file: Option<&Path>,
    address: &TargetAddress,
    database: &str,
    user: &str,
) -> Result<Option<Secret>, String> {
    let named = file.map(Path::to_owned).or_else(|| variable("PGPASSFILE").map(PathBuf::from));
    let home = || Some(PathBuf::from(variable("HOME")?).join(".pgpass"));
    let Some(path) = named.or_else(home) else { return Ok(None) };
    let Ok(metadata) = std::fs::metadata(&path) else { return Ok(None) };
    if metadata.mode() & 0o077 != 0 {
        return Err(format!(
            "{} can be read by others; chmod 0600 it, or give the password by PGPASSWORD",
            path.display()
        ));
    }
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (host, port) = match address {
        TargetAddress::Tcp { host, port } => (host.clone(), port.to_string()),
        TargetAddress::Unix(path) => socket_name(path),
    };
    Ok(in_file(&text, [&host, &port, database, user]))
}

/// The directory and the port of a socket, as the password file names them.
fn socket_name(path: &Path) -> (String, String) {
    let directory = path.parent().unwrap_or(path).display().to_string();
    let port = path.extension().and_then(|port| port.to_str()).unwrap_or_default();
    (directory, port.to_owned())
}

/// The password of the first line whose four fields fit.
fn in_file(text: &str, wanted: [&str; 4]) -> Option<Secret> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let (named, password) = fields.split_at_checked(4)?;
        let fits = named.iter().zip(wanted).all(|(field, wanted)| field == "*" || *field == wanted);
        fits.then(|| password.first().cloned().map(Secret))?
    })
}

/// The fields of a line; a backslash takes the meaning of a colon and of a backslash.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let plain = match character {
            ':' => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(field) = fields.last_mut() {
            field.push(plain);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text =
            "# host:5432:d:u:no\nother:5432:d:u:no\nhost:*:d:u:a\\:b\\\\c\nhost:5432:*:*:z\n";
        let found = |wanted| in_file(text, wanted);
        assert_eq!(found(["host", "5432", "d", "u"]), Some(Secret("a:b\\c".into())));
        assert_eq!(found(["host", "5432", "x", "y"]), Some(Secret("z".into())));
        assert_eq!(found(["host", "1", "x", "y"]), None);
    }

    #[test]
    fn what_a_url_lacks_is_said() {
        let ask = |url: &str| target(&url.parse().unwrap(), Duration::ZERO);
        assert!(ask("embedded").unwrap_err().contains("embedded"));
        let socket = ask("postgresql://u:p@%2Ftmp/x").unwrap();
        assert_eq!((socket.user.as_str(), socket.database.as_str()), ("u", "x"));
        assert!(!format!("{socket:?}").contains("\"p\""));
    }
}
