//! The rows that a MERGE, or the SELECT of an INSERT, reads from by a name and that the text itself
//! holds: `(VALUES ($1, $2)) AS s(a, b)` or `(SELECT $1 AS a, $2 AS b) AS s`.

use std::collections::HashMap;
use std::ops::Range;

use super::element::{Ends, element};
use super::rows::{RowValue, Value};
use super::walker::{VALUES_MAX, Walker, narrow};
use super::{Slot, SlotValue};
use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood, is_name};
use crate::statement::lexer::TokenKind;
use crate::statement::name::kept_at;

/// Uses of the parameters that are given for one statement; further ones are the server's.
const USES_MAX: usize = 500_000;

/// A source of rows.
#[derive(Debug, Default)]
pub(super) struct Source {
    alias: Vec<u8>,
    /// The names of the columns; none for one that two of them have.
    columns: HashMap<Vec<u8>, Option<usize>>,
    /// By column the parameters that are a whole value: bytes and number.
    parameters: Vec<Vec<(Range<usize>, u16)>>,
    /// Uses that were given.
    uses: usize,
    /// Whether a name without the alias is a column of the source, too.
    pub(super) takes_bare_names: bool,
}

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
            (1..=source.parameters.len()).map(name).collect()
        } else {
            self.expect("select")?;
            self.read_items(&mut source)?
        };
        self.expect_kind(TokenKind::Close)?;
        self.cursor.eat("as");
        let alias = self.column_name()?;
        source.alias = self.kept(alias);
        if self.cursor.at(TokenKind::Open) {
            let listed = self.column_list()?;
            for (name, listed) in names.iter_mut().zip(listed) {
                *name = self.kept(listed.name);
            }
        }
        for (index, name) in names.into_iter().enumerate() {
            let once = |known: &mut Option<usize>| *known = None;
            source.columns.entry(name).and_modify(once).or_insert(Some(index));
        }
        const JOINS: &[&str] = &["join", "cross", "inner", "left", "right", "full", "natural"];
        source.takes_bare_names = !self.cursor.at(TokenKind::Comma) && !self.cursor.is_any(JOINS);
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

    /// The parameters that a row of values names, each as a slot of the column that it goes into.
    pub(super) fn named_parameters(&self, source: &mut Source, row: &[RowValue]) -> Vec<Slot> {
        let mut slots = Vec::new();
        for RowValue { slot, tokens } in row.iter().filter(|row| row.slot.value == SlotValue::Other)
        {
            let written = self.cursor.up_to(tokens.end);
            let Some(index) = source.position(written, tokens.start, self.encoding) else {
                continue;
            };
            let named = source.parameters.get(index).map(Vec::as_slice).unwrap_or_default();
            source.uses += named.len();
            if source.uses > USES_MAX {
                break;
            }
            slots.extend(named.iter().map(|(span, number)| Slot {
                column: slot.column.clone(),
                span: span.clone(),
                core: span.clone(),
                value: SlotValue::SourceParameter(*number),
                constant: None,
            }));
        }
        slots
    }
}

impl Source {
    fn note(&mut self, column: usize, value: &Value) -> Understood {
        if column >= VALUES_MAX {
            return Err(NotUnderstood);
        }
        if self.parameters.len() <= column {
            self.parameters.resize_with(column + 1, Vec::new);
        }
        if let (Some(number), Some(known)) = (value.parameter(), self.parameters.get_mut(column)) {
            known.push((value.span(), number));
        }
        Ok(())
    }

