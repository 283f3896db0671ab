//! A type at the cursor: its words, its modifiers, where it ends, and what the mapping says of it.
//! Knows the dialects' ways to spell a type, no statement.

use std::ops::Range;

use super::cursor::{Cursor, NotUnderstood, Understood, is_reserved};
use super::finder::{Finder, Position};
use super::lexer::{Token, TokenKind};
use super::modifiers::{number_alone, read_arguments, skip_native_words};
use super::name::folded_name;
use super::{Edit, Fault};
use crate::mapping::postgresql::{KeptTypes, is_native, is_native_lower};
use crate::mapping::{
    ArgumentForm, Arguments, ColumnName, Dialect, Modifiers, Place, Refusal, SourceTable,
    SpellingId, Verdict, WrittenType,
};

/// A type of a source as it was found.
struct Spelled<'a> {
    spelling: SpellingId,
    arguments: Arguments,
    /// Where to go on.
    behind: Cursor<'a>,
}

impl<'a> Finder<'a> {
    /// Passes a type: name and modifiers. What follows (`[]`, COLLATE and, of a type that PostgreSQL
    /// has, `WITH TIME ZONE`) stays outside of it.
    pub(super) fn type_name(&mut self, place: Place, position: Position) -> Understood {
        self.cursor.eat("setof");
        if !self.cursor.at_name() {
            return Err(NotUnderstood);
        }
        let mapping = self.mapping;
        if mapping.overrides_written() && self.overridden(place, position) {
            return Ok(());
        }
        match mapping.dialect() {
            Dialect::Dms => self.dms_type(place, position),
            Dialect::Source(table) => self.source_type(table, place, position),
            Dialect::PostgreSql(kept) => self.postgresql_type(kept, position),
        }
    }

    fn dms_type(&mut self, place: Place, position: Position) -> Understood {
        let name = self.cursor.token;
        self.cursor.bump();
        if self.cursor.eat_kind(TokenKind::Dot) {
            self.cursor.qualified_name()?;
            self.unknown(name, position);
            return Ok(());
        }
        if name.kind != TokenKind::Word || !self.mapping.names(self.cursor.bytes(name)) {
            self.unknown(name, position);
            return Ok(());
        }
        self.modifiers(name, place)
    }

    /// Notes a column's type that neither a table nor PostgreSQL knows, and whose name, of one or several
    /// parts, was passed.
    fn unknown(&mut self, first: Token, position: Position) {
        const SYSTEM_SCHEMAS: &[&[u8]] = &[b"pg_catalog", b"information_schema"];
        let last = self.cursor.previous();
        let bytes = self.cursor.bytes(last);
        let is_known = if last != first {
            SYSTEM_SCHEMAS.contains(&&*folded_name(&self.cursor, first))
        } else if last.kind == TokenKind::Word {
            is_native(bytes) || is_reserved(bytes)
        } else {
            // One in brackets is a type of the source.
            bytes.starts_with(b"\"") && is_native_lower(&folded_name(&self.cursor, last))
        };
        if is_known || !matches!(position, Position::Column(_)) {
            return;
        }
        self.found.unknown_types += 1;
        let span = first.start..last.end;
        let written = self.cursor.sql().get(span.clone()).unwrap_or_default();
        if let Some(refusal) = self.mapping.unknown(written) {
            self.refuse(span, refusal);
        }
    }

    /// A string constant: if a type stands before it, it is `T 'text'`.
    #[inline]
    pub(super) fn typed_literal(&mut self, place: Place) {
        let name = self.cursor.previous();
        if name.kind != TokenKind::Word || self.cursor.back(2).kind == TokenKind::Dot {
            return;
        }
        match self.mapping.dialect() {
            Dialect::Dms => self.decide(name, name.end, Modifiers::Absent, place),
            // Not `a.b LONG RAW 'text'`: only types of one word.
            Dialect::Source(table) => {
                let spelling = table.spellings().first(self.cursor.bytes(name));
                if let Some(spelling) = spelling.filter(|&at| table.spellings().is_type(at))
                    && !self.is_set_or_enum(name)
                {
                    let arguments = Arguments::default();
                    self.decide_source(spelling, &arguments, name.start..name.end, place);
                }
            }
            Dialect::PostgreSql(_) => {}
        }
    }

    /// `CHARACTER SET 'utf8'` is no literal of a type SET.
    fn is_set_or_enum(&self, name: Token) -> bool {
        self.cursor.token_is(name, "set") || self.cursor.token_is(name, "enum")
    }

