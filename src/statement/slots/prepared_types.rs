//! The types that PREPARE declares for its parameters. Walks tokens; knows no columns.

use std::ops::Range;

use super::defined::NewColumn;
use super::flow::oid_of;
use super::walker::Walker;
use crate::statement::cursor::Understood;
use crate::statement::lexer::TokenKind;
use crate::statement::script::{Script, Statement};

impl Script {
    /// The types that a PREPARE declares, where they stand, by their OIDs; 0 for one that is not known. None where
    /// its list cannot be read.
    pub fn prepared_types(&self, statement: &Statement, sql: &[u8]) -> Vec<(Range<usize>, u32)> {
        let cursor = self.statement_cursor(statement, sql);
        let mut types = Vec::new();
        let mut walker = Walker::new(cursor, self.lexing.encoding, None);
        match walker.prepared_types(&mut types) {
            Ok(()) => types,
            Err(_) => Vec::new(),
        }
    }
}

impl Walker<'_, '_> {
    fn prepared_types(&mut self, types: &mut Vec<(Range<usize>, u32)>) -> Understood {
        self.expect("prepare")?;
        self.column_name()?;
        if !self.cursor.eat_kind(TokenKind::Open) {
            return Ok(());
        }
        loop {
            let mut column = NewColumn::default();
            self.read_type(&mut column, &[])?;
            let mut end = column.type_span.end;
            while !matches!(self.cursor.token.kind, TokenKind::Comma | TokenKind::Close) {
                // `[]`, or ARRAY with its bounds.
                end = self.cursor.token.end;
                if self.cursor.at(TokenKind::End) {
                    return Ok(());
                }
                self.cursor.bump();
            }
            types.push((column.type_span.start..end, oid_of(&column).unwrap_or(0)));
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    #[test]
    fn the_types_of_a_list_are_read() {
        let read = |sql: &str| {
            let mapping = Mapping::new(MappingOptions::default()).unwrap();
            let sql = sql.as_bytes();
            let script = Script::read(sql, Lexing::default(), &mapping, &mut Scratch::default());
            let types = script.prepared_types(&script.statements[0], sql);
            let text =
                |span: std::ops::Range<usize>| String::from_utf8(sql[span].to_vec()).unwrap();
            types.into_iter().map(|(span, oid)| (text(span), oid)).collect::<Vec<_>>()
        };
        let found = read(
            "PREPARE p(varchar, character varying(10), text[], mood, timestamp with time zone) AS SELECT 1",
        );
        let expected = [
            ("varchar", 1043),
            ("character varying(10)", 1043),
            ("text[]", 1009),
            ("mood", 0),
            ("timestamp with time zone", 1184),
        ];
        assert_eq!(found, expected.map(|(text, oid)| (text.to_owned(), oid)));
        assert!(read("PREPARE p AS SELECT 1").is_empty() && read("PREPARE p(").is_empty());
        assert!(read("SELECT 1").is_empty());
    }
}
