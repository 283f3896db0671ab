//! What names of the target are called at the source, for replies: as far as texts of the session have said it.
//! Plain data; reads no frames.

use std::sync::Arc;

use crate::catalog::{NamePair, SeenNames};

/// Classes of errors in whose messages everything in double quotes is a name or a word of the text, and no value.
const ABOUT_NAMES: &[&str] = &["23", "42"];

/// The name of a column that a statement gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenName {
    /// This one.
    Known(String),
    /// Those of all columns of something.
    Star,
    /// One that the server finds.
    Found,
}

/// What names of the target are called in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyNames {
    /// The relations that the session has named.
    pub relations: Arc<SeenNames>,
    /// Those of the text, by their names on the target.
    pub tables: Vec<String>,
    /// Columns that the text names, wherever they are of.
    pub columns: Vec<NamePair>,
    /// What its statements give, by their numbers.
    pub rows: Vec<(usize, Vec<GivenName>)>,
    /// How many parameters the client has, where the text has others behind them.
    pub client_parameters: Option<usize>,
}

impl ReplyNames {
    /// What it takes in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let rows = self.rows.iter().map(|(_, names)| names.len() * size_of::<GivenName>());
        self.relations.bytes() + size_of_val(self.columns.as_slice()) * 2 + rows.sum::<usize>()
    }

    /// The names of the columns that a statement gives, in the place of those of the target.
    pub fn row(&self, statement: usize, fields: &[String]) -> Vec<String> {
        let given = self.rows.iter().find(|(number, _)| *number == statement);
        let given = given.map_or(&[][..], |(_, given)| given);
        let star = given.iter().position(|name| *name == GivenName::Star);
        let last = given.iter().rposition(|name| *name == GivenName::Star);
        let named = |at: usize, field: &String| {
            let from_end = given.len().checked_sub(fields.len() - at);
            let found = match (star, last) {
                (None, _) if given.len() == fields.len() => given.get(at),
                (Some(star), _) if at < star => given.get(at),
                (_, Some(last)) => {
                    from_end.filter(|index| *index > last).and_then(|index| given.get(index))
                }
                _ => None,
            };
            match found {
                Some(GivenName::Known(name)) => name.clone(),
                _ => self.column(field).unwrap_or_else(|| field.clone()),
            }
        };
        fields.iter().enumerate().map(|(at, field)| named(at, field)).collect()
    }

    /// The one name of a column in the text.
    fn column(&self, target: &str) -> Option<String> {
        let tables = self.tables.iter();
        let of_relations = tables.flat_map(|table| self.relations.columns_of(None, table));
        only(of_relations.chain(&self.columns).filter(|pair| pair.target == target))
    }

    /// The table of an error, with the schema where it is known.
    pub fn table(&self, schema: Option<&str>, table: &str) -> Option<String> {
        only(self.relations.tables_called(schema, table))
    }

    /// The schema of an error.
    pub fn schema(&self, target: &str) -> Option<String> {
        only(self.relations.schemas().filter(|pair| pair.target == target))
    }

    /// The column of an error about a table.
    pub fn column_of(&self, schema: Option<&str>, table: &str, column: &str) -> Option<String> {
        let columns = self.relations.columns_of(schema, table);
        only(columns.filter(|pair| pair.target == column))
    }

    /// The message of an error with the names of the source, where it holds nothing in double quotes but names.
    pub fn message(&self, sqlstate: &str, message: &str) -> Option<String> {
        if !ABOUT_NAMES.iter().any(|class| sqlstate.starts_with(class)) {
            return None;
        }
        let mut parts: Vec<String> = message.split('"').map(str::to_owned).collect();
        if parts.len().is_multiple_of(2) {
            return None;
        }
        for part in parts.iter_mut().skip(1).step_by(2) {
            if let Some(source) = self.anything(part) {
                *part = source;
            }
        }
        let new = parts.join("\"");
        (new != message).then_some(new)
    }

    /// What a name in double quotes is, if it can be but one thing.
    fn anything(&self, name: &str) -> Option<String> {
        if let Some((schema, table)) = name.split_once('.') {
            let source = self.schema(schema)?;
            return Some(format!("{source}.{}", self.table(Some(schema), table)?));
        }
        let found = [self.column(name), self.table(None, name), self.schema(name)];
        let mut found = found.into_iter().flatten();
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }
}

/// The source of some pairs, if all have the same.
fn only<'p>(mut pairs: impl Iterator<Item = &'p NamePair>) -> Option<String> {
    let first = pairs.next()?;
    pairs.all(|pair| pair.source == first.source).then(|| first.source.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(target: &str, source: &str) -> NamePair {
        NamePair { target: target.to_owned(), source: source.to_owned() }
    }

    fn names() -> ReplyNames {
        let mut seen = SeenNames::default();
        let schemas = || Some(pair("people", "HR"));
        for (table, column) in [("EMP", "ID"), ("EMP", "Name"), ("DEPT", "ID"), ("DEPT", "NAME")] {
            let lower = |text: &str| pair(&text.to_lowercase(), text);
            seen.note(schemas(), lower(table), Some(lower(column)));
        }
        ReplyNames { tables: seen.tables(), relations: Arc::new(seen), ..ReplyNames::default() }
    }

    #[test]
    fn rows_have_the_names_of_the_text() {
        let known = |name: &str| GivenName::Known(name.to_owned());
        let rows = vec![
            (0, vec![known("x"), GivenName::Star, known("ID"), GivenName::Found]),
            (2, vec![known("id"), known("ID")]),
        ];
        let names = ReplyNames { rows, ..names() };
        let row = |number, fields: &[&str]| {
            let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            names.row(number, &fields).join(" ")
        };
        assert_eq!(row(0, &["x", "id", "name", "y", "id", "count"]), "x ID name y ID count");
        assert_eq!(row(2, &["id", "id"]), "id ID");
        assert_eq!(row(1, &["id", "z"]), "ID z");
    }

    #[test]
    fn errors_have_the_names_of_the_text_where_they_are_certain() {
        let names = names();
        assert_eq!(names.table(Some("people"), "emp").as_deref(), Some("EMP"));
        assert_eq!(names.table(Some("other"), "emp"), None);
        assert_eq!(names.schema("people").as_deref(), Some("HR"));
        assert_eq!(names.column_of(Some("people"), "emp", "name").as_deref(), Some("Name"));
        let message = r#"null value in column "id" of relation "emp" violates not-null constraint"#;
        let expected = message.replace("\"id\"", "\"ID\"").replace("\"emp\"", "\"EMP\"");
        assert_eq!(names.message("23502", message), Some(expected));
        let message = r#"relation "people.dept" has no column "name""#;
        let expected = r#"relation "HR.DEPT" has no column "name""#;
        assert_eq!(names.message("42703", message).as_deref(), Some(expected));
        // What stands in quotes may be a value.
        assert_eq!(names.message("22P02", r#"invalid input: "id""#), None);
    }
}