    /// Passes the modifiers of a type whose name was passed, if it has some, and decides.
    pub(super) fn modifiers(&mut self, name: Token, place: Place) -> Understood {
        if let Dialect::Source(table) = self.mapping.dialect() {
            // Only typed literals come here, whose lists are a number.
            let spelling = table.spellings().first(self.cursor.bytes(name));
            let arguments = read_arguments(&mut self.cursor, self.encoding, true)?;
            if let Some(spelling) = spelling {
                let span = name.start..self.cursor.previous().end;
                self.decide_source(spelling, &arguments, span, place);
            }
            return Ok(());
        }
        if !self.cursor.at(TokenKind::Open) {
            self.decide(name, name.end, Modifiers::Absent, place);
            return Ok(());
        }
        let list = self.cursor.token.start;
        let number = number_alone(self.cursor);
        self.cursor.skip_brackets()?;
        let end = self.cursor.previous().end;
        let text = self.cursor.sql().get(list..end).unwrap_or_default();
        self.decide(name, end, Modifiers::List { number, text }, place);
        Ok(())
    }

    /// Asks the mapping about a DMS type and notes what it says.
    fn decide(&mut self, name: Token, end: usize, modifiers: Modifiers<'_>, place: Place) {
        let span = name.start..end;
        if self.is_new(&span) {
            let verdict = self.mapping.lookup(self.cursor.bytes(name), modifiers, place);
            self.note(span, verdict);
        }
    }

    /// Asks the mapping about a type of the source and notes what it says.
    fn decide_source(
        &mut self,
        spelling: SpellingId,
        arguments: &Arguments,
        span: Range<usize>,
        place: Place,
    ) {
        if self.is_new(&span) {
            let written = self.cursor.sql().get(span.clone()).unwrap_or_default();
            let verdict = self.mapping.source_type(spelling, arguments, written, place);
            self.note(span, verdict);
        }
    }

    /// Whether a type was not asked about before: a type behind `::` is not also the type of a
    /// literal behind it.
    fn is_new(&mut self, span: &Range<usize>) -> bool {
        let new = span.start >= self.types_until;
        if new {
            self.types_until = span.end;
        }
        new
    }

    fn note(&mut self, span: Range<usize>, verdict: Verdict) {
        match verdict {
            Verdict::Keep => {}
            Verdict::Replace { text, rule } => self.found.edits.push(Edit { span, text, rule }),
            Verdict::Refuse(refusal) => self.refuse(span, refusal),
        }
    }

    fn refuse(&mut self, span: Range<usize>, refusal: Refusal) {
        let Refusal { sqlstate, message, hint } = refusal;
        let fault = Fault { span, sqlstate, message, hint };
        self.found.fault.get_or_insert_with(|| Box::new(fault));
    }

    /// A type in a source's own spelling.
    fn source_type(&mut self, table: &SourceTable, place: Place, position: Position) -> Understood {
        let first = self.cursor.token;
        let mut start = self.cursor;
        if start.peek().kind == TokenKind::Dot {
            let system = table.is_system_schema(&folded_name(&start, start.token));
            start.bump();
            start.bump();
            if !system || !start.at_name() {
                self.cursor.bump();
                self.cursor.bump();
                self.cursor.qualified_name()?;
                self.unknown(first, position);
                return Ok(());
            }
        }
        let Some(found) = self.spelled(table, start)? else {
            self.cursor = start;
            self.cursor.bump();
            self.unknown(first, position);
            return Ok(());
        };
        self.cursor = found.behind;
        let span = first.start..self.cursor.previous().end;
        self.decide_source(found.spelling, &found.arguments, span, place);
        Ok(())
    }

