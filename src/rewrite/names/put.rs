//! One name replaced by another, and the errors for those that cannot be.

use std::ops::Range;

use super::relations::Place;
use super::{NAME_BYTES_MAX, Placed, RenamedText, Unplaced, is_ruled};
use crate::catalog::{Freshness, Name, Need, Subject};
use crate::encoding::Encoding;
use crate::parking::spelling::quoted_identifier;
use crate::statement::Replacement;
use crate::statement::scope::Scopes;
use crate::statement::script::Statement;
use crate::wire::{OwnError, printable};

impl<'t> RenamedText<'t> {
    /// What stands behind the place where the walk lost its way is not known: no rule may be about it.
    pub(super) fn check_lost(&self, statement: &Statement, scopes: &Scopes) -> Placed<()> {
        let Some(lost) = scopes.lost else { return Ok(()) };
        let behind = self.script.name_tokens(statement, self.sql).filter(|token| *token >= lost);
        // A relation without some of its columns gives others by their places.
        let gives_rows = self.script.has_word(statement, self.sql, &["select", "table", "insert"]);
        let loses = |token: u32| {
            let name = self.script.name_part(token, self.sql);
            let name = name.as_ref().and_then(|name| std::str::from_utf8(name).ok());
            gives_rows && name.is_some_and(|name| self.names.may_remove_from(name))
        };
        let mut ruled = behind.filter(|token| {
            (is_ruled(self.script, *token, self.sql, self.names) || loses(*token))
                && !self.script.is_keyword(*token, self.sql)
        });
        match ruled.next() {
            None => Ok(()),
            Some(token) => {
                let hint = "Rules about names may be about it, and what it names in this statement \
                            is not known. Write the statement with the target's names under SET \
                            dms.rewrite = off.";
                Err(self.refusal(token, "cannot be placed", hint))
            }
        }
    }

    /// The error for a token.
    pub(super) fn refusal(&self, token: u32, what: &str, hint: &str) -> Unplaced {
        let span = self.script.token_span(token, self.sql);
        let text = printable(self.sql.get(span.clone()).unwrap_or_default());
        self.error("0A000", &span, format!("the name {text} {what}"), hint)
    }

    pub(super) fn error(
        &self,
        sqlstate: &'static str,
        span: &Range<usize>,
        message: String,
        hint: &str,
    ) -> Unplaced {
        Unplaced::Refuse(Box::new(OwnError {
            position: Some(self.rules.position(self.sql, span.start)),
            ..OwnError::new(sqlstate, message).with_hint(hint)
        }))
    }

    /// The part of a name that a token is.
    pub(super) fn part(&self, token: u32) -> Placed<String> {
        let name = self.script.name_part(token, self.sql);
        let text = name.as_ref().and_then(|name| std::str::from_utf8(name).ok());
        let speaks = self.rules.lexing.encoding == Encoding::Utf8;
        match text {
            Some(text) if speaks || text.is_ascii() => Ok(text.to_owned()),
            _ => {
                let hint = "Rules about names may be about it. Write it in quotes without escapes, \
                            and names beyond ASCII under client_encoding = UTF8.";
                Err(self.refusal(token, "cannot be read", hint))
            }
        }
    }

    /// Puts the target's name in the place of the source's.
    pub(super) fn put(&mut self, token: u32, source: &str, target: &str) -> Placed<()> {
        if source == target {
            return Ok(());
        }
        let span = self.script.token_span(token, self.sql);
        self.check_name(&span, source, target)?;
        let text = quoted_identifier(target).into_bytes();
        self.replaced.push(Replacement { span, text });
        self.note_pair(source, target);
        Ok(())
    }

    fn check_name(&self, span: &Range<usize>, source: &str, target: &str) -> Placed<()> {
        if target.is_empty() || target.contains('\0') {
            let message = format!("the rules make no name of \"{source}\"");
            return Err(self.error("42602", span, message, "Name it by a rule of its own."));
        }
        if target.len() > NAME_BYTES_MAX {
            let message =
                format!("\"{source}\" becomes \"{target}\", which is too long for a name");
            let hint = "PostgreSQL keeps 63 bytes of a name. Name it by a rule of its own.";
            return Err(self.error("42622", span, message, hint));
        }
        Ok(())
    }

    /// Counts the names that were replaced since there were `before` of them: they are those of a relation.
    pub(super) fn note_renamed(&mut self, place: &Place, before: usize) {
        let count = self.replaced.len().saturating_sub(before);
        let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) else { return };
        let knows_schema = self.knows_schema(place);
        let schema = if knows_schema { place.target_schema.as_str() } else { "" };
        if !self.noted.renamed.contains_key(&place.target_table) {
            self.noted.renamed.insert(place.target_table.clone(), Vec::new());
        }
        let Some(of_name) = self.noted.renamed.get_mut(&place.target_table) else { return };
        match of_name.iter_mut().find(|(known, _)| known == schema) {
            Some((_, known)) => *known += count,
            None => of_name.push((schema.to_owned(), count)),
        }
    }

    pub(super) fn note_pair(&mut self, source: &str, target: &str) {
        let pair = (source.to_owned(), target.to_owned());
        if !self.noted.pairs.contains(&pair) {
            self.noted.pairs.push(pair);
        }
    }

    pub(super) fn need(&mut self, name: Name) -> Unplaced {
        self.needs.push(Need { subject: Subject::Relation(name), freshness: Freshness::MayBeOld });
        Unplaced::Ask
    }
}
