//! What a FROM or a USING names: relations, rows that the text holds, and how they are joined.

use super::level::{FromItem, RowColumn, TextRows};
use super::reader::FlowReader;
use super::typed::Typed;
use crate::statement::cursor::{NotUnderstood, Understood, is_reserved};
use crate::statement::lexer::TokenKind;

/// Words in front of JOIN.
const JOINS: &[&str] = &["natural", "inner", "left", "right", "full", "cross", "join"];

/// Words that end a condition behind ON.
const ENDS: &[&str] = &[
    "natural",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "join",
    "where",
    "group",
    "having",
    "window",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "union",
    "intersect",
    "except",
    "returning",
    "when",
    "set",
];

impl FlowReader<'_, '_> {
    /// The list behind FROM, up to the next clause.
    pub(super) fn from(&mut self) -> Understood {
        loop {
            self.joined_items()?;
            let passed = self.walker.cursor.eat_kind(TokenKind::Comma);
            if !passed {
                return Ok(());
            }
        }
    }

    /// One item, and what is joined to it.
    fn joined_items(&mut self) -> Understood {
        self.item_of_from()?;
        // The joins of a list in parentheses may be followed by conditions of the joins around it.
        while self.walker.cursor.is_any(JOINS) || self.walker.cursor.is_any(&["on", "using"]) {
            if self.walker.cursor.eat("on") {
                self.conditions(ENDS)?;
            } else if self.walker.cursor.eat("using") {
                let columns = self.listed_names()?;
                if self.walker.cursor.eat("as") {
                    self.eat_name()?;
                }
                self.joined(&columns);
            } else {
                while !self.walker.cursor.eat("join") {
                    if !self.walker.cursor.is_any(JOINS) && !self.walker.cursor.is("outer") {
                        return Err(NotUnderstood);
                    }
                    self.walker.cursor.bump();
                }
                self.item_of_from()?;
            }
        }
        Ok(())
    }

    /// One item with its alias.
    pub(super) fn item_of_from(&mut self) -> Understood {
        self.walker.cursor.eat("lateral");
        let (own_name, mut item) = self.unnamed_item()?;
        if self.walker.cursor.eat_all(&["with", "ordinality"]) {
            item = FromItem::Opaque;
        }
        let mut alias = own_name;
        let says_as = self.walker.cursor.eat("as");
        if says_as || self.at_alias() {
            if !self.walker.cursor.at(TokenKind::Open) {
                alias = self.eat_name()?;
            }
            item = self.with_columns(&alias, item)?;
        }
        if self.walker.cursor.eat("tablesample") {
            self.walker.cursor.qualified_name()?;
            self.walker.cursor.skip_brackets()?;
            if self.walker.cursor.eat("repeatable") {
                self.walker.cursor.skip_brackets()?;
            }
        }
        self.name_item(alias, item);
        Ok(())
    }

    fn at_alias(&self) -> bool {
        let cursor = &self.walker.cursor;
        let is_clause = cursor.at(TokenKind::Word)
            && (is_reserved(cursor.bytes(cursor.token))
                || cursor.is_any(&["set", "tablesample", "when"]));
        cursor.at_name() && !is_clause
    }

    /// The columns that stand behind an alias.
    fn with_columns(&mut self, alias: &[u8], item: FromItem) -> Result<FromItem, NotUnderstood> {
        if !self.walker.cursor.at(TokenKind::Open) {
            // The only column of a function's rows has the name of the rows.
            return Ok(match item {
                FromItem::Rows(rows) if rows.at.is_function && rows.columns.len() == 1 => {
                    FromItem::Rows(rows.renamed(&[alias.to_vec()]))
                }
                item => item,
            });
        }
        let FromItem::Rows(rows) = item else {
            self.walker.cursor.skip_brackets()?;
            return Ok(FromItem::Opaque);
        };
        let names = self.listed_names()?;
        Ok(FromItem::Rows(rows.renamed(&names)))
    }

    /// One item without its alias, and the name that it has without one.
    fn unnamed_item(&mut self) -> Result<(Vec<u8>, FromItem), NotUnderstood> {
        if self.walker.cursor.at(TokenKind::Open) {
            let inside = self.inside()?;
            if self.is_query(inside.start) {
                let rows = self.query_within(&inside, None);
                return Ok((Vec::new(), rows.map_or(FromItem::Opaque, FromItem::Rows)));
            }
            self.within(&inside, |reader| {
                reader.joined_items()?;
                if reader.walker.cursor.at(TokenKind::End) { Ok(()) } else { Err(NotUnderstood) }
            })?;
            return Ok((Vec::new(), FromItem::Opaque));
        }
        let first = self.walker.cursor.index();
        let name = self.walker.target()?;
        if self.walker.cursor.at(TokenKind::Open) {
            let is_unnest = name.len() == 1 && {
                let mut cursor = self.walker.cursor;
                cursor.go_to(first);
                cursor.is("unnest")
            };
            let inside = self.inside()?;
            let item = if is_unnest { self.unnest(first, &inside)? } else { FromItem::Opaque };
            return Ok((self.kept(first), item));
        }
        let parts = self.walker.kept_parts(&name);
        let known = match parts.as_slice() {
            [name] => self.with_query(name),
            _ => None,
        };
        let alias = parts.last().cloned().unwrap_or_default();
        Ok((alias, known.unwrap_or(FromItem::Relation(parts))))
    }

    /// `unnest(array, ...)`: a column for each array.
    fn unnest(
        &mut self,
        first: usize,
        inside: &std::ops::Range<usize>,
    ) -> Result<FromItem, NotUnderstood> {
        let mut columns = Vec::new();
        for part in self.parts(inside)? {
            let typed = match self.operand_of(&part, 0) {
                Some(array) => self.elements_of(&array, 0),
                None => Typed::default(),
            };
            let name = if columns.is_empty() { b"unnest".to_vec() } else { Vec::new() };
            columns.push(RowColumn { name, typed });
        }
        let at = self.rows_at(&(first..self.walker.cursor.index()), true, &columns);
        Ok(FromItem::Rows(TextRows { columns, at }))
    }
}