    /// The index of the column that an expression is, if it is nothing but its name. Its tokens are those
    /// from `start` to the end of the cursor's text.
    fn position(&self, mut cursor: Cursor<'_>, start: usize, encoding: Encoding) -> Option<usize> {
        cursor.go_to(start);
        let mut name = || {
            let index = narrow(cursor.index());
            let is_one = is_name(cursor.token.kind);
            cursor.bump();
            let is_qualified = cursor.eat_kind(TokenKind::Dot);
            let name = kept_at(cursor, index, encoding);
            is_one.then(|| (name, is_qualified, cursor.at(TokenKind::End)))
        };
        let column = match name()? {
            (alias, true, false) if alias == self.alias => {
                let (column, false, true) = name()? else { return None };
                column
            }
            (column, false, true) if self.takes_bare_names => column,
            _ => return None,
        };
        let index = self.columns.get(&*column).copied().flatten();
        index.filter(|_| !column.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::script::{Scratch, Script};
    use crate::statement::{Lexing, SlotColumn, SlotValue};

    /// The parameters that are read by a name, with their columns, and those used elsewhere.
    fn read(sql: &str) -> (Vec<(String, u16)>, Vec<u16>) {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let mut scratch = Scratch::default();
        let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
        let (_, write) = script.writes().next().unwrap();
        let (mut slots, mut uses) = (Vec::new(), script.parameter_uses(write, sql.as_bytes()));
        script.slots(write, sql.as_bytes(), &mut |slot| {
            uses.leave_out(&slot);
            slots.push(slot);
            ControlFlow::Continue(())
        });
        let read = slots.into_iter().filter_map(|slot| {
            let SlotValue::SourceParameter(number) = slot.value else { return None };
            assert_eq!(&sql[slot.span], format!("${number}"));
            let column = match slot.column {
                SlotColumn::Named(name) => String::from_utf8(name).unwrap(),
                SlotColumn::Index(index) => index.to_string(),
            };
            Some((column, number))
        });
        (read.collect(), uses.into_numbers())
    }

    fn uses(list: &[(&str, u16)]) -> Vec<(String, u16)> {
        list.iter().map(|(column, number)| ((*column).to_owned(), *number)).collect()
    }

    #[test]
    fn parameters_behind_names_are_found() {
        for (sql, expected, elsewhere) in [
            (
                "MERGE INTO t USING (VALUES ($1, $2), ($3, 4)) AS s (a, B) ON t.id = s.a
                 WHEN MATCHED THEN UPDATE SET x = s.b, y = b
                 WHEN NOT MATCHED THEN INSERT (id, x) VALUES (s.A, \"b\")",
                &[("x", 2), ("id", 1), ("id", 3), ("x", 2)][..],
                &[][..],
            ),
            (
                "MERGE INTO t USING (SELECT $1 AS a, $2 b, c) s ON t.id = $2
                 WHEN NOT MATCHED THEN INSERT VALUES (s.a, s.b, c)",
                &[("0", 1), ("1", 2)],
                &[2],
            ),
            (
                "MERGE INTO t USING (VALUES ($1)) s ON true
                 WHEN MATCHED THEN UPDATE SET x = s.column1 + 1, y = t.column1, z = s.column1",
                &[("z", 1)],
                &[],
            ),
            (
                "INSERT INTO t (x, y, z) SELECT v.b, a, a || '' FROM (VALUES ($1, $2)) v(a, b)
                 ON CONFLICT (x) DO UPDATE SET y = a",
                &[("0", 2), ("1", 1)],
                &[],
            ),
            ("INSERT INTO t (x, y) SELECT v.a, a FROM (VALUES ($1)) v(a), u", &[("0", 1)], &[]),
            ("INSERT INTO t SELECT v.a FROM (VALUES ($1, $2)) v(a, a)", &[], &[1, 2]),
            ("INSERT INTO t SELECT v.a FROM (VALUES ($1)) v(a) UNION SELECT 1", &[], &[1]),
            ("INSERT INTO t SELECT v.a FROM (SELECT $1 AS a FROM u) v", &[], &[1]),
            ("INSERT INTO t SELECT w.a FROM (VALUES ($1)) v(a)", &[], &[1]),
            ("INSERT INTO t SELECT $1", &[], &[]),
        ] {
            assert_eq!(read(sql), (uses(expected), elsewhere.to_vec()), "{sql}");
        }
    }
}