    /// The longest type of the table that is spelled at a cursor.
    fn spelled(
        &self,
        table: &SourceTable,
        mut ahead: Cursor<'a>,
    ) -> Result<Option<Spelled<'a>>, NotUnderstood> {
        let spellings = table.spellings();
        // Where names may stand in brackets, names of types may be quoted as well.
        let is_quoted = table.brackets && ahead.at(TokenKind::QuotedName);
        if ahead.token.kind != TokenKind::Word && !is_quoted {
            return Ok(None);
        }
        let Some(mut at) = spellings.first(&folded_name(&ahead, ahead.token)) else {
            return Ok(None);
        };
        let mut found = None;
        let mut arguments = Arguments::default();
        loop {
            ahead.bump();
            if ahead.at(TokenKind::Open) {
                // A list behind the first words of a longer type may be read twice.
                let list = read_arguments(&mut ahead, self.encoding, spellings.is_type(at))?;
                if arguments.written == ArgumentForm::Absent {
                    arguments = list;
                }
            }
            if spellings.is_type(at) {
                found = Some(Spelled { spelling: at, arguments, behind: ahead });
            }
            if !spellings.goes_on(at) || !ahead.at(TokenKind::Word) {
                return Ok(found);
            }
            match spellings.child(at, ahead.bytes(ahead.token)) {
                Some(child) => at = child,
                None => return Ok(found),
            }
        }
    }

    /// A type of PostgreSQL: one of its own stays, a user-defined one becomes text where the
    /// statement makes a table or speaks of its columns.
    fn postgresql_type(&mut self, kept: &KeptTypes, position: Position) -> Understood {
        let start = self.cursor.token.start;
        let mut name = self.cursor.token;
        let mut schema = None;
        self.cursor.bump();
        while self.cursor.eat_kind(TokenKind::Dot) {
            if !self.cursor.at_name() {
                return Err(NotUnderstood);
            }
            schema = Some(name);
            name = self.cursor.token;
            self.cursor.bump();
        }
        let applies = match position {
            Position::Column(_) => true,
            Position::Cast => self.table_definition,
            Position::Signature | Position::Guess => false,
        };
        if !applies {
            return Ok(());
        }
        let value = folded_name(&self.cursor, name);
        let schema = schema.map(|schema| folded_name(&self.cursor, schema));
        let native = match &schema {
            Some(schema) => ["pg_catalog", "information_schema"]
                .iter()
                .any(|system| schema.as_ref() == system.as_bytes()),
            None => is_native_lower(&value),
        };
        if native {
            if value.as_ref() == b"numeric" && !self.cursor.at(TokenKind::Open) {
                self.unbounded_numeric(start, position);
            }
            return Ok(());
        }
        if name.kind == TokenKind::Word && schema.is_none() && is_reserved(&value) {
            return Ok(());
        }
        let list = self.cursor;
        if self.cursor.at(TokenKind::Open) {
            self.cursor.skip_brackets()?;
        }
        let end = self.cursor.previous().end;
        let modifiers = self.cursor.sql().get(list.token.start..end).unwrap_or_default();
        if !kept.keeps(schema.as_deref(), &value, modifiers) && self.is_new(&(start..end)) {
            self.note(start..end, self.mapping.user_defined());
        }
        Ok(())
    }

    fn unbounded_numeric(&mut self, start: usize, position: Position) {
        let span = start..self.cursor.previous().end;
        if matches!(position, Position::Column(_))
            && let Some(verdict) = self.mapping.unbounded_numeric()
            && self.is_new(&span)
        {
            self.note(span, verdict);
        }
    }

    /// Whether an override speaks of the type at the cursor. If so it was passed and noted.
    pub(super) fn overridden(&mut self, place: Place, position: Position) -> bool {
        let start = self.cursor.token.start;
        let Some((behind, native)) = self.any_type(position) else { return false };
        if place == Place::Cast && native {
            return false;
        }
        let span = start..behind.previous().end;
        let written = WrittenType::new(self.cursor.sql().get(span.clone()).unwrap_or_default());
        let column = match position {
            Position::Column(token) => Some(token),
            _ => None,
        };
        let names = column.zip(self.relation).map(|(column, (schema, table))| {
            let value = |token| folded_name(&self.cursor, token);
            (schema.map(value), value(table), value(column))
        });
        let at = names.as_ref().map(|(schema, table, column)| ColumnName {
            schema: schema.as_deref(),
            table,
            column,
        });
        let Some(verdict) = self.mapping.override_of(&written, at) else { return false };
        self.cursor = behind;
        if self.is_new(&span) {
            self.note(span, verdict);
        }
        true
    }

    /// Behind the type at the cursor, whoever knows it, and whether PostgreSQL has it.
    fn any_type(&self, position: Position) -> Option<(Cursor<'a>, bool)> {
        if let Dialect::Source(table) = self.mapping.dialect()
            && let Ok(Some(found)) = self.spelled(table, self.cursor)
        {
            return Some((found.behind, table.spellings().is_native(found.spelling)));
        }
        let mut ahead = self.cursor;
        let first = ahead.token;
        let mut native = first.kind == TokenKind::Word && is_native(ahead.bytes(first));
        if first.kind == TokenKind::Word && is_reserved(ahead.bytes(first)) {
            return None;
        }
        ahead.bump();
        while ahead.eat_kind(TokenKind::Dot) {
            native = false;
            if !ahead.at_name() {
                return None;
            }
            ahead.bump();
        }
        // A column's list is read twice at most, what stands in an expression again and again.
        let list = |ahead: &mut Cursor<'a>| match (ahead.token.kind, position) {
            (TokenKind::Open, Position::Column(_)) => ahead.skip_brackets().is_ok(),
            (TokenKind::Open, _) => ahead.skip_flat_list(),
            _ => true,
        };
        if !list(&mut ahead) {
            return None;
        }
        if native {
            skip_native_words(&mut ahead, first);
            if !list(&mut ahead) {
                return None;
            }
            skip_native_words(&mut ahead, first);
        }
        Some((ahead, native))
    }
}
