//! String constants that hold names: of relations, as `nextval('s.q')` and `'t'::regclass` do, of their
//! columns, and of schemas.

use super::{Placed, Placing, RenamedText, Unplaced};
use crate::parking::spelling::{quoted_identifier, quoted_literal};
use crate::rewrite::names::relations::{FoundRelation, Place};
use crate::statement::Replacement;
use crate::statement::scope::Scopes;
use crate::statement::script::Statement;

impl RenamedText<'_> {
    pub(super) fn replace_constants(&mut self, at_hand: &Placing) -> Placed<()> {
        let mut last: Option<Place> = None;
        for constant in &at_hand.scopes.constants {
            let token = constant.token;
            let Some(content) = self.constant(token)? else { continue };
            if constant.is_column {
                let Some(place) = &last else { continue };
                let target = place.column(self.names, &content);
                self.put_constant(token, &content, &target, quoted_literal(&target))?;
                continue;
            }
            // What is no name fails on the server, or is an OID.
            let Some(parts) = name_in(&content) else { continue };
            let place = match parts.as_slice() {
                [table] => self.unqualified(token, table, false)?,
                parts => match self.finder().relation(parts) {
                    Some(FoundRelation::Place(place)) => place,
                    _ => continue,
                },
            };
            if place.is_renamed(parts.len() > 1) {
                let qualified = spelled_relation(&place, parts.len());
                self.put_constant(token, &content, &qualified, quoted_literal(&qualified))?;
            }
            last = Some(place);
        }
        Ok(())
    }

    /// Names in a list of constants stay, since the client gets them back; what is looked up by them does not.
    pub(super) fn replace_listed(
        &mut self,
        statement: &Statement,
        at_hand: &Placing,
    ) -> Placed<()> {
        // A column of a relation holds what is stored.
        let reads_relations = at_hand.places.iter().any(Option::is_some);
        let reads_list = || self.script.has_word(statement, self.sql, &["values"]);
        if reads_relations || !reads_list() {
            return Ok(());
        }
        let listed = self.script.listed_names(statement, self.sql);
        if listed.columns.is_empty() || listed.constants.len() > LISTED_MAX {
            return Ok(());
        }
        let mut cases = String::new();
        for constant in &listed.constants {
            let Some(content) = std::str::from_utf8(constant).ok() else { continue };
            let Some(parts) = name_in(content) else { continue };
            let Some(place) = self.listed_place(&parts)? else { continue };
            if place.is_renamed(parts.len() > 1) {
                let target = spelled_relation(&place, parts.len());
                let (source, new) = (quoted_literal(content), quoted_literal(&target));
                cases += &format!(" WHEN {source} THEN {new}");
                self.note_pair(&place.source_table, &place.target_table);
            }
        }
        for column in listed.columns.iter().filter(|_| !cases.is_empty()) {
            let span = self.script.token_span(*column, self.sql);
            let name = self.sql.get(span.clone()).unwrap_or_default();
            let text = [b"(CASE ", name, cases.as_bytes(), b" ELSE ", name, b" END)"].concat();
            self.replaced.push(Replacement { span, text });
        }
        Ok(())
    }

    /// The relation of a name in a list, where it is certain.
    fn listed_place(&mut self, parts: &[String]) -> Placed<Option<Place>> {
        match self.finder().relation(parts) {
            Some(FoundRelation::Place(place)) => Ok(Some(place)),
            Some(FoundRelation::Needs(needs)) => {
                self.needs.extend(needs);
                Err(Unplaced::Ask)
            }
            Some(FoundRelation::Unsure) | None => Ok(None),
        }
    }

    /// Code in constants stays as it is, and is told of where it holds names that rules rename.
    pub(super) fn note_bodies(&mut self, scopes: &Scopes) {
        for token in &scopes.bodies {
            let names = self.names;
            let holds = self.script.constant_names(*token, self.sql, &mut |name| {
                std::str::from_utf8(name).is_ok_and(|name| names.may_change(name))
            });
            self.noted.bodies += u64::from(holds);
        }
    }

    /// A schema in a constant, as SET search_path may have it.
    pub(super) fn put_schema_constant(&mut self, token: u32) -> Placed<()> {
        let Some(content) = self.constant(token)? else { return Ok(()) };
        let target = self.names.schema(&content).into_owned();
        self.put_constant(token, &content, &target, quoted_literal(&target))
    }

    /// The content of a constant; `None` where no rule can be about it.
    fn constant(&self, token: u32) -> Placed<Option<String>> {
        if let Some(content) = self.script.plain_constant(token, self.sql)
            && let Ok(content) = std::str::from_utf8(&content)
        {
            return Ok(Some(content.to_owned()));
        }
        let hint = "Rules about names may be about what it holds. Write it without escapes.";
        Err(self.refusal(token, "cannot be read", hint))
    }

    pub(super) fn put_constant(
        &mut self,
        token: u32,
        source: &str,
        target: &str,
        spelled: String,
    ) -> Placed<()> {
        if source != target {
            let span = self.script.token_span(token, self.sql);
            self.replaced.push(Replacement { span, text: spelled.into_bytes() });
            self.note_pair(source, target);
        }
        Ok(())
    }
}

/// Names in a list that are looked at, at most.
const LISTED_MAX: usize = 2000;

/// The target's name of a relation as a constant spells it, with its schema where there are several parts.
pub(super) fn spelled_relation(place: &Place, parts: usize) -> String {
    let table = quoted_identifier(&place.target_table);
    match parts {
        1 => table,
        _ => format!("{}.{table}", quoted_identifier(&place.target_schema)),
    }
}

/// The parts of a name that a text spells, as PostgreSQL keeps them.
pub(super) fn name_in(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, behind) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                let (inside, behind) = quoted.split_at(end);
                (inside.replace("\"\"", "\""), behind.get(1..)?)
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                let starts = |c: char| c.is_alphabetic() || c == '_';
                let is_word = word.starts_with(starts)
                    && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
                if !is_word {
                    return None;
                }
                (word.to_ascii_lowercase(), behind)
            }
        };
        parts.push(part);
        if behind.is_empty() {
            return Some(parts);
        }
        rest = behind.strip_prefix('.')?;
    }
}

/// Where the quote stands that ends a name.
fn closing_quote(text: &str) -> Option<usize> {
    let mut quotes = text.match_indices('"').map(|(at, _)| at).peekable();
    while let Some(at) = quotes.next() {
        if quotes.peek() == Some(&(at + 1)) {
            quotes.next();
        } else {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::name_in;

    #[test]
    fn names_in_constants_are_read() {
        let parts = |text| name_in(text).map(|parts| parts.join("|"));
        assert_eq!(parts("Hr.Emp").unwrap(), "hr|emp");
        assert_eq!(parts(r#""H""R".emp"#).unwrap(), "H\"R|emp");
        assert_eq!(parts("1234"), None);
        assert_eq!(parts(r#""open"#), None);
        assert_eq!(parts("a b"), None);
    }
}
