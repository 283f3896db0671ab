//! `[auth]`: who may log in, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::keyword::keywords;

/// What `auth.query` is where it is left out: users whose password has not expired.
///
/// Source: PostgreSQL manual, "pg_shadow", which has the roles that may log in.
const QUERY: &str = "SELECT usename, CASE WHEN valuntil < now() THEN NULL ELSE passwd END \
    FROM pg_catalog.pg_shadow WHERE usename = $1";

/// `[auth]`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Who checks a login.
    pub mode: AuthMode,
    /// Who may log in, where the proxy checks it.
    pub users_file: Option<PathBuf>,
    /// The key of the salts of those who have none; `None`: `users_file` with `.salt` behind it.
    pub salt_file: Option<PathBuf>,
    /// As whom the proxy logs in to the target for every client.
    pub target_user: Option<String>,
    /// The same for single users, which goes before that.
    pub target_users: BTreeMap<String, String>,
    /// As whom the proxy asks the target for users that the file does not name; `None`: it does not.
    pub query_user: Option<String>,
    /// What it asks: one parameter, a row of a user and a password or secret.
    pub query: String,
    /// Where it asks; `None`: in the database that the client wants.
    pub query_database: Option<String>,
}

impl Default for Auth {
    fn default() -> Self {
        Auth {
            mode: AuthMode::default(),
            users_file: None,
            salt_file: None,
            target_user: None,
            target_users: BTreeMap::new(),
            query_user: None,
            query: QUERY.into(),
            query_database: None,
        }
    }
}

impl Auth {
    /// Whether the keys fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        let terminates = self.mode == AuthMode::Terminate;
        if terminates && self.users_file.is_none() {
            return Err("auth.mode = \"terminate\" needs auth.users_file".into());
        }
        for (key, is_set) in [
            ("salt_file", self.salt_file.is_some()),
            ("target_user", self.target_user.is_some()),
            ("target_users", !self.target_users.is_empty()),
            ("query_user", self.query_user.is_some()),
        ] {
            if !terminates && is_set {
                return Err(format!("auth.{key} needs auth.mode = \"terminate\""));
            }
        }
        let asks = self.query_user.is_some();
        for (key, is_set) in
            [("query", self.query != QUERY), ("query_database", self.query_database.is_some())]
        {
            if is_set && !asks {
                return Err(format!("auth.{key} needs auth.query_user"));
            }
        }
        if !self.query.contains("$1") {
            return Err("auth.query asks for no user: it takes the name as $1".into());
        }
        let names = [&self.query_user, &self.query_database];
        for (key, value) in ["query_user", "query_database"].into_iter().zip(names) {
            if value.as_ref().is_some_and(String::is_empty) {
                return Err(format!("auth.{key} is empty"));
            }
        }
        let texts = names.into_iter().flatten().chain([&self.query]);
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err("auth.query, query_user and query_database cannot have U+0000".into());
        }
        Ok(())
    }
}

/// Who checks a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// The target: the client logs in to it through the proxy, which stores nothing.
    #[default]
    Passthrough,
    /// The proxy, which then logs in to the target itself.
    Terminate,
}

keywords!(AuthMode { "passthrough" => Passthrough, "terminate" => Terminate });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_do_not_go_together_are_refused() {
        let said = |text: &str| toml::from_str::<Auth>(text).unwrap().check();
        let terminate = "mode = 'terminate'\nusers_file = 'u'\n";
        assert_eq!(said(""), Ok(()));
        for fine in [
            "",
            "query_user = 'q'",
            "query_user = 'q'\nquery = 'SELECT * FROM app.find($1)'\nquery_database = 'd'",
            "query_user = 'q'\ntarget_user = 't'",
            "target_users = { anna = 'loader' }",
        ] {
            assert_eq!(said(&format!("{terminate}{fine}")), Ok(()), "{fine}");
        }
        for (wrong, expected) in [
            ("mode = 'terminate'", "needs auth.users_file"),
            ("mode = 'terminate'\nquery_user = 'q'", "needs auth.users_file"),
            ("salt_file = 'a'", "salt_file needs auth.mode"),
            ("target_user = 'a'", "target_user needs auth.mode"),
            ("target_users = { anna = 'a' }", "target_users needs auth.mode"),
            ("query_user = 'a'", "query_user needs auth.mode"),
            ("query = 'SELECT $1, $1'", "query needs auth.query_user"),
            ("query_database = 'd'", "query_database needs auth.query_user"),
            (&format!("{terminate}query = 'SELECT $1, $1'"), "query needs auth.query_user"),
            (&format!("{terminate}query_user = 'q'\nquery = 'SELECT 1, 2'"), "as $1"),
            (&format!("{terminate}query_user = 'q'\nquery = ''"), "as $1"),
            (&format!("{terminate}query_user = ''"), "query_user is empty"),
            (&format!("{terminate}query_user = 'q'\nquery_database = ''"), "database is empty"),
            (&format!("{terminate}query_user = \"q\\u0000\""), "U+0000"),
        ] {
            let error = said(wrong).unwrap_err();
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }
}
