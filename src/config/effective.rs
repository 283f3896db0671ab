//! What is in force of a configuration, key by key, and where each value comes from. Reads the file as TOML;
//! what the keys mean is not looked at.

use std::fmt;
use std::path::{Path, PathBuf};

use super::read::{line_of_key, shown};
use super::reference::{KeyEntry, SHIPPED_FILE, shipped_keys};
use super::{ConfigError, DEFAULT_FILE};
use crate::target::without_passwords;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// The built-in default.
    Default,
    /// The file, at this line.
    File(PathBuf, usize),
    /// This flag.
    Flag(&'static str),
    /// This variable of the environment.
    Variable(&'static str),
}

impl ValueSource {
    /// In a word: `flag`, `env`, `default`, or the file with its line.
    pub fn word(&self) -> String {
        match self {
            ValueSource::Flag(_) => "flag".into(),
            ValueSource::Variable(_) => "env".into(),
            ValueSource::Default | ValueSource::File(..) => self.to_string(),
        }
    }
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueSource::Default => f.write_str("default"),
            ValueSource::File(path, line) => write!(f, "{}:{line}", path.display()),
            ValueSource::Flag(name) | ValueSource::Variable(name) => f.write_str(name),
        }
    }
}

/// A text as TOML without its quotes; other values as they are.
pub fn plain_value(value: &str) -> String {
    let table = format!("a = {value}").parse::<toml::Table>().unwrap_or_default();
    let text = table.get("a").and_then(toml::Value::as_str);
    text.unwrap_or(value).to_owned()
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveKey {
    /// The section as TOML has it, `fk`; empty in front of the first one.
    pub section: String,
    /// The key in it.
    pub key: String,
    /// Its value as TOML, without passwords; `None` where it has none.
    pub value: Option<String>,
    /// Where that comes from.
    pub source: ValueSource,
    /// Whether it is another value than the default.
    pub differs: bool,
}

/// The keys and sections that only a restart changes.
const FIXED: [&str; 7] = [
    "listen.",
    "target.url",
    "target.connect_timeout",
    "auth.",
    "limits.threads",
    "log.format",
    "admin.",
];

impl EffectiveKey {
    fn is(&self, section: &str, key: &str) -> bool {
        self.section == section && self.key == key
    }

    /// The key with its section.
    pub fn name(&self) -> String {
        joined(&self.section, &self.key)
    }

    /// Whether a reload changes it.
    pub fn is_changeable(&self) -> bool {
        let name = self.name();
        !FIXED.iter().any(|fixed| name.starts_with(fixed))
    }
}

/// Every key, in the order of the shipped file; those that people name themselves follow in their section.
#[derive(Clone, Debug)]
pub struct Effective {
    keys: Vec<EffectiveKey>,
}

impl Effective {
    /// What the file says, or `./proxy.toml` if none is named and there is one.
    ///
    /// # Errors
    /// The file cannot be read, or is no TOML. Whether its keys are right is not looked at.
    pub fn load(file: Option<&Path>) -> Result<Effective, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Effective::read(path, &text),
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Effective::read(path, "")
            }
            Err(error) => Err(ConfigError::unreadable(path, &error)),
        }
    }

    fn read(path: &Path, text: &str) -> Result<Effective, ConfigError> {
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::unreadable(path, &error.message()))?;
        let mut effective = Effective { keys: Vec::new() };
        let entries = shipped_keys();
        for entry in entries.iter().filter(|entry| !entry.key.is_empty()) {
            effective.keys.push(default_key(entry));
        }
        for (section, key, value) in leaves(&table, &entries) {
            let name = joined(&section, &key);
            let line = line_of_key(text, &name).unwrap_or_default();
            let source = ValueSource::File(path.to_owned(), line);
            effective.set(&section, &key, &value, source);
        }
        Ok(effective)
    }

    /// A flag or variable goes before the file.
    pub fn set_argument(&mut self, section: &str, key: &str, value: &str, source: ValueSource) {
        self.set(section, key, &toml::Value::String(value.to_owned()), source);
    }

    fn set(&mut self, section: &str, key: &str, value: &toml::Value, source: ValueSource) {
        let text = without_passwords(&value.to_string());
        if let Some(found) = self.keys.iter_mut().find(|one| one.is(section, key)) {
            found.differs = found.value.as_deref().map(same_form) != Some(same_form(&text));
            (found.value, found.source) = (Some(text), source);
            return;
        }
        let (section, key) = (section.to_owned(), key.to_owned());
        self.add(EffectiveKey { section, key, value: Some(text), source, differs: true });
    }

    /// Behind the others of its section.
    fn add(&mut self, new: EffectiveKey) {
        let behind = self.keys.iter().rposition(|one| one.section == new.section);
        self.keys.insert(behind.map_or(self.keys.len(), |at| at + 1), new);
    }

    fn find(&self, like: &EffectiveKey) -> Option<&EffectiveKey> {
        self.keys.iter().find(|one| one.is(&like.section, &like.key))
    }

    /// Takes the keys that only a restart changes from what is `running`.
    pub fn keep_fixed_of(&mut self, running: &Effective) {
        let new = std::mem::replace(self, running.clone());
        self.keys.retain(|one| !one.is_changeable() || new.find(one).is_some());
        for one in new.keys.into_iter().filter(EffectiveKey::is_changeable) {
            match self.keys.iter_mut().find(|old| old.is(&one.section, &one.key)) {
                Some(old) => *old = one,
                None => self.add(one),
            }
        }
    }

    /// The keys that had another value in `before`.
    pub fn changed_from(&self, before: &Effective) -> Vec<String> {
        let value = |one: &EffectiveKey| one.value.as_deref().map(same_form);
        let differs = |one: &&EffectiveKey| before.find(one).and_then(value) != value(one);
        let changed = self.keys.iter().filter(differs);
        let gone = before.keys.iter().filter(|one| self.find(one).is_none());
        changed.chain(gone).map(EffectiveKey::name).collect()
    }

    /// All of them.
    pub fn keys(&self) -> &[EffectiveKey] {
        &self.keys
    }

    /// As a file: all keys, or those that differ from their default. The source of each value is a comment
    /// behind it.
    pub fn to_toml(&self, only_changed: bool) -> String {
        let mut text = String::new();
        let mut section = "";
        for one in self.keys.iter().filter(|one| one.differs || !only_changed) {
            if one.section != section {
                section = &one.section;
                let gap = if text.is_empty() { "" } else { "\n" };
                text.push_str(&format!("{gap}[{section}]\n"));
            }
            let line = match &one.value {
                Some(value) => format!("{} = {value}", one.key),
                None => format!("# {} = none", one.key),
            };
            text.push_str(&format!("{line:<48}  # {}\n", one.source));
        }
        text
    }
}

