//! `auth.users_file`: who may log in, in the format of pgbouncer's userlist.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::salts::Salts;
use super::scram_secret::{ClientKey, ScramSecret};
use crate::files::{Reloaded, file_error, warn_if_public};
use crate::wire::logged;

/// What a secret costs that we make ourselves, as PostgreSQL's do by default.
const ITERATIONS: u32 = 4096;

/// What the proxy logs in to the target with.
#[derive(Clone)]
pub enum Credential {
    /// A password.
    Password(String),
    /// What a client has proven to know, and the secret that it was proven against.
    Key(ClientKey, ScramSecret),
    /// Nothing: the target lets the user in by its certificate or by trust.
    None,
}

/// What the file says of one user.
#[derive(Clone)]
struct Stored {
    /// `None` where the file has only the secret.
    password: Option<String>,
    secret: ScramSecret,
}

/// The users.
pub struct Users {
    /// A name without anything stored is one whose line is of no use.
    stored: Reloaded<HashMap<String, Option<Stored>>>,
    salts: Salts,
}

/// A user that a client wants to log in as.
#[derive(Debug)]
pub struct User {
    /// What the login is checked against, for an unknown user as well.
    pub secret: ScramSecret,
    stored: Option<Stored>,
}

impl Users {
    /// Reads the file; `salts` are for users who have none of their own.
    ///
    /// # Errors
    /// It cannot be read, or a line of it; the text names file and line, and no secret.
    pub fn new(path: PathBuf, salts: Salts) -> io::Result<Users> {
        let own = salts.clone();
        let stored = Reloaded::new(vec![path.clone()], move || load(&path, &own))?;
        Ok(Users { stored, salts })
    }

    /// The user of this name, known or not. Does the same work for both.
    pub fn get(&self, name: &str) -> User {
        let nobody = ScramSecret::nobodys(&self.salts.of(name), ITERATIONS);
        let stored = self.stored.get().get(name).cloned().flatten();
        let secret = stored.as_ref().map_or(nobody, |stored| stored.secret.clone());
        User { secret, stored }
    }

    /// Whether the file has a line for this name, even one that allows no login.
    pub fn names(&self, name: &str) -> bool {
        self.stored.get().contains_key(name)
    }

    /// The user of this name by what the target has stored of him, as if it stood in the file;
    /// `None` where that is nothing. Takes the same time for every answer.
    pub fn looked_up(&self, name: &str, secret: Option<String>) -> User {
        let salt = self.salts.of(name);
        let found = secret.and_then(|secret| {
            let stored = stored(secret, &salt);
            let user = logged(name);
            stored
                .inspect_err(
                    |reason| tracing::warn!(event = "user_unusable", %user, "auth.query: {reason}"),
                )
                .ok()
        });
        if found.as_ref().is_none_or(|found| found.password.is_none()) {
            // What the secret of a password costs, so that no answer can be told by its time.
            std::hint::black_box(ScramSecret::derive(name, &salt, ITERATIONS));
        }
        let nobody = ScramSecret::nobodys(&salt, ITERATIONS);
        let secret = found.as_ref().map_or(nobody, |found| found.secret.clone());
        User { secret, stored: found }
    }

    /// What the proxy logs in to the target with as this user, without a client who has proven
    /// anything: a password, if the file has one.
    pub fn credential_of(&self, name: &str) -> Credential {
        let stored = self.stored.get();
        let stored = stored.get(name).and_then(Option::as_ref);
        match stored.and_then(|stored| stored.password.clone()) {
            Some(password) => Credential::Password(password),
            None => Credential::None,
        }
    }
}

impl User {
    /// What this user, who has proven to know `client_key`, logs in to the target with; `None` for
    /// an unknown user, whatever was proven.
    pub fn credential(self, client_key: ClientKey) -> Option<Credential> {
        let stored = self.stored?;
        Some(match stored.password {
            Some(password) => Credential::Password(password),
            None => Credential::Key(client_key, stored.secret),
        })
    }
}

/// Secrets are made of passwords here, a millisecond each, so that a login costs the same for
/// everybody and floods of logins cost little.
fn load(path: &Path, salts: &Salts) -> io::Result<HashMap<String, Option<Stored>>> {
    let text = fs::read_to_string(path).map_err(|error| file_error(path, error))?;
    warn_if_public(path);
    let mut users = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        let (name, secret) = entry(line).ok_or_else(|| {
            file_error(path, format!("line {}: not \"user\" \"secret\"", index + 1))
        })?;
        let salt = salts.of(&name);
        let stored = stored(secret, &salt).inspect_err(|reason| {
            tracing::warn!(event = "user_unusable", file = %path.display(), user = %logged(&name), "{reason}");
        });
        users.insert(name, stored.ok());
    }
    Ok(users)
}

/// The two quoted fields at the start of a line; what follows is left aside, as pgbouncer does.
fn entry(line: &str) -> Option<(String, String)> {
    let (name, rest) = quoted(line)?;
    let (secret, _) = quoted(rest.trim_start())?;
    (!name.is_empty()).then_some((name, secret))
}

