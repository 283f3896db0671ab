//! The arguments that EXECUTE passes to a prepared statement: each goes into a parameter as a value into a column.
//! Walks tokens, no recursion; knows no parameters.

use super::element::{Ends, element};
use super::row_value::Value;
use super::{Slot, SlotColumn};
use crate::encoding::Encoding;
use crate::statement::cursor::Cursor;
use crate::statement::lexer::TokenKind;
use crate::statement::name::kept_name;
use crate::statement::plain_rows::PlainItems;
use crate::statement::script::Script;

/// An `EXECUTE name ( ... )`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The name of the prepared statement, as PostgreSQL keeps it.
    pub statement: Vec<u8>,
    /// Its arguments, by their places.
    pub arguments: Vec<Slot>,
}

impl Script {
    /// The executions of prepared statements, in order.
    pub fn executions(&self, sql: &[u8]) -> Vec<Execution> {
        match self.may_execute {
            true => executions(self.cursor(sql), self.lexing.encoding),
            false => Vec::new(),
        }
    }
}

/// What the tokens of a cursor execute, also behind EXPLAIN or CREATE TABLE AS, in order.
fn executions(mut cursor: Cursor<'_>, encoding: Encoding) -> Vec<Execution> {
    let mut found = Vec::new();
    while !cursor.at(TokenKind::End) {
        let executes = cursor.previous().kind != TokenKind::Dot && cursor.eat("execute");
        if !executes {
            cursor.bump();
            continue;
        }
        let name = kept_name(cursor.token.kind, cursor.bytes(cursor.token), encoding);
        if let Some(statement) = name.filter(|_| cursor.peek().kind == TokenKind::Open) {
            cursor.bump();
            let arguments = arguments(&mut cursor);
            found.push(Execution { statement, arguments });
        }
    }
    found
}

/// The arguments in the list at the cursor.
fn arguments(cursor: &mut Cursor<'_>) -> Vec<Slot> {
    let mut arguments = Vec::new();
    let mut note = |value: Value, cursor: &Cursor<'_>| {
        let column = SlotColumn::Index(arguments.len());
        arguments.push(value.in_row(column, *cursor).slot);
    };
    cursor.bump();
    while let Ok(value) = element(cursor, Ends::Parenthesis) {
        note(Value::Element(value), cursor);
        while matches!(cursor.token.kind, TokenKind::PlainRows | TokenKind::PlainValues) {
            for item in PlainItems::new(cursor.sql(), cursor.token.start..cursor.token.end) {
                note(Value::Plain(item), cursor);
            }
            cursor.bump();
        }
        if !cursor.eat_kind(TokenKind::Comma) {
            break;
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::script::{Scratch, Script};
    use crate::statement::{Lexing, SlotValue};

    /// The string constants that are passed: statement, place, text.
    fn found(sql: &str) -> Vec<(String, usize, String)> {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let mut scratch = Scratch::default();
        let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
        let mut all = Vec::new();
        for execution in script.executions(sql.as_bytes()) {
            let name = String::from_utf8(execution.statement).unwrap();
            for (at, slot) in execution.arguments.into_iter().enumerate() {
                if slot.value == SlotValue::String {
                    all.push((name.clone(), at, sql[slot.core].to_owned()));
                }
            }
        }
        all
    }

    #[test]
    fn arguments_of_execute_are_found() {
        let one = |name: &str, index, text: &str| (name.to_owned(), index, text.to_owned());
        for (sql, expected) in [
            ("EXECUTE p('a')", vec![one("p", 0, "'a'")]),
            (
                r#"execute "P"(1, (f(2, 'a')), ( E'b' ), null, $$c$$);"#,
                vec![one("P", 2, "E'b'"), one("P", 4, "$$c$$")],
            ),
            (
                "EXPLAIN ANALYZE EXECUTE a('x'); CREATE TABLE t AS EXECUTE B('y')",
                vec![one("a", 0, "'x'"), one("b", 0, "'y'")],
            ),
            ("EXECUTE p('a'::json, 2)", vec![]),
            ("EXECUTE p; SELECT execute.p('a'), x.execute ('a')", vec![]),
            ("CREATE TRIGGER t EXECUTE FUNCTION f('a')", vec![]),
            ("EXECUTE p(", vec![]),
        ] {
            assert_eq!(found(sql), expected, "{sql}");
        }
    }
}
