//! What a login at the target has to be: libpq's `require_auth` and `channel_binding`; knows no
//! messages.

/// Whether a login is bound to its TLS connection; libpq's `channel_binding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BindingDemand {
    /// Never.
    Disable,
    /// Where both sides can.
    #[default]
    Prefer,
    /// Always; a login without it fails.
    Require,
}

/// A way to log in, by its name in `require_auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// A password in the clear.
    Password,
    /// The hash of a password and a salt.
    Md5,
    /// SCRAM-SHA-256, with channel binding or without.
    ScramSha256,
    /// The target asks for nothing.
    None,
}

/// The methods of `require_auth`, and those among them that the proxy can do.
///
/// Source: PostgreSQL manual, "Parameter Key Words", `require_auth`.
const METHODS: &[(&str, Option<AuthMethod>)] = &[
    ("password", Some(AuthMethod::Password)),
    ("md5", Some(AuthMethod::Md5)),
    ("gss", None),
    ("sspi", None),
    ("scram-sha-256", Some(AuthMethod::ScramSha256)),
    ("oauth", None),
    ("none", Some(AuthMethod::None)),
];

/// What the proxy demands of a login of its own; by default it takes what comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginDemands {
    /// `channel_binding`.
    pub binding: BindingDemand,
    /// The methods that are allowed, and the text that says so; `None`: all of them.
    methods: Option<(Vec<AuthMethod>, String)>,
}

impl LoginDemands {
    /// Whether anything is demanded.
    pub fn is_some(&self) -> bool {
        self.methods.is_some() || self.binding != BindingDemand::default()
    }

    /// Takes the value of `channel_binding`.
    ///
    /// # Errors
    /// A sentence that says what may be written.
    pub fn set_channel_binding(&mut self, value: &str) -> Result<(), String> {
        self.binding = match value {
            "disable" => BindingDemand::Disable,
            "prefer" => BindingDemand::Prefer,
            "require" => BindingDemand::Require,
            _ => return Err("channel_binding is disable, prefer or require".into()),
        };
        Ok(())
    }

    /// Takes an empty `require_auth`.
    pub fn allow_every_method(&mut self) {
        self.methods = None;
    }

    /// Takes the value of `require_auth`: methods with commas between them, each with a `!` in
    /// front or none.
    ///
    /// # Errors
    /// A sentence that says what may be written.
    pub fn set_require_auth(&mut self, value: &str) -> Result<(), String> {
        let names = || METHODS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let excludes = value.starts_with('!');
        let mut named = Vec::new();
        for word in value.split(',') {
            let name = word.strip_prefix('!').unwrap_or(word);
            if word.starts_with('!') != excludes {
                return Err("require_auth has a ! in front of each method or of none".into());
            }
            let method = METHODS
                .iter()
                .find(|(known, _)| *known == name)
                .ok_or_else(|| format!("require_auth is a list of {}", names()))?;
            named.extend(method.1);
        }
        let all = METHODS.iter().filter_map(|(_, method)| *method);
        let allowed = all.filter(|method| named.contains(method) != excludes).collect();
        self.methods = Some((allowed, value.to_owned()));
        Ok(())
    }

    /// Whether the target may ask for this method.
    ///
    /// # Errors
    /// The value of `require_auth` that forbids it.
    pub fn check(&self, method: AuthMethod) -> Result<(), &str> {
        match &self.methods {
            Some((allowed, text)) if !allowed.contains(&method) => Err(text),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demands(value: &str) -> Result<LoginDemands, String> {
        let mut demands = LoginDemands::default();
        demands.set_require_auth(value).map(|()| demands)
    }

    #[test]
    fn methods_are_allowed_or_excluded() {
        use AuthMethod::{Md5, None, Password, ScramSha256};
        let allowed = |value: &str| {
            let demands = demands(value).unwrap();
            [Password, Md5, ScramSha256, None].map(|method| demands.check(method).is_ok())
        };
        assert_eq!(allowed("scram-sha-256"), [false, false, true, false]);
        assert_eq!(allowed("md5,scram-sha-256"), [false, true, true, false]);
        assert_eq!(allowed("!password"), [false, true, true, true]);
        assert_eq!(allowed("!password,!none"), [false, true, true, false]);
        assert_eq!(allowed("gss"), [false; 4]);
        assert_eq!(demands("gss").unwrap().check(None), Err("gss"));
        assert!(LoginDemands::default().check(Password).is_ok());
        for wrong in ["", "scram", "md5,!none", "!md5,none", "md5,"] {
            assert!(demands(wrong).is_err(), "{wrong}");
        }
    }
}
