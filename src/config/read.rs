//! From the text of `proxy.toml` to a [`Config`], and every key that stands in the way of one.
//!
//! serde stops at the first error. The key that it names is noted and taken out, and the rest is read
//! again, until nothing is wrong. Lines are not quoted: they may hold a password.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::Config;
use super::errors::plain_name;
use super::problem::{Complaint, meant, reason};
use crate::target::without_passwords;

/// After this many problems the rest is not looked at.
const PROBLEMS_MAX: usize = 50;

/// A file that has been read.
pub(super) struct Document {
    /// What is left of it without the keys that are wrong.
    pub(super) config: Config,
    /// Where its keys stand.
    entries: Vec<FileKey>,
    /// What is wrong: line, key and reason.
    pub(super) problems: Vec<(Option<usize>, String, String)>,
}

/// One key of the file.
struct FileKey {
    steps: Vec<PathStep>,
    /// The key with its sections, as it is shown.
    shown: String,
    line: usize,
    key: Range<usize>,
    value: Range<usize>,
}

/// A step from a table or an array to what is in it.
#[derive(Clone)]
enum PathStep {
    Key(String),
    At(usize),
}

impl Document {
    /// Reads a text.
    pub(super) fn read(text: &str) -> Document {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut document =
            Document { config: Config::default(), entries: Vec::new(), problems: Vec::new() };
        if !errors.is_empty() {
            let errors = errors.into_iter().take(PROBLEMS_MAX);
            document.problems.extend(errors.map(|error| {
                let line = error.span().map(|span| line_at(text, span.start));
                (line, String::new(), without_passwords(error.message()))
            }));
            return document;
        }
        let span = table.span();
        let mut root = DeValue::Table(table.into_inner());
        rename_errors(&mut root);
        document.entries = entries(text, &root);
        while document.problems.len() < PROBLEMS_MAX {
            match Config::deserialize(ValueDeserializer::from(Spanned::new(
                span.clone(),
                root.clone(),
            ))) {
                Ok(config) => {
                    document.config = config;
                    break;
                }
                Err(error) => {
                    let found = error.span().and_then(|span| document.entry_at(&span));
                    let line = found.map(|entry| entry.line);
                    let shown = found.map_or_else(String::new, |entry| entry.shown.clone());
                    let steps = found.map_or_else(Vec::new, |entry| entry.steps.clone());
                    let meant = meant(error.message()).filter(|_| is_section(&root, &steps));
                    let is_renamed = meant.is_some_and(|name| rename(&mut root, &steps, name));
                    let is_out = is_renamed || remove(&mut root, &steps);
                    let reason = without_passwords(&reason(error.message()));
                    document.problems.push((line, without_passwords(&shown), reason));
                    if is_renamed {
                        document.entries = entries(text, &root);
                    } else if !is_out {
                        break;
                    }
                }
            }
        }
        document.problems.sort_by_key(|(line, _, _)| *line);
        document
    }

    /// Adds what is wrong with keys together, but for sections that have wrong keys of their own: what
    /// was taken out may be what they lack.
    pub(super) fn complain(&mut self, complaints: Vec<Complaint>) {
        let section = |key: &str| key.split('.').next().unwrap_or_default().to_owned();
        let is_whole = |problem: &(_, String, _)| problem.1.is_empty();
        if self.problems.iter().any(is_whole) {
            return;
        }
        let wrong: Vec<String> = self.problems.iter().map(|problem| section(&problem.1)).collect();
        for (key, reason) in complaints {
            if !wrong.contains(&section(&key)) {
                self.problems.push((self.line_of(&key), key, reason));
            }
        }
        self.problems.sort_by_key(|(line, _, _)| *line);
    }

    /// The innermost key that an error at these bytes is about.
    fn entry_at(&self, span: &Range<usize>) -> Option<&FileKey> {
        let holds = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
        let is_key = self.entries.iter().find(|entry| entry.key == *span);
        let around = self.entries.iter().filter(|entry| holds(&entry.value));
        is_key.or_else(|| around.min_by_key(|entry| entry.value.len()))
    }