fn default_key(entry: &KeyEntry) -> EffectiveKey {
    EffectiveKey {
        section: entry.section.clone(),
        key: entry.key.clone(),
        value: entry.default.clone(),
        source: ValueSource::Default,
        differs: false,
    }
}

/// A value in the one form in which this crate writes it, so that `'a'` is `"a"`.
fn same_form(value: &str) -> String {
    let table = format!("a = {value}").parse::<toml::Table>();
    table.ok().and_then(|table| table.get("a").map(ToString::to_string)).unwrap_or_default()
}

/// The values of a file with their section and key. A table that the shipped file knows as a key is one value;
/// others are sections.
fn leaves(root: &toml::Table, entries: &[KeyEntry]) -> Vec<(String, String, toml::Value)> {
    // A section that changes something by being there is an example in the shipped file.
    let is_example = |name: &str| SHIPPED_FILE.contains(&format!("\n#   [{name}]\n"));
    let is_section =
        |name: &str| entries.iter().any(|entry| entry.section == name) || is_example(name);
    let mut found = Vec::new();
    let mut open = vec![(String::new(), root)];
    while let Some((section, table)) = open.pop() {
        for (key, value) in table {
            let name = joined(&section, &shown(key));
            match value.as_table() {
                Some(inner) if is_section(&name) => open.push((name, inner)),
                _ => found.push((section.clone(), shown(key), value.clone())),
            }
        }
    }
    found
}

fn joined(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "rewrite = 'on'\n[listen]\naddress = '0.0.0.0:1'\n[mapping]\njson = 'keep'\n\
        [mapping.types]\n'a.b' = 'TEXT'\n[[fk.sessions]]\nuser = 'u'\n\
        [target]\nurl = 'postgresql://u:secret@h/d'\n[admin]\ntables = 7\n";

    #[test]
    fn every_key_has_its_value_and_where_it_comes_from() {
        let mut effective = Effective::read(Path::new("p.toml"), FILE).unwrap();
        effective.set_argument("listen", "address", ":2", ValueSource::Flag("--listen"));
        let found = |section: &str, key: &str| {
            let mut keys = effective.keys().iter();
            let one = keys.find(|one| one.section == section && one.key == key).unwrap();
            (one.value.clone().unwrap_or_default(), one.source.to_string(), one.differs)
        };
        let one =
            |value: &str, source: &str, differs| (value.to_owned(), source.to_owned(), differs);
        assert_eq!(found("", "rewrite"), one("\"on\"", "p.toml:1", false));
        assert_eq!(found("listen", "address"), one("\":2\"", "--listen", true));
        assert_eq!(found("listen", "sslmode"), one("\"disable\"", "default", false));
        assert_eq!(found("listen", "sslcert"), one("", "default", false));
        assert_eq!(found("mapping", "json"), one("\"keep\"", "p.toml:5", true));
        assert_eq!(found("mapping.types", "\"a.b\""), one("\"TEXT\"", "p.toml:7", true));
        assert_eq!(found("fk", "sessions").0, "[{ user = \"u\" }]");
        assert!(!found("target", "url").0.contains("secret"));
        assert_eq!(found("admin", "tables"), one("7", "p.toml:13", true));
    }

    #[test]
    fn what_is_shown_is_a_file_of_the_same_configuration() {
        let effective = Effective::read(Path::new("p.toml"), FILE).unwrap();
        for only_changed in [false, true] {
            let text = effective.to_toml(only_changed);
            let again = Effective::read(Path::new("p.toml"), &text).unwrap();
            let values = |effective: &Effective| {
                let keys = effective.keys().iter();
                keys.map(|one| (one.key.clone(), one.value.clone())).collect::<Vec<_>>()
            };
            assert_eq!(values(&again), values(&effective), "{text}");
        }
        assert_eq!(Effective::read(Path::new("p.toml"), "").unwrap().to_toml(true), "");
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused() {
        let error = Effective::read(Path::new("p.toml"), "a = = 'x:y@z'").unwrap_err();
        assert!(error.to_string().starts_with("p.toml:"), "{error}");
    }
}
