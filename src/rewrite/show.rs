//! `SHOW dms.name` becomes a query that gives the proxy's value under the same name. Knows no sessions: the
//! values are given to it.

use super::{ReplacementReason, Rewrite};
use crate::parking::spelling::{quoted_identifier, quoted_literal};
use crate::statement::Replacement;
use crate::statement::script::Script;

/// What is shown for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownValue {
    /// This text.
    Text(String),
    /// What the server has as the setting of this name, and the text where it has none: what the text itself
    /// sets in front of it is in force there.
    Setting(String),
}

impl Rewrite {
    /// Answers the statements of a text that ask for values of the proxy's; `value` gives them by name. One
    /// that has none is the server's to refuse.
    pub fn answer_shows(&mut self, script: &Script, value: impl Fn(&str) -> Option<ShownValue>) {
        let mut answers = script.shows().peekable();
        if answers.peek().is_none() {
            return;
        }
        let reasons = std::mem::take(&mut self.reasons);
        let mut replaced: Vec<_> =
            std::mem::take(&mut self.replacements).into_iter().zip(reasons).collect();
        for (number, show) in answers {
            let Some(value) = value(&show.name) else { continue };
            let text = query(&show.name, &value).into_bytes();
            let replacement = Replacement { span: show.span.clone(), text };
            replaced.push((replacement, ReplacementReason::Rule("show")));
            self.completions.tags.push_back((number, "SHOW"));
        }
        self.completions.tags.make_contiguous().sort_by_key(|(number, _)| *number);
        self.put_in_order(replaced);
    }
}

/// The query; whatever the search_path has, it calls nothing but functions of the system.
fn query(name: &str, value: &ShownValue) -> String {
    let column = quoted_identifier(&format!("dms.{name}"));
    match value {
        ShownValue::Text(text) => {
            format!("SELECT {}::pg_catalog.text AS {column}", quoted_literal(text))
        }
        ShownValue::Setting(text) => {
            let setting = format!("pg_catalog.current_setting('dms.{name}', true)");
            format!(
                "SELECT CASE WHEN {setting} OPERATOR(pg_catalog.<>) '' THEN {setting} ELSE {} END AS \
                 {column}",
                quoted_literal(text)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::Scratch;

    fn answered(sql: &str) -> (String, Vec<(usize, &'static str)>) {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let mut scratch = Scratch::default();
        let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
        let mut rewrite = Rewrite::default();
        rewrite.answer_shows(&script, |name| match name {
            "version" => Some(ShownValue::Text("it's 1".into())),
            "phase" => Some(ShownValue::Setting("cdc".into())),
            _ => None,
        });
        let text = rewrite.apply(sql.as_bytes()).unwrap_or_else(|| sql.as_bytes().to_vec());
        (String::from_utf8(text).unwrap(), rewrite.completions.tags.into())
    }

    #[test]
    fn a_value_takes_the_place_of_the_statement_that_asks_for_it() {
        let (text, tags) = answered("SELECT 1; show /* c */ DMS.\"version\" ; SELECT 2");
        let query = "SELECT 'it''s 1'::pg_catalog.text AS \"dms.version\"";
        assert_eq!(text, format!("SELECT 1; {query} ; SELECT 2"));
        assert_eq!(tags, [(1, "SHOW")]);
        assert!(answered("SHOW dms.phase").0.contains("current_setting('dms.phase', true)"));
    }

    #[test]
    fn what_asks_for_nothing_of_the_proxys_stays() {
        for sql in [
            "SHOW dms.other",
            "SHOW dms",
            "SHOW dms.version x",
            "SHOW a.dms.version",
            "PREPARE p AS SHOW dms.version",
            "SELECT 1 AS \"show\"",
        ] {
            assert_eq!(answered(sql), (sql.to_owned(), Vec::new()), "{sql}");
        }
    }
}