    /// The line of a key, as it is shown, or of the section where it would stand.
    fn line_of(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            if let Some(entry) = self.entries.iter().find(|entry| entry.shown == key) {
                return Some(entry.line);
            }
            key = key.rsplit_once('.')?.0;
        }
    }
}

/// The line of a key with its sections, as it is shown; `None` where the text does not have it.
pub(super) fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let root = DeValue::Table(table.into_inner());
    entries(text, &root).iter().find(|entry| entry.shown == key).map(|entry| entry.line)
}

/// Keys of `[errors]` may be spelled as AWS DMS spells them.
fn rename_errors(root: &mut DeValue<'_>) {
    let DeValue::Table(table) = root else { return };
    let Some(DeValue::Table(errors)) = table.get_mut("errors").map(Spanned::get_mut) else {
        return;
    };
    let renamed = std::mem::take(errors).into_iter().map(|(key, value)| {
        let name = plain_name(key.get_ref());
        (Spanned::new(key.span(), name.into()), value)
    });
    *errors = renamed.collect();
}

/// The line of a byte, from 1.
fn line_at(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// All keys of a file, the outer ones first.
fn entries(text: &str, root: &DeValue<'_>) -> Vec<FileKey> {
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), String::new(), root)];
    while let Some((steps, shown, value)) = open.pop() {
        match value {
            DeValue::Table(table) => {
                for (key, inner) in table.iter() {
                    let name = key.get_ref().as_ref();
                    let entry = FileKey {
                        steps: with(&steps, PathStep::Key(name.to_owned())),
                        shown: joined(&shown, name),
                        line: line_at(text, key.span().start),
                        key: key.span(),
                        value: inner.span(),
                    };
                    open.push((entry.steps.clone(), entry.shown.clone(), inner.get_ref()));
                    found.push(entry);
                }
            }
            DeValue::Array(array) => {
                open.extend(array.iter().enumerate().map(|(at, inner)| {
                    (with(&steps, PathStep::At(at)), shown.clone(), inner.get_ref())
                }));
            }
            _ => {}
        }
    }
    found
}

fn with(steps: &[PathStep], step: PathStep) -> Vec<PathStep> {
    steps.iter().cloned().chain([step]).collect()
}

/// A key behind its section.
fn joined(section: &str, name: &str) -> String {
    let name = shown(name);
    if section.is_empty() { name } else { format!("{section}.{name}") }
}

