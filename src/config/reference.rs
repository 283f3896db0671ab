//! The shipped `proxy.toml` as data: its keys, their defaults and what is said of each. Knows nothing of
//! what the keys do; that the file names every key there is, a test shows.

/// The commented file, with the default of every key.
pub const SHIPPED_FILE: &str = include_str!("../../proxy.toml");

/// A key of the shipped file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// The section, `listen`; empty for keys in front of the first one.
    pub section: String,
    /// The key in it; empty for a section whose keys are the user's own, such as `mapping.types`.
    pub key: String,
    /// Its default as TOML; `None` where the key has no value of its own.
    pub default: Option<String>,
    /// What is said of it, lines joined; indented lines stay lines.
    pub text: String,
}

impl KeyEntry {
    /// The key with its section, as errors show it.
    pub fn name(&self) -> String {
        let names = [self.section.as_str(), self.key.as_str()];
        names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(".")
    }
}

/// What a comment says in front of the example of a key that has no default.
const EXAMPLE: &str = "Example: ";

/// Every key of the shipped file, in its order.
pub fn shipped_keys() -> Vec<KeyEntry> {
    keys_of(SHIPPED_FILE)
}

/// Every key of a text that is commented like the shipped file.
fn keys_of(text: &str) -> Vec<KeyEntry> {
    let mut reader = KeyReader::default();
    for line in text.lines() {
        reader.line(line);
    }
    reader.entries
}

#[derive(Default)]
struct KeyReader {
    entries: Vec<KeyEntry>,
    section: String,
    comment: Vec<String>,
}

impl KeyReader {
    fn line(&mut self, line: &str) {
        if let Some(comment) = line.strip_prefix('#') {
            self.comment(comment.strip_prefix(' ').unwrap_or(comment));
        } else if let Some(section) = line.strip_prefix('[') {
            section.trim_end_matches(']').clone_into(&mut self.section);
            if self.comment.is_empty() {
                return;
            }
            self.add(String::new(), None);
        } else if let Some((key, value)) = line.split_once(" = ") {
            self.add(key.to_owned(), Some(value.to_owned()));
        } else {
            self.comment.clear();
        }
    }

    fn comment(&mut self, line: &str) {
        self.comment.push(line.to_owned());
        if let Some(list) = line.trim_start().strip_prefix("[[")
            && let Some((_, key)) = list.trim_end_matches(']').rsplit_once('.')
        {
            // The lines of the example that follow belong to it.
            return self.add(key.to_owned(), None);
        }
        let Some((_, example)) = line.split_once(EXAMPLE) else { return };
        let Some((key, _)) = example.split_once(" = ") else { return };
        if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            self.add(key.to_owned(), None);
        }
    }

    /// Ends the comment with this key. A key whose example comes first is one key.
    fn add(&mut self, key: String, default: Option<String>) {
        let section = self.section.clone();
        let mut text = joined(&std::mem::take(&mut self.comment));
        let is_same = |last: &KeyEntry| last.section == section && last.key == key;
        if let Some(last) = self.entries.pop_if(|last| is_same(last)) {
            text = joined(&[last.text, text]);
        }
        self.entries.push(KeyEntry { section, key, default, text: text.trim().to_owned() });
    }
}

/// Lines as one paragraph; lines of examples stay on their own.
fn joined(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        let is_own = line.starts_with("  ");
        text.push_str(if text.is_empty() {
            ""
        } else if is_own {
            "\n"
        } else {
            " "
        });
        text.push_str(line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_and_without_a_default_are_read() {
        let text = "# The file.\n\n# One\n# key.\na = 1\n[one]\n# Two. Default: none. Example: b = \"x\"\n\
            # Three. Example: \"y\"\nc = \"z\"\n# Four. Example: d = 5\nd = 4\n# Five.\n# Example:\n\
            #   [[one.list]]\n#   k = 1\n\n# Own.\n# Example:\n#   K = \"v\"\n[one.two]\n[three]\n";
        let found: Vec<_> = keys_of(text)
            .into_iter()
            .map(|entry| (entry.name(), entry.default.unwrap_or_default(), entry.text))
            .collect();
        let expected = [
            ("a", "1", "One key."),
            ("one.b", "", "Two. Default: none. Example: b = \"x\""),
            ("one.c", "\"z\"", "Three. Example: \"y\""),
            ("one.d", "4", "Four. Example: d = 5"),
            ("one.list", "", "Five. Example:\n  [[one.list]]"),
            ("one.two", "", "Own. Example:\n  K = \"v\""),
        ];
        let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_shipped_file_names_every_key() {
        let keys = shipped_keys();
        let sections: std::collections::BTreeSet<&str> =
            keys.iter().map(|entry| entry.section.as_str()).collect();
        for section in sections.into_iter().filter(|section| *section != "mapping.types") {
            let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
            // The error names all keys that would be right.
            let error =
                toml::from_str::<super::super::Config>(&format!("{header}nothing_such = 1"));
            let message = error.unwrap_err().message().to_owned();
            for key in message.split('`').skip(3).step_by(2) {
                let names = |entry: &KeyEntry| entry.section == section && entry.key == key;
                let is_section = |entry: &KeyEntry| {
                    let name = [section, key].join(".");
                    let name = name.trim_start_matches('.');
                    let is_there = |line: String| SHIPPED_FILE.contains(&line);
                    entry.section == name
                        || is_there(format!("\n[{name}]\n"))
                        || is_there(format!("\n#   [{name}]\n"))
                };
                assert!(
                    keys.iter().any(|entry| names(entry) || is_section(entry)),
                    "proxy.toml does not name {section}.{key}"
                );
            }
        }
    }

    #[test]
    fn the_shipped_file_changes_nothing() {
        let shipped: super::super::Config = toml::from_str(SHIPPED_FILE).unwrap();
        let default = super::super::Config::default();
        assert_eq!(format!("{shipped:?}"), format!("{default:?}"));
        for entry in shipped_keys().into_iter().filter(|entry| !entry.key.is_empty()) {
            assert!(!entry.text.is_empty(), "{} has no text", entry.name());
        }
    }
}