/// A field in double quotes, in which a double quote is written twice.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut value = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        value.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                value.push('"');
                rest = after;
            }
            None => return Some((value, after)),
        }
    }
}

/// What a field means; the error says why its user cannot log in.
fn stored(secret: String, salt: &[u8]) -> Result<Stored, &'static str> {
    if secret.is_empty() {
        return Err("no password, so no login");
    }
    if let Some(digits) = secret.strip_prefix("md5")
        && digits.len() == 32
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Err("an md5 hash does not do for SCRAM, so no login: write the password, or the \
                    SCRAM secret of pg_authid");
    }
    if secret.starts_with("SCRAM-SHA-256$") {
        let parsed = ScramSecret::parse(&secret);
        return parsed
            .map(|secret| Stored { password: None, secret })
            .ok_or("a broken SCRAM secret, so no login");
    }
    let made = ScramSecret::derive(&secret, salt, ITERATIONS);
    Ok(Stored { password: Some(secret), secret: made })
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credential::Password(_) => "Password(secret)",
            Credential::Key(..) => "Key(secret)",
            Credential::None => "None",
        })
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stored(secret)")
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("stored", &self.stored).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(text: &str) -> io::Result<Users> {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("dms-proxy-users-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        let users = Users::new(path.clone(), Salts::of_process().unwrap());
        fs::remove_file(path).unwrap();
        users
    }

    const SECRET: &str = "SCRAM-SHA-256$4096:c2FsdA==$\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    #[test]
    fn lines_are_read_as_pgbouncer_does() {
        let text = format!(
            "; a comment\n\n\"a\" \"pass\"\"word\" \"\" more\n  \"b \"\"x\"\"\"\t\"{SECRET}\"\n\
             \"c\" \"\"\n\"d\" \"md5{}\"\n\"e\" \"md5 is fine\"\n\"f\" \"SCRAM-SHA-256$broken\"\n",
            "0".repeat(32)
        );
        let users = users(&text).unwrap();
        let stored = users.stored.get();
        let mut names: Vec<_> = stored.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b \"x\"", "c", "d", "e", "f"]);
        names.retain(|name| stored[*name].is_some());
        assert_eq!(names, ["a", "b \"x\"", "e"]);
        assert_eq!(stored["a"].as_ref().unwrap().password.as_deref(), Some("pass\"word"));
        let by_secret = stored["b \"x\""].as_ref().unwrap();
        assert_eq!(
            (by_secret.password.as_deref(), &by_secret.secret.salt[..]),
            (None, &b"salt"[..])
        );
        assert!(matches!(users.credential_of("a"), Credential::Password(_)));
        assert!(matches!(users.credential_of("nobody"), Credential::None));
    }

    #[test]
    fn a_broken_line_is_named_and_its_secret_is_not() {
        for line in ["a b", "\"a\"", "\"a\" \"secret", "\"\" \"secret\"", "\"a\" secret"] {
            let error = users(&format!("\"x\" \"y\"\n{line}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{line}: {error}");
            assert!(!error.contains("secret\"") || error.ends_with("\"secret\""), "{error}");
        }
    }

    #[test]
    fn somebody_who_is_not_there_is_told_the_same_salt_every_time() {
        let users = users("\"a\" \"b\"\n").unwrap();
        let salts =
            ["nobody", "nobody", "no one", "a", "a"].map(|name| users.get(name).secret.salt);
        assert_eq!(salts[0], salts[1]);
        assert_eq!(salts[3], salts[4]);
        assert_ne!(salts[0], salts[2]);
        let key = || ClientKey([0; 32]);
        assert!(users.get("nobody").credential(key()).is_none());
        assert!(users.get("a").credential(key()).is_some());
    }

    #[test]
    fn an_answer_of_the_target_is_as_good_as_a_line() {
        let users = users("\"a\" \"\"\n").unwrap();
        assert!(users.names("a") && !users.names("b"));
        let key = || ClientKey([0; 32]);
        let by = |secret: &str| users.looked_up("b", Some(secret.into())).credential(key());
        assert!(matches!(by("pass"), Some(Credential::Password(word)) if word == "pass"));
        assert!(matches!(by(SECRET), Some(Credential::Key(..))));
        assert_eq!(users.looked_up("b", Some(SECRET.into())).secret.salt, b"salt");
        for useless in ["", "SCRAM-SHA-256$broken", &format!("md5{}", "0".repeat(32))] {
            assert!(by(useless).is_none(), "{useless}");
            let salt = users.looked_up("b", Some(useless.into())).secret.salt;
            assert_eq!(salt, users.get("b").secret.salt, "{useless}");
        }
        assert!(users.looked_up("b", None).credential(key()).is_none());
        assert_eq!(users.looked_up("b", None).secret.salt, users.get("b").secret.salt);
    }

    #[test]
    fn no_secret_is_shown_by_debug() {
        let users = users("\"a\" \"hush\"\n").unwrap();
        let user = users.get("a");
        let credential = user.stored.clone();
        let said = format!("{users:?} {user:?} {credential:?} {:?}", users.credential_of("a"));
        assert!(!said.contains("hush"), "{said}");
    }
}