/// A key as TOML has it, quoted where it has to be.
pub(super) fn shown(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

/// Whether a section of the file stands there.
fn is_section(root: &DeValue<'_>, steps: &[PathStep]) -> bool {
    let ([PathStep::Key(key)], DeValue::Table(table)) = (steps, root) else { return false };
    table.get(key.as_str()).is_some_and(|found| matches!(found.get_ref(), DeValue::Table(_)))
}

/// Calls a section by the name that may be meant, so that its keys are judged, too; whether that name was free.
fn rename(root: &mut DeValue<'_>, steps: &[PathStep], name: &str) -> bool {
    let ([PathStep::Key(key)], DeValue::Table(table)) = (steps, root) else { return false };
    if table.contains_key(name) {
        return false;
    }
    let renamed = std::mem::take(table).into_iter().map(|(written, value)| {
        match written.get_ref() == key.as_str() {
            true => (Spanned::new(written.span(), name.to_owned().into()), value),
            false => (written, value),
        }
    });
    *table = renamed.collect();
    true
}

/// Takes a key out; whether it was there.
fn remove(root: &mut DeValue<'_>, steps: &[PathStep]) -> bool {
    let Some((PathStep::Key(last), outer)) = steps.split_last() else { return false };
    let mut at = root;
    for step in outer {
        let inner = match (step, at) {
            (PathStep::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str()),
            (PathStep::At(index), DeValue::Array(array)) => array.get_mut(*index),
            _ => None,
        };
        let Some(inner) = inner else { return false };
        at = inner.get_mut();
    }
    match at {
        DeValue::Table(table) => table.remove(last.as_str()).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(Option<usize>, String)> {
        let document = Document::read(text);
        let mut problems: Vec<_> =
            document.problems.into_iter().map(|(line, key, _)| (line, key)).collect();
        problems.sort();
        problems
    }

    fn at(line: usize, key: &str) -> (Option<usize>, String) {
        (Some(line), key.to_owned())
    }

    #[test]
    fn every_wrong_key_is_found_with_its_line() {
        let text = "rewrite = 'maybe'\nlisten = { adress = 'a', sslmode = 'no' }\n[limits]\nclients = 0\n\
            threads = 'two'\ndrain_timeout = 5\n[nothing]\na = 1\n[[fk.sessions]]\nuser = 'a'\n\
            [[fk.sessions]]\nmode = 'of'\n[mapping]\nkeep_types = ['a', 1]\n\
            [values.bad_date_columns]\n'a.b' = 'null'\n'a.b.c' = 'nil'\n";
        let expected = [
            at(1, "rewrite"),
            at(2, "listen.adress"),
            at(2, "listen.sslmode"),
            at(4, "limits.clients"),
            at(5, "limits.threads"),
            at(7, "nothing"),
            at(12, "fk.sessions.mode"),
            at(14, "mapping.keep_types"),
            at(16, "values.bad_date_columns.\"a.b\""),
            at(17, "values.bad_date_columns.\"a.b.c\""),
        ];
        assert_eq!(problems(text), expected);
        assert_eq!(Document::read(text).config.limits.drain_timeout, 5);
    }

    #[test]
    fn keys_of_a_misspelt_section_are_judged() {
        let found = problems("[limit]\nclients = 0\nclint = 1\n[listne]\naddress = 'nowhere'\n");
        let expected = [
            at(1, "limit"),
            at(2, "limits.clients"),
            at(3, "limits.clint"),
            at(4, "listne"),
            at(5, "listen.address"),
        ];
        assert_eq!(found, expected);
        // Not where the right one is there as well.
        let found = problems("[limit]\nclients = 0\n[limits]\nclients = 5\n");
        assert_eq!(found, [at(1, "limit")]);
    }

    #[test]
    fn errors_are_spelled_as_aws_dms_does_too() {
        for key in ["data_error_policy", "data-error-policy", "DataErrorPolicy"] {
            let document = Document::read(&format!("[errors]\n{key} = 'LOG_ERROR'\n"));
            assert_eq!(document.problems, [], "{key}");
            assert_eq!(
                document.config.errors.data_error_policy.map(|p| p.name()),
                Some("log-error")
            );
        }
        assert_eq!(problems("[errors]\nApplyErrors = 'stop'"), [at(2, "errors.apply_errors")]);
    }

    #[test]
    fn a_section_of_another_type_is_a_wrong_key() {
        assert_eq!(
            problems("listen = 5\n[limits]\nclients = 0"),
            [at(1, "listen"), at(3, "limits.clients"),]
        );
        assert_eq!(problems("[[listen]]\naddress = 'a'"), [at(1, "listen")]);
    }

    #[test]
    fn what_is_not_toml_is_found_with_its_lines() {
        let found = problems("rewrite = \n[listen]\naddress = '\n[listen]\n");
        let lines: Vec<_> = found.into_iter().map(|(line, _)| line).collect();
        assert!(lines.contains(&Some(1)) && lines.contains(&Some(3)), "{lines:?}");
    }

    #[test]
    fn many_problems_and_deep_tables_end() {
        let many: String = (0..200).map(|number| format!("k{number} = 1\n")).collect();
        assert_eq!(problems(&many).len(), PROBLEMS_MAX);
        let deep = format!("a = {}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(!problems(&deep).is_empty());
        let dotted = format!("a{} = 1", ".a".repeat(10_000));
        assert!(!problems(&dotted).is_empty());
    }

    #[test]
    fn a_key_that_is_left_out_has_the_line_of_its_section() {
        let document = Document::read("rewrite = 'on'\n[auth]\nmode = 'terminate'\n");
        assert_eq!(document.line_of("auth.mode"), Some(3));
        assert_eq!(document.line_of("auth.users_file"), Some(2));
        assert_eq!(document.line_of("listen.address"), None);
    }
}
