//! Reads the rows that the text itself holds for a source: `(VALUES ($1, $2)) AS s(a, b)` or
//! `(SELECT $1 AS a, $2 AS b) AS s`.

use super::element::{Ends, element};
use super::row_value::Value;
use super::source::Source;
use super::walker::Walker;
use crate::statement::cursor::{NotUnderstood, Understood, narrow};
use crate::statement::lexer::TokenKind;

impl Walker<'_, '_> {
    /// The source at the cursor, which stays where it is; none where no slots are wanted.
    pub(super) fn source(&mut self) -> Option<Source> {
        if !self.gives_slots() {
            return None;
        }
        let start = self.cursor;
        let source = self.read_source().ok();
        self.cursor = start;
        source
    }

    fn read_source(&mut self) -> Result<Source, NotUnderstood> {
        let mut source = Source::default();
        self.expect_kind(TokenKind::Open)?;
        let mut names = if self.cursor.eat("values") {
            self.read_values(&mut source)?;
            let name = |number| format!("column{number}").into_bytes();
            (1..=source.width()).map(name).collect()
        } else {
            self.expect("select")?;
            self.read_items(&mut source)?
        };
        self.expect_kind(TokenKind::Close)?;
        self.cursor.eat("as");
        let alias = self.column_name()?;
        let alias = self.kept(alias);
        if self.cursor.at(TokenKind::Open) {
            let listed = self.column_list()?;
            for (name, listed) in names.iter_mut().zip(listed) {
                *name = self.kept(listed.name);
            }
        }
        const JOINS: &[&str] = &["join", "cross", "inner", "left", "right", "full", "natural"];
        let is_alone = !self.cursor.at(TokenKind::Comma) && !self.cursor.is_any(JOINS);
        source.call(alias, names, is_alone);
        Ok(source)
    }

    /// The rows behind VALUES.
    fn read_values(&mut self, source: &mut Source) -> Understood {
        loop {
            let mut noted = Ok(());
            self.values_in_parentheses(|_, index, value| {
                let note = source.note(index, &value);
                noted = noted.and(note);
            })?;
            noted?;
            // Rows of plain constants have no parameters.
            self.cursor.eat_kind(TokenKind::PlainRows);
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    /// The items behind SELECT, up to the parenthesis: one row that comes from nowhere. Gives their names.
    fn read_items(&mut self, source: &mut Source) -> Result<Vec<Vec<u8>>, NotUnderstood> {
        let mut names = Vec::new();
        loop {
            let item = element(&mut self.cursor, Ends::Item)?;
            self.cursor.eat("as");
            // Without AS the alias was passed with the value.
            let name = if self.cursor.at_name() { self.label()? } else { self.last_name() };
            source.note(names.len(), &Value::Element(item))?;
            names.push(self.kept(name));
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(names);
            }
        }
    }

    /// The index of the token that was passed last, which is a name or none.
    fn last_name(&self) -> u32 {
        narrow(self.cursor.index().saturating_sub(1))
    }
}
