//! The rows that a MERGE, or the SELECT of an INSERT, reads from by a name: which of its columns a name means,
//! and the parameters in them. Data; reads no statement.

use std::collections::HashMap;
use std::ops::Range;

use super::row_value::{RowValue, VALUES_MAX, Value};
use super::{Slot, SlotValue};
use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood, is_name, narrow};
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
    takes_bare_names: bool,
}

impl Source {
    /// The columns that have values so far.
    pub(super) fn width(&self) -> usize {
        self.parameters.len()
    }

    /// What it and its columns are called; `takes_bare_names` says whether a name without the alias is a column of
    /// it, too.
    pub(super) fn call(&mut self, alias: Vec<u8>, names: Vec<Vec<u8>>, takes_bare_names: bool) {
        self.alias = alias;
        for (index, name) in names.into_iter().enumerate() {
            let once = |known: &mut Option<usize>| *known = None;
            self.columns.entry(name).and_modify(once).or_insert(Some(index));
        }
        self.takes_bare_names = takes_bare_names;
    }

    /// Whether a name without the alias is a column of it, too, from here on.
    pub(super) fn take_bare_names(&mut self, takes: bool) {
        self.takes_bare_names = takes;
    }

    /// Notes a value of a column.
    ///
    /// # Errors
    /// A row has more columns than PostgreSQL takes.
    pub(super) fn note(&mut self, column: usize, value: &Value) -> Understood {
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

    /// The parameters that a row of values names, each as a slot of the column that it goes into; `cursor` is
    /// anywhere in the text.
    pub(super) fn named_parameters(
        &mut self,
        row: &[RowValue],
        cursor: Cursor<'_>,
        encoding: Encoding,
    ) -> Vec<Slot> {
        let mut slots = Vec::new();
        for RowValue { slot, tokens } in row.iter().filter(|row| row.slot.value == SlotValue::Other)
        {
            let written = cursor.up_to(tokens.end);
            let Some(index) = self.position(written, tokens.start, encoding) else { continue };
            let named = self.parameters.get(index).map(Vec::as_slice).unwrap_or_default();
            self.uses += named.len();
            if self.uses > USES_MAX {
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
