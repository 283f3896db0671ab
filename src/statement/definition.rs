//! Types in statements that define tables, domains and types: CREATE and what is like it. Where routines or
//! ALTER are concerned it hands over to its neighbours.

use super::cursor::{Cursor, NotUnderstood, Understood, is_name};
use super::finder::{Finder, Position, Until};
use super::lexer::TokenKind;
use super::parts::Body;
use crate::mapping::Place;

pub(super) const ROUTINES: &[&str] = &["function", "procedure", "routine", "aggregate"];

impl Finder<'_> {
    /// A statement that starts with CREATE, ALTER, DROP, COMMENT, GRANT or REVOKE.
    pub(super) fn define(&mut self, first: &[u8]) -> Understood {
        self.cursor.bump();
        // Casts of a view or an index must be those of the tables they are about.
        self.table_definition = matches!(first, b"create" | b"alter") && !self.defines_types();
        match first {
            b"create" => self.create(),
            b"alter" => self.alter(),
            b"drop" if self.cursor.is_any(ROUTINES) => self.routine_names(),
            b"comment" if self.cursor.eat("on") && self.cursor.is_any(ROUTINES) => {
                self.routine_names()
            }
            b"grant" | b"revoke" => self.grant(),
            _ => self.expression(Place::Cast, Until::Statement),
        }
    }

    /// Whether the statement is about types themselves, or about what works on them.
    fn defines_types(&self) -> bool {
        const KINDS: &[&str] =
            &["type", "domain", "cast", "operator", "transform", "collation", "conversion"];
        self.cursor.is_any(KINDS)
    }

    fn grant(&mut self) -> Understood {
        while !self.cursor.is("on") {
            match self.cursor.token.kind {
                TokenKind::End | TokenKind::Semicolon => return Ok(()),
                TokenKind::Open => self.cursor.skip_brackets()?,
                _ => self.cursor.bump(),
            }
        }
        self.cursor.bump();
        if self.cursor.is_any(ROUTINES) {
            return self.routine_names();
        }
        self.expression(Place::Cast, Until::Statement)
    }

    fn create(&mut self) -> Understood {
        self.cursor.eat_all(&["or", "replace"]);
        if self.cursor.is("schema") {
            return self.create_schema();
        }
        for kind in ["global", "local"] {
            self.cursor.eat(kind);
        }
        for kind in ["temp", "temporary", "unlogged"] {
            self.cursor.eat(kind);
        }
        let mut foreign = self.cursor;
        if foreign.eat("foreign") && foreign.is("table") {
            self.cursor = foreign;
        }
        if self.cursor.eat("table") {
            return self.create_table(Until::Statement);
        }
        if self.cursor.is_any(&["domain", "index", "unique"]) {
            self.body = Body::Definition;
        }
        if self.cursor.eat("domain") {
            return self.create_domain();
        }
        if self.cursor.eat("type") {
            return self.create_type();
        }
        if self.cursor.is_any(ROUTINES) {
            self.body = Body::Definition;
            return self.create_routine();
        }
        self.expression(Place::Cast, Until::Statement)
    }

    /// `CREATE SCHEMA ...` with the CREATE statements that may be part of it.
    fn create_schema(&mut self) -> Understood {
        loop {
            self.expression(Place::Cast, Until::Create)?;
            if !self.cursor.eat("create") {
                return Ok(());
            }
            for kind in ["temp", "temporary", "unlogged"] {
                self.cursor.eat(kind);
            }
            if self.cursor.eat("table") {
                self.create_table(Until::Create)?;
            }
        }
    }

    fn create_table(&mut self, until: Until) -> Understood {
        self.cursor.eat_all(&["if", "not", "exists"]);
        if self.body == Body::Other && until == Until::Statement {
            self.body = Body::Definition;
        }
        self.relation_name()?;
        let typed = self.cursor.is("of");
        if typed || self.cursor.eat_all(&["partition", "of"]) {
            // The columns have the types of another table; only their constraints stand here.
            if typed {
                self.cursor.bump();
            }
            self.cursor.qualified_name()?;
            return self.expression(Place::Definition, until);
        }
        match self.cursor.token.kind {
            TokenKind::Open => self.columns(true)?,
            TokenKind::Word | TokenKind::Semicolon | TokenKind::End => {}
            // The name has not ended.
            _ => return Err(NotUnderstood),
        }
        // A plain AS: with options in front of it nothing is passed on that has to be mended.
        self.found.may_execute |= self.cursor.is("as");
        self.expression(Place::Definition, until)
    }

    /// Passes the name of the table that the statement is about, and remembers it.
    pub(super) fn relation_name(&mut self) -> Understood {
        let mut schema = None;
        loop {
            let name = self.cursor.token;
            if !self.cursor.at_name() {
                return Err(NotUnderstood);
            }
            self.cursor.bump();
            self.relation = Some((schema, name));
            if !self.cursor.eat_kind(TokenKind::Dot) {
                return Ok(());
            }
            schema = Some(name);
        }
    }

    /// `( name type ..., constraint, ... )`: the columns of a table, or the attributes of a type.
    pub(super) fn columns(&mut self, constraints: bool) -> Understood {
        let list = self.cursor;
        self.cursor.bump();
        if self.cursor.eat_kind(TokenKind::Close) {
            return Ok(());
        }
        loop {
            let element = self.cursor;
            let is_read = self.list_element(constraints).is_ok();
            if !is_read || !matches!(self.cursor.token.kind, TokenKind::Comma | TokenKind::Close) {
                self.pass_odd_spot(list, element)?;
            }
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            self.cursor.bump();
            if self.cursor.at(TokenKind::Close) {
                self.note_odd_spot(self.cursor.previous().start);
                self.cursor.bump();
                return Ok(());
            }
        }
    }

    /// One element of such a list.
    fn list_element(&mut self, constraints: bool) -> Understood {
        if !constraints {
            self.attribute()?;
        } else if !self.at_constraint() {
            self.column()?;
        }
        self.expression(Place::Definition, Until::Element)
    }

    /// Goes on behind an element that cannot be read: what was read of the list keeps its rewrite. `list` is
    /// at its parenthesis.
    fn pass_odd_spot(&mut self, list: Cursor<'_>, element: Cursor<'_>) -> Understood {
        let mut behind = list;
        behind.skip_brackets()?;
        let close = behind.index() - 1;
        if self.cursor.index() > close {
            self.note_odd_spot(element.token.start);
            self.cursor.go_to(close);
        } else {
            self.note_odd_spot(self.cursor.token.start);
        }
        while self.cursor.index() < close && !self.cursor.at(TokenKind::Comma) {
            if !self.cursor.at(TokenKind::Open) || self.cursor.skip_brackets().is_err() {
                self.cursor.bump();
            }
        }
        Ok(())
    }

    /// Whether a constraint or LIKE stands where a column could. All of these words are reserved
    /// but EXCLUDE, which is a constraint only before USING or a parenthesis.
    pub(super) fn at_constraint(&self) -> bool {
        const STARTS: &[&str] =
            &["constraint", "primary", "unique", "check", "foreign", "like", "not"];
        if self.cursor.is("exclude") {
            let next = self.cursor.peek();
            return next.kind == TokenKind::Open || self.cursor.token_is(next, "using");
        }
        self.cursor.is_any(STARTS)
    }

    /// `name type`, or the name alone as in `CREATE TABLE t (a, b) AS`.
    fn column(&mut self) -> Understood {
        if !self.cursor.at_name() {
            return Err(NotUnderstood);
        }
        let name = self.cursor.token;
        if self.index()? {
            return Ok(());
        }
        self.cursor.bump();
        if matches!(self.cursor.token.kind, TokenKind::Comma | TokenKind::Close) {
            return Ok(());
        }
        self.column_type(name, true)
    }

    pub(super) fn column_or_attribute(&mut self, column: bool) -> Understood {
        if column { self.column() } else { self.attribute() }
    }

    /// `name type` of a composite type or of a routine's result.
    fn attribute(&mut self) -> Understood {
        if !self.cursor.at_name() {
            return Err(NotUnderstood);
        }
        self.cursor.bump();
        self.type_name(Place::Definition, Position::Signature)
    }

    /// Passes what stands before the list of columns of an index, if one stands where a column
    /// could, as in MySQL's `KEY k (a, b)`. `key` and `index` may be columns, too.
    fn index(&mut self) -> Result<bool, NotUnderstood> {
        let mut ahead = self.cursor;
        let kind = ahead.eat("fulltext") || ahead.eat("spatial");
        let index = ahead.eat("key") || ahead.eat("index");
        if (!kind && !index) || matches!(ahead.token.kind, TokenKind::Comma | TokenKind::Close) {
            return Ok(false);
        }
        let mut words = 0;
        // A name, and how the index is made: CLUSTERED, USING BTREE.
        while ahead.at_name() && words < 4 {
            words += 1;
            ahead.bump();
        }
        let inside = ahead.peek().kind;
        let list = ahead.at(TokenKind::Open)
            && (is_name(inside) || inside == TokenKind::Open)
            // `key VARCHAR(MAX)` is a column.
            && !ahead.token_is(ahead.peek(), "max");
        if list && (words > 0 || self.mapping.options().source != "dms") {
            self.cursor = ahead;
        }
        Ok(list)
    }

    fn create_domain(&mut self) -> Understood {
        self.cursor.qualified_name()?;
        self.cursor.eat("as");
        self.type_name(Place::Definition, Position::Signature)?;
        self.expression(Place::Definition, Until::Statement)
    }

    fn create_type(&mut self) -> Understood {
        let name = self.cursor;
        self.cursor.qualified_name()?;
        if self.cursor.is("from") && self.has_alias_types() {
            return self.alias_type(name);
        }
        if !self.cursor.eat("as") {
            return self.expression(Place::Cast, Until::Statement);
        }
        if self.cursor.at(TokenKind::Open) {
            self.columns(false)?;
        } else if self.cursor.eat("range") && self.cursor.at(TokenKind::Open) {
            self.attribute_types()?;
        }
        self.expression(Place::Cast, Until::Statement)
    }

    /// `( name = value, ... )`, where some of the values are types.
    pub(super) fn attribute_types(&mut self) -> Understood {
        const TYPES: &[&str] = &["subtype", "stype", "mstype", "basetype"];
        self.cursor.bump();
        loop {
            if self.cursor.is_any(TYPES) {
                self.cursor.bump();
                if self.cursor.is_operator("=") {
                    self.cursor.bump();
                    if self.cursor.at_name() {
                        self.type_name(Place::Definition, Position::Signature)?;
                    }
                }
            }
            self.expression(Place::Cast, Until::Element)?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Err(NotUnderstood);
            }
        }
    }
}
