//! Types in ALTER: the actions of PostgreSQL, and those of other engines that add or change columns. Finds,
//! changes nothing.

use super::Edit;
use super::cursor::{NotUnderstood, Understood};
use super::definition::ROUTINES;
use super::finder::{Finder, Position, Until};
use super::lexer::TokenKind;
use super::parts::Body;
use crate::mapping::Place;

/// What can stand behind MODIFY instead of a column: parts of a table that have no type.
const NOT_COLUMNS: &[&str] = &[
    "constraint",
    "default",
    "lob",
    "nested",
    "opaque",
    "partition",
    "primary",
    "subpartition",
    "unique",
    "varray",
];

/// What can stand behind the name of a column that keeps its type.
const NOT_TYPES: &[&str] = &[
    "add",
    "constraint",
    "decrypt",
    "default",
    "disable",
    "drop",
    "enable",
    "encrypt",
    "generated",
    "invisible",
    "not",
    "null",
    "reset",
    "restart",
    "set",
    "visible",
];

/// The words that begin an action of ALTER TABLE, where a comma ends one that adds columns.
const ACTIONS: &[&str] = &[
    "add", "alter", "attach", "change", "cluster", "detach", "disable", "drop", "enable", "force",
    "inherit", "modify", "no", "of", "options", "owner", "rename", "replica", "reset", "set",
    "validate",
];

impl Finder<'_> {
    pub(super) fn alter(&mut self) -> Understood {
        if self.cursor.is_any(ROUTINES) {
            return self.routine_names();
        }
        let mut foreign = self.cursor;
        if foreign.eat("foreign") && foreign.is("table") {
            self.cursor = foreign;
        }
        if self.cursor.eat("table") {
            self.body = Body::Definition;
            self.cursor.eat_all(&["if", "exists"]);
            self.cursor.eat("only");
            self.relation_name()?;
            if self.cursor.is_operator("*") {
                self.cursor.bump();
            }
            // What SQL Server says between the table and its actions.
            if self.has_alias_types() && self.cursor.eat("with") {
                let _ = self.cursor.eat("check") || self.cursor.eat("nocheck");
            }
            return self.table_actions();
        }
        if self.cursor.eat("type") {
            self.cursor.qualified_name()?;
            return self.attribute_actions();
        }
        let place = if self.cursor.is("domain") { Place::Definition } else { Place::Cast };
        self.expression(place, Until::Statement)
    }

    /// The actions of ALTER TYPE.
    fn attribute_actions(&mut self) -> Understood {
        loop {
            if self.cursor.eat("add") && self.cursor.eat("attribute") {
                self.column_or_attribute(false)?;
            } else if self.cursor.eat_all(&["alter", "attribute"]) {
                if !self.cursor.at_name() {
                    return Err(NotUnderstood);
                }
                self.cursor.bump();
                if self.cursor.eat_all(&["set", "data", "type"]) || self.cursor.eat("type") {
                    self.type_name(Place::Definition, Position::Signature)?;
                }
            }
            self.expression(Place::Definition, Until::Element)?;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    /// The actions of ALTER TABLE, with commas between or, as in Oracle and Db2, without.
    fn table_actions(&mut self) -> Understood {
        let mut adds = false;
        loop {
            if self.cursor.eat("add") {
                adds = true;
                self.added()?;
            } else if self.cursor.eat("alter") {
                adds = false;
                self.altered()?;
            } else if self.cursor.eat("modify") {
                adds = false;
                self.modified()?;
            } else if self.cursor.eat("change") {
                adds = false;
                self.cursor.eat("column");
                self.cursor.bump();
                self.column_or_attribute(true)?;
            } else if adds && !self.cursor.is_any(ACTIONS) {
                // SQL Server and ASE say ADD once.
                self.says_add();
                if !self.at_constraint() {
                    self.column_or_attribute(true)?;
                }
            } else if !self.cursor.eat("drop") {
                adds &= self.at_constraint();
            }
            self.expression(Place::Definition, Until::Action)?;
            let is_next = self.cursor.eat_kind(TokenKind::Comma) || self.at_action();
            if !is_next {
                return Ok(());
            }
        }
    }

    /// PostgreSQL wants an ADD in front of each thing that is added.
    fn says_add(&mut self) {
        let at = self.cursor.token.start;
        if let Some(rule) = self.mapping.add_rule() {
            self.found.edits.push(Edit { span: at..at, text: "ADD ".to_owned(), rule });
        }
    }

    /// Behind ADD: a column, or a list of them.
    fn added(&mut self) -> Understood {
        if self.cursor.eat("column") || !self.at_constraint() {
            self.cursor.eat_all(&["if", "not", "exists"]);
            if self.cursor.at(TokenKind::Open) {
                return self.columns(true);
            }
            self.column_or_attribute(true)?;
        }
        Ok(())
    }

    /// Behind ALTER: a column that may get another type.
    fn altered(&mut self) -> Understood {
        if !self.cursor.eat("column") && self.at_constraint() {
            return Ok(());
        }
        if !self.cursor.at_name() {
            return Err(NotUnderstood);
        }
        let name = self.cursor.token;
        self.cursor.bump();
        let is_typed = self.cursor.eat_all(&["set", "data", "type"]) || self.cursor.eat("type");
        // SQL Server says nothing between the column and its type.
        let is_bare = self.has_alias_types() && self.at_type();
        if is_typed || is_bare { self.column_type(name, false) } else { Ok(()) }
    }

    /// Behind MODIFY: a column of Oracle or MySQL, or a list of them, which may have a type.
    fn modified(&mut self) -> Understood {
        self.cursor.eat("column");
        self.cursor.eat_all(&["if", "exists"]);
        if !self.cursor.at(TokenKind::Open) {
            return self.modified_column();
        }
        self.cursor.bump();
        loop {
            self.modified_column()?;
            self.expression(Place::Definition, Until::Element)?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Err(NotUnderstood);
            }
        }
    }

    fn modified_column(&mut self) -> Understood {
        if self.cursor.is_any(NOT_COLUMNS) {
            return Ok(());
        }
        if !self.cursor.at_name() {
            return Err(NotUnderstood);
        }
        let name = self.cursor.token;
        self.cursor.bump();
        if self.at_type() { self.column_type(name, false) } else { Ok(()) }
    }

    fn at_type(&self) -> bool {
        self.cursor.at_name() && !self.cursor.is_any(NOT_TYPES)
    }

    /// Whether the next action of ALTER TABLE stands at the cursor, without a comma in front of it.
    pub(super) fn at_action(&self) -> bool {
        const STARTS: &[&str] = &["add", "alter", "change", "drop", "modify"];
        /// What has a name behind it.
        const NAMING: &[&str] =
            &["add", "alter", "by", "column", "constraint", "drop", "exists", "rename", "to"];
        let previous = self.cursor.previous();
        let is_name = previous.kind == TokenKind::Dot
            || NAMING.iter().any(|word| self.cursor.token_is(previous, word));
        // `ALTER a ADD GENERATED ...` and `ALTER a DROP DEFAULT` are one action.
        let next = self.cursor.peek();
        let goes_on = [
            "default",
            "expression",
            "generated",
            "hidden",
            "identity",
            "masked",
            "not",
            "persisted",
            "rowguidcol",
            "sparse",
        ];
        self.cursor.is_any(STARTS)
            && !is_name
            && !goes_on.iter().any(|word| self.cursor.token_is(next, word))
    }
}
