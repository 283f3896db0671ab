//! A type at the cursor: its words, its modifiers, where it ends, and what the mapping says of it.
//! Knows the dialects' ways to spell a type, no statement.

use std::borrow::Cow;
use std::ops::Range;

use super::cursor::{Cursor, NotUnderstood, Understood, is_name, is_reserved, is_text};
use super::finder::Finder;
use super::lexer::{Token, TokenKind};
use super::literal::text_constant;
use super::{Edit, Fault};
use crate::mapping::postgresql::{KeptTypes, is_native, is_native_lower};
use crate::mapping::{
    Arguments, ColumnName, Dialect, Modifiers, Place, Refusal, SourceTable, SpellingId, Verdict,
    Written, WrittenType,
};

/// What makes the finder think that a type stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// It is the type of this column of a table.
    Column(Token),
    /// It stands behind `::`, or behind the AS of a CAST.
    Cast,
    /// It is part of a domain, a type, or what a routine takes or gives.
    Signature,
    /// It looks like one; a wrong guess must do no harm.
    Guess,
}

/// A type of a source as it was found.
struct Spelled<'a> {
    spelling: SpellingId,
    arguments: Arguments,
    /// Where to go on.
    behind: Cursor<'a>,
}

/// How many tokens are looked through for the end of a list that may have to be read again.
const LIST_TOKENS_MAX: usize = 32;

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
            return self.cursor.qualified_name();
        }
        if name.kind != TokenKind::Word {
            return Ok(());
        }
        if !self.mapping.names(self.cursor.bytes(name)) {
            self.unknown(name, position);
            return Ok(());
        }
        self.modifiers(name, place)
    }

    /// Notes a column's type that neither a table nor PostgreSQL knows.
    fn unknown(&mut self, name: Token, position: Position) {
        let bytes = self.cursor.bytes(name);
        if !matches!(position, Position::Column(_)) || is_native(bytes) || is_reserved(bytes) {
            return;
        }
        self.script.unknown_types += 1;
        if let Some(refusal) = self.mapping.unknown(bytes) {
            self.refuse(name.start..name.end, refusal);
        }
    }

    /// A string constant: if a type stands before it, it is `T 'text'`.
    #[inline]
    pub(super) fn typed_literal(&mut self, before: Option<TokenKind>, place: Place) {
        let name = self.cursor.previous;
        if name.kind != TokenKind::Word || before == Some(TokenKind::Dot) {
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
                let span = name.start..self.cursor.previous.end;
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
        self.cursor.skip_parentheses()?;
        let end = self.cursor.previous.end;
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
            Verdict::Replace { text, rule } => self.script.edits.push(Edit { span, text, rule }),
            Verdict::Refuse(refusal) => self.refuse(span, refusal),
        }
    }

    fn refuse(&mut self, span: Range<usize>, refusal: Refusal) {
        let Refusal { sqlstate, message, hint } = refusal;
        self.script.fault.get_or_insert(Fault { span, sqlstate, message, hint });
    }

    /// A type in a source's own spelling.
    fn source_type(&mut self, table: &SourceTable, place: Place, position: Position) -> Understood {
        let first = self.cursor.token;
        let mut start = self.cursor;
        if start.peek().kind == TokenKind::Dot {
            let system = table.is_system_schema(&name_value(&start, start.token));
            start.bump();
            start.bump();
            if !system || !start.at_name() {
                self.cursor.bump();
                self.cursor.bump();
                return self.cursor.qualified_name();
            }
        }
        let Some(found) = self.spelled(table, start)? else {
            self.cursor = start;
            self.cursor.bump();
            if start.token == first && first.kind == TokenKind::Word {
                self.unknown(first, position);
            }
            return Ok(());
        };
        self.cursor = found.behind;
        let span = first.start..self.cursor.previous.end;
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
        let bracketed = table.brackets && ahead.bytes(ahead.token).starts_with(b"[");
        if ahead.token.kind != TokenKind::Word && !bracketed {
            return Ok(None);
        }
        let Some(mut at) = spellings.first(&name_value(&ahead, ahead.token)) else {
            return Ok(None);
        };
        let mut found = None;
        let mut arguments = Arguments::default();
        loop {
            ahead.bump();
            if ahead.at(TokenKind::Open) {
                // A list behind the first words of a longer type is short, and may be read twice.
                let list = read_arguments(&mut ahead, self.encoding, spellings.is_type(at))?;
                if arguments.written == Written::Absent {
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
        let value = name_value(&self.cursor, name);
        let schema = schema.map(|schema| name_value(&self.cursor, schema));
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
            self.cursor.skip_parentheses()?;
        }
        let end = self.cursor.previous.end;
        let modifiers = self.cursor.sql().get(list.token.start..end).unwrap_or_default();
        if !kept.keeps(schema.as_deref(), &value, modifiers) && self.is_new(&(start..end)) {
            self.note(start..end, self.mapping.user_defined());
        }
        Ok(())
    }

    fn unbounded_numeric(&mut self, start: usize, position: Position) {
        let span = start..self.cursor.previous.end;
        if matches!(position, Position::Column(_))
            && let Some(verdict) = self.mapping.unbounded_numeric()
            && self.is_new(&span)
        {
            self.note(span, verdict);
        }
    }

    /// Whether an override speaks of the type at the cursor. If so it was passed and noted.
    fn overridden(&mut self, place: Place, position: Position) -> bool {
        let start = self.cursor.token.start;
        let Some((behind, native)) = self.any_type(position) else { return false };
        if place == Place::Cast && native {
            return false;
        }
        let span = start..behind.previous.end;
        let written = WrittenType::new(self.cursor.sql().get(span.clone()).unwrap_or_default());
        let column = match position {
            Position::Column(token) => Some(token),
            _ => None,
        };
        let names = column.zip(self.relation).map(|(column, (schema, table))| {
            let value = |token| name_value(&self.cursor, token);
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
            (TokenKind::Open, Position::Column(_)) => ahead.skip_parentheses().is_ok(),
            (TokenKind::Open, _) => skip_short_list(ahead),
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

/// Passes the words that make one type of PostgreSQL of several words.
fn skip_native_words(cursor: &mut Cursor<'_>, first: Token) {
    const FIELDS: &[&str] = &["year", "month", "day", "hour", "minute", "second", "to"];
    let is = |word: &str| cursor.token_is(first, word);
    if is("double") {
        cursor.eat("precision");
    } else if is("national") {
        let _ = cursor.eat("character") || cursor.eat("char");
        cursor.eat("varying");
    } else if is("character") || is("char") || is("nchar") || is("bit") {
        cursor.eat("varying");
    } else if is("time") || is("timestamp") {
        let _ = cursor.eat_all(&["with", "time", "zone"])
            || cursor.eat_all(&["without", "time", "zone"]);
    } else if is("interval") {
        while cursor.is_any(FIELDS) {
            cursor.bump();
        }
    }
}

/// Passes a list without parentheses inside and of few tokens; the cursor stays if it is none.
fn skip_short_list(cursor: &mut Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    for _ in 0..LIST_TOKENS_MAX {
        ahead.bump();
        match ahead.token.kind {
            TokenKind::Close => {
                ahead.bump();
                *cursor = ahead;
                return true;
            }
            TokenKind::Open | TokenKind::End | TokenKind::Unterminated => return false,
            _ => {}
        }
    }
    false
}

/// Passes a list in parentheses and says what it holds. One that does not surely belong to the type
/// (`whole` is false) must be short.
fn read_arguments(
    cursor: &mut Cursor<'_>,
    encoding: crate::encoding::Encoding,
    whole: bool,
) -> Result<Arguments, NotUnderstood> {
    let mut inside = *cursor;
    if whole {
        cursor.skip_parentheses()?;
    } else if !skip_short_list(cursor) {
        return Ok(Arguments::default());
    }
    inside.bump();
    let arguments = if is_text(inside.token.kind) || inside.at(TokenKind::NationalText) {
        members(&mut inside, encoding)
    } else {
        numbers(&mut inside)
    };
    let other = Arguments { written: Written::Other, ..Arguments::default() };
    // Nothing may be left between what was understood and the parenthesis that was passed last.
    Ok(arguments.filter(|_| inside.token == cursor.previous).unwrap_or(other))
}

/// `n`, `n CHAR`, `nM`, `p, s`, `*, s` or `MAX`, up to the closing parenthesis.
fn numbers(cursor: &mut Cursor<'_>) -> Option<Arguments> {
    if cursor.eat("max") {
        return Some(Arguments { written: Written::Max, ..Arguments::default() });
    }
    let first = if cursor.is_operator("*") {
        cursor.bump();
        None
    } else {
        Some(number(cursor)?)
    };
    let first = first.map(|first| first.saturating_mul(unit(cursor)));
    let second = if cursor.eat_kind(TokenKind::Comma) { Some(number(cursor)?) } else { None };
    Some(Arguments { written: Written::Numbers, first, second })
}

/// A decimal integer with its sign; too large ones saturate.
fn number(cursor: &mut Cursor<'_>) -> Option<i64> {
    let negative = cursor.is_operator("-");
    if negative || cursor.is_operator("+") {
        cursor.bump();
    }
    let value = i64::try_from(integer(cursor)?).unwrap_or(i64::MAX);
    cursor.bump();
    Some(if negative { -value } else { value })
}

/// Passes the unit of a length and gives what one of it is.
fn unit(cursor: &mut Cursor<'_>) -> i64 {
    const ONES: &[&str] = &["char", "byte", "bytes", "octets", "codeunits16", "codeunits32"];
    const LARGE: &[(&str, i64)] = &[("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)];
    if let Some((_, bytes)) = LARGE.iter().find(|(word, _)| cursor.is(word)) {
        cursor.bump();
        return *bytes;
    }
    if cursor.is_any(ONES) {
        cursor.bump();
    }
    1
}

/// String constants with commas between, up to the closing parenthesis.
fn members(cursor: &mut Cursor<'_>, encoding: crate::encoding::Encoding) -> Option<Arguments> {
    let (mut longest, mut total, mut count) = (0_usize, 0_usize, 0_usize);
    loop {
        let member = text_constant(cursor, encoding)?;
        let characters = encoding.count_characters(&member);
        longest = longest.max(characters);
        total += characters;
        count += 1;
        if !cursor.eat_kind(TokenKind::Comma) {
            break;
        }
    }
    let length = |length: usize| i64::try_from(length).ok();
    Some(Arguments {
        written: Written::Members,
        // A member may be empty, the column must not be.
        first: length(longest.max(1)),
        second: length((total + count - 1).max(1)),
    })
}

/// The number in `(number)`, if that is what stands at the cursor; too large ones saturate.
fn number_alone(mut cursor: Cursor<'_>) -> Option<u64> {
    cursor.bump();
    let value = integer(&cursor)?;
    cursor.bump();
    cursor.at(TokenKind::Close).then_some(value)
}

/// The value of the decimal integer at the cursor; too large ones saturate.
fn integer(cursor: &Cursor<'_>) -> Option<u64> {
    if !cursor.at(TokenKind::Number) {
        return None;
    }
    let mut value = 0_u64;
    for byte in cursor.bytes(cursor.token) {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value = value.saturating_mul(10).saturating_add(digit);
    }
    Some(value)
}

/// A name as PostgreSQL keeps it: lower case where it is not quoted.
pub(super) fn name_value<'a>(cursor: &Cursor<'a>, name: Token) -> Cow<'a, [u8]> {
    let bytes = cursor.bytes(name);
    match bytes {
        [b'"', inside @ .., b'"'] => match inside.contains(&b'"') {
            true => Cow::Owned(undoubled(inside)),
            false => Cow::Borrowed(inside),
        },
        [b'[', inside @ .., b']'] | [b'`', inside @ .., b'`'] => Cow::Borrowed(inside),
        _ if is_name(name.kind) && bytes.iter().any(u8::is_ascii_uppercase) => {
            Cow::Owned(bytes.to_ascii_lowercase())
        }
        _ => Cow::Borrowed(bytes),
    }
}

/// The inside of a quoted name, in which quotes are doubled.
fn undoubled(inside: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        value.push(byte);
        if byte == b'"' {
            bytes.next();
        }
    }
    value
}
