//! Who a libpq connection URI logs in as, and its other parameters; knows no sockets.

use std::fmt;

use super::url::percent_decoded;

/// What a URI says besides where the target is. A part that is not there is the business of
/// whoever logs in; a client's login passes through the proxy and needs none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The role.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The database.
    pub database: Option<String>,
}

/// A text that no message and no log shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// Reads the login part of `postgresql://[user[:password]@]...[/database][?name=value...]`; user,
/// password and database may also be parameters (`user`, `password`, `dbname`).
///
/// Source: PostgreSQL manual, "Connection URIs".
///
/// # Errors
/// A sentence that says what is wrong; it never quotes a password.
pub fn target_login(text: &str) -> Result<Login, String> {
    let mut login = Login::default();
    let Some((_, rest)) = text.split_once("://") else { return Ok(login) };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    if let Some((who, _)) = authority.rsplit_once('@') {
        let (user, password) = who.split_once(':').map_or((who, None), |(u, p)| (u, Some(p)));
        login.user = given(percent_decoded(user)?);
        login.password = given(percent_decoded(password.unwrap_or_default())?).map(Secret);
    }
    login.database = given(percent_decoded(database)?);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter
            .split_once('=')
            .ok_or("a parameter of the target URL has no value".to_owned())?;
        let value = percent_decoded(value)?;
        match name {
            "user" => login.user = given(value),
            "password" => login.password = given(value).map(Secret),
            "dbname" => login.database = given(value),
            "host" | "port" => {}
            // What is about TLS is read where the rest of the address is.
            _ => {}
        }
    }
    Ok(login)
}

/// An empty part counts as one that is not there, as in libpq.
fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_are_read_and_decoded() {
        let login =
            target_login("postgresql://a%40b:s%3A%2F@h:1/d%20b?application_name=x").unwrap();
        assert_eq!(login.user.as_deref(), Some("a@b"));
        assert_eq!(login.password, Some(Secret("s:/".into())));
        assert_eq!(login.database.as_deref(), Some("d b"));
        let login = target_login("postgres:///x?user=u&dbname=d&host=/run");
        let login = login.unwrap();
        assert_eq!((login.user.as_deref(), login.database.as_deref()), (Some("u"), Some("d")));
        assert_eq!(target_login("embedded"), Ok(Login::default()));
        assert_eq!(target_login("postgres://h:5432"), Ok(Login::default()));
    }

    #[test]
    fn passwords_are_not_shown() {
        let login = target_login("postgres://u:geheim@h/d").unwrap();
        assert!(!format!("{login:?}").contains("geheim"));
        assert!(!target_login("postgres://u@h/d?password").unwrap_err().contains("geheim"));
    }
}
