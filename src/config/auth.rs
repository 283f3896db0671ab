//! `[auth]`: who may log in, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::problem::Complaint;
use crate::keyword::keywords;

/// The default of `auth.query`: users whose password has not expired.
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
    /// The user that logs in to the target for every client.
    pub target_user: Option<String>,
    /// The same for single users; it goes before `target_user`.
    pub target_users: BTreeMap<String, String>,
    /// The user that looks up users on the target that the file does not name; `None`: none does.
    pub query_user: Option<String>,
    /// The query: one parameter, a row of a user and a password or secret.
    pub query: String,
    /// Its database; `None`: the one that the client asks for.
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
    /// What does not fit together.
    pub(super) fn check(&self) -> Vec<Complaint> {
        let complaint = |is_wrong: bool, key: &str, reason: &str| {
            is_wrong.then(|| (format!("auth.{key}"), format!("auth.{key} {reason}")))
        };
        let terminates = self.mode == AuthMode::Terminate;
        let asks = self.query_user.is_some();
        let lacks_file = (terminates && self.users_file.is_none()).then(|| {
            let reason = "auth.mode = \"terminate\" needs auth.users_file";
            ("auth.users_file".to_owned(), reason.to_owned())
        });
        let of_terminate = [
            ("salt_file", self.salt_file.is_some()),
            ("target_user", self.target_user.is_some()),
            ("target_users", !self.target_users.is_empty()),
            ("query_user", asks),
        ]
        .map(|(key, is_set)| {
            complaint(!terminates && is_set, key, "needs auth.mode = \"terminate\"")
        });
        let of_questions =
            [("query", self.query != QUERY), ("query_database", self.query_database.is_some())]
                .map(|(key, is_set)| complaint(is_set && !asks, key, "needs auth.query_user"));
        let lacks_name =
            complaint(!self.query.contains("$1"), "query", "lacks $1, which stands for the name");
        let texts = [
            ("query_user", self.query_user.as_deref()),
            ("query_database", self.query_database.as_deref()),
            ("query", Some(self.query.as_str()).filter(|query| !query.is_empty())),
        ];
        let of_texts = texts.map(|(key, text)| {
            let text = text.unwrap_or("-");
            complaint(text.is_empty(), key, "is empty")
                .or_else(|| complaint(text.contains('\0'), key, "cannot have U+0000"))
        });
        let all = [lacks_file].into_iter().chain(of_terminate).chain(of_questions);
        all.chain([lacks_name]).chain(of_texts).flatten().collect()
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
        let said = |text: &str| -> Vec<String> {
            let complaints = toml::from_str::<Auth>(text).unwrap().check();
            complaints.into_iter().map(|(_, reason)| reason).collect()
        };
        let terminate = "mode = 'terminate'\nusers_file = 'u'\n";
        assert!(said("").is_empty());
        for fine in [
            "",
            "query_user = 'q'",
            "query_user = 'q'\nquery = 'SELECT * FROM app.find($1)'\nquery_database = 'd'",
            "query_user = 'q'\ntarget_user = 't'",
            "target_users = { anna = 'loader' }",
        ] {
            assert!(said(&format!("{terminate}{fine}")).is_empty(), "{fine}");
        }
        let missing = "auth.mode = \"terminate\" needs auth.users_file";
        for (wrong, expected) in [
            ("mode = 'terminate'", &[missing][..]),
            ("mode = 'terminate'\nquery_user = 'q'", &[missing]),
            ("salt_file = 'a'", &["auth.salt_file needs auth.mode = \"terminate\""]),
            ("target_user = 'a'", &["auth.target_user needs auth.mode = \"terminate\""]),
            (
                "target_users = { anna = 'a' }\nquery = 'SELECT $1, $1'",
                &[
                    "auth.target_users needs auth.mode = \"terminate\"",
                    "auth.query needs auth.query_user",
                ],
            ),
            ("query_user = 'a'", &["auth.query_user needs auth.mode = \"terminate\""]),
            ("query_database = 'd'", &["auth.query_database needs auth.query_user"]),
            (&format!("{terminate}query = 'SELECT $1, $1'"), &["auth.query needs auth.query_user"]),
            (
                &format!("{terminate}query_user = 'q'\nquery = 'SELECT 1, 2'"),
                &["auth.query lacks $1, which stands for the name"],
            ),
            (
                &format!("{terminate}query_user = ''\nquery_database = ''"),
                &["auth.query_user is empty", "auth.query_database is empty"],
            ),
            (
                &format!("{terminate}query_user = \"q\\u0000\""),
                &["auth.query_user cannot have U+0000"],
            ),
        ] {
            assert_eq!(said(wrong), expected, "{wrong}");
        }
    }
}
