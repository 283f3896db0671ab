//! String constants that may have to be mended, found among the tokens of a text: those whose escapes may
//! spell U+0000, and those that a cast makes JSON. Changes nothing.

use memchr::{memchr, memmem};

use super::constant::{Spelling, StringConstant, has_suspicious_backslash};
use super::cursor::{Cursor, is_name, is_reserved};
use super::lexer::{Token, TokenKind};
use super::parts::{ConstantPurpose, NotedConstant};
use super::slots::parameter;
use crate::escape::surrogates::may_hold_half;

/// The constants of a text at whose start the cursor is. `has_escapes` says whether one of them is of a
/// kind in which escapes are resolved. A text without such constants and without a backslash costs one
/// search.
pub(super) fn noted_constants(cursor: Cursor<'_>, has_escapes: bool) -> Vec<NotedConstant> {
    let mut noted = Vec::new();
    if has_escapes {
        note_nuls(cursor, &mut noted);
    }
    let may_be_json = has_escapes || memchr(b'\\', cursor.sql()).is_some();
    if may_be_json
        && (memmem::find(cursor.sql(), b"u0000").is_some() || may_hold_half(cursor.sql()))
    {
        note_casts(cursor, &mut noted);
    }
    noted
}

/// Notes constants in which an escape may spell a NUL.
fn note_nuls(mut cursor: Cursor<'_>, noted: &mut Vec<NotedConstant>) {
    while !cursor.at(TokenKind::End) {
        let may_spell_nul = match cursor.token.kind {
            TokenKind::EscapeText => has_suspicious_backslash(cursor.bytes(cursor.token)),
            TokenKind::UnicodeText => true,
            _ => false,
        };
        let constant = if may_spell_nul { StringConstant::pass(&mut cursor) } else { None };
        match constant {
            Some(StringConstant { spelling: Spelling::Unicode(None), .. }) => {}
            Some(constant) => {
                noted.push(NotedConstant { constant, purpose: ConstantPurpose::SpellsNul });
            }
            None => cursor.bump(),
        }
    }
}

/// Notes the constants that a cast makes `json` or `jsonb` and that have `\u0000` or half of a surrogate pair in their bytes:
/// `'..'::jsonb`, `CAST('..' AS json)`, `jsonb '..'`, and those in `ARRAY['..', '..']::jsonb[]`.
fn note_casts(mut cursor: Cursor<'_>, noted: &mut Vec<NotedConstant>) {
    let escape = memmem::Finder::new(b"\\u0000");
    let first = noted.len();
    let mut arrays = OpenArrays::default();
    while !cursor.at(TokenKind::End) {
        let token = cursor.token;
        let is_escape = |bytes| escape.find(bytes).is_some() || may_hold_half(bytes);
        let is_candidate = Spelling::of(token.kind).is_some() && is_escape(cursor.bytes(token));
        let (previous, before, in_front) = (cursor.previous(), cursor.back(2), cursor.back(3));
        let constant = if is_candidate { StringConstant::pass(&mut cursor) } else { None };
        let Some(constant) = constant else {
            match token.kind {
                TokenKind::OpenBracket => arrays.open(&cursor),
                TokenKind::CloseBracket => arrays.close(cursor, noted),
                _ => {}
            }
            cursor.bump();
            continue;
        };
        let is_argument = previous.kind == TokenKind::Open && cursor.at(TokenKind::Close);
        if is_json(&cursor, previous)
            || is_cast(cursor, before, previous)
            || is_argument && is_json_function(&cursor, before, in_front)
        {
            noted.push(NotedConstant { constant, purpose: ConstantPurpose::JsonByCast });
        } else if matches!(previous.kind, TokenKind::OpenBracket | TokenKind::Comma)
            && matches!(cursor.token.kind, TokenKind::CloseBracket | TokenKind::Comma)
        {
            arrays.note(constant);
        }
    }
    if let Some(noted) = noted.get_mut(first..) {
        noted.sort_by_key(|one| one.constant.span.start);
    }
}

/// The brackets that are open, and the constants that are elements in them.
#[derive(Default)]
struct OpenArrays {
    /// How many constants there were at each, and whether it is that of an `ARRAY[`.
    open: Vec<(usize, Option<ArrayFront>)>,
    elements: Vec<StringConstant>,
}

/// What stands in front of an `ARRAY[`.
#[derive(Clone, Copy)]
struct ArrayFront {
    /// A `CAST (`.
    is_cast: bool,
}

impl OpenArrays {
    /// The cursor is at a bracket that opens.
    fn open(&mut self, cursor: &Cursor<'_>) {
        let is_array = cursor.token_is(cursor.previous(), "array");
        let is_cast =
            cursor.back(2).kind == TokenKind::Open && cursor.token_is(cursor.back(3), "cast");
        self.open.push((self.elements.len(), is_array.then_some(ArrayFront { is_cast })));
    }

    fn note(&mut self, constant: StringConstant) {
        if !self.open.is_empty() {
            self.elements.push(constant);
        }
    }

    /// The cursor is at a bracket that closes: a cast to an array of JSON behind it is one of its elements.
    fn close(&mut self, mut cursor: Cursor<'_>, noted: &mut Vec<NotedConstant>) {
        let Some((from, front)) = self.open.pop() else { return };
        cursor.bump();
        let is_cast = front.is_some_and(|front| {
            cursor.eat_kind(TokenKind::Cast) || front.is_cast && cursor.eat("as")
        });
        if is_cast && type_behind_is_json_array(cursor) {
            let elements = self.elements.drain(from..);
            let purpose = ConstantPurpose::JsonByCast;
            noted.extend(
                elements.map(|constant| NotedConstant { constant, purpose: purpose.clone() }),
            );
        } else if self.open.is_empty() {
            self.elements.clear();
        }
    }
}

/// Whether `json[]` or `json ARRAY` stands at the cursor.
fn type_behind_is_json_array(mut cursor: Cursor<'_>) -> bool {
    if cursor.is("pg_catalog") && cursor.peek().kind == TokenKind::Dot {
        cursor.bump();
        cursor.bump();
    }
    let is_json = is_json(&cursor, cursor.token);
    cursor.bump();
    is_json && (cursor.at(TokenKind::OpenBracket) || cursor.is("array"))
}

fn is_json(cursor: &Cursor<'_>, token: Token) -> bool {
    ["json", "jsonb"].iter().any(|word| cursor.token_is(token, word))
        || (token.kind == TokenKind::QuotedName
            && matches!(cursor.bytes(token), b"\"json\"" | b"\"jsonb\""))
}

/// Whether a name in front of an argument is that of the function which makes JSON of a text.
fn is_json_function(cursor: &Cursor<'_>, name: Token, in_front: Token) -> bool {
    is_json(cursor, name) && in_front.kind != TokenKind::Dot
}

/// Whether `::json` stands at the cursor, or `AS json` with `CAST (` as the tokens before the
/// constant. An array of JSON is not meant.
fn is_cast(mut cursor: Cursor<'_>, before: Token, previous: Token) -> bool {
    let function = previous.kind == TokenKind::Open && cursor.token_is(before, "cast");
    if !(cursor.eat_kind(TokenKind::Cast) || (function && cursor.eat("as"))) {
        return false;
    }
    if cursor.is("pg_catalog") && cursor.peek().kind == TokenKind::Dot {
        cursor.bump();
        cursor.bump();
    }
    let is_json = is_json(&cursor, cursor.token);
    cursor.bump();
    is_json && !cursor.at(TokenKind::OpenBracket) && !cursor.is("array")
}

/// The numbers of the parameters that casts make `json` or `jsonb`, also by way of a string:
/// `$1::jsonb`, `CAST($1 AS json)`, `CAST($1 AS text)::jsonb`. Parentheses do not matter.
pub(super) fn parameters_cast_to_json(mut cursor: Cursor<'_>) -> Vec<u16> {
    let mut numbers = Vec::new();
    while !cursor.at(TokenKind::End) {
        if cursor.at(TokenKind::Parameter)
            && let Some(number) = parameter(cursor.bytes(cursor.token))
            && becomes_json(cursor)
        {
            numbers.push(number);
        }
        cursor.bump();
    }
    numbers
}

/// Whether casts make JSON of the value at the cursor.
fn becomes_json(cursor: Cursor<'_>) -> bool {
    /// Casts and parentheses around a value that are looked at.
    const STEPS_MAX: usize = 16;
    // How far in front of the cursor what stands around the value so far begins.
    let mut before = 1;
    let mut behind = cursor;
    behind.bump();
    for _ in 0..STEPS_MAX {
        let is_open = cursor.back(before).kind == TokenKind::Open;
        let front = cursor.back(before + 1);
        // Else it is an argument of a function.
        let is_alone = !is_name(front.kind) || is_reserved(cursor.bytes(front));
        if behind.at(TokenKind::Cast) {
            behind.bump();
        } else if is_open && is_alone && behind.at(TokenKind::Close) {
            before += 1;
            behind.bump();
            continue;
        } else if is_open && cursor.token_is(front, "cast") && behind.eat("as") {
            before += 2;
            match type_behind(&mut behind) {
                Some(is_json) if behind.eat_kind(TokenKind::Close) => {
                    if is_json {
                        return true;
                    }
                    continue;
                }
                _ => return false,
            }
        } else {
            let is_argument = is_open && behind.at(TokenKind::Close);
            return is_argument && is_json_function(&cursor, front, cursor.back(before + 2));
        }
        match type_behind(&mut behind) {
            Some(true) => return true,
            Some(false) => {}
            None => return false,
        }
    }
    false
}

/// Passes the type of a cast: whether it is JSON; `None` for one that is neither that nor a string.
fn type_behind(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.is("pg_catalog") && cursor.peek().kind == TokenKind::Dot {
        cursor.bump();
        cursor.bump();
    }
    let is_json = is_json(cursor, cursor.token);
    let is_string = cursor.is_any(&["text", "varchar", "character"]);
    if !is_json && !is_string {
        return None;
    }
    cursor.bump();
    cursor.eat("varying");
    if is_string && cursor.at(TokenKind::Open) {
        cursor.skip_brackets().ok()?;
    }
    while cursor.at(TokenKind::OpenBracket) {
        cursor.skip_brackets().ok()?;
    }
    Some(is_json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    fn noted(sql: &str) -> Vec<NotedConstant> {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let mut scratch = Scratch::default();
        Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch).constants
    }

    #[test]
    fn casts_to_json_are_found() {
        let found = |sql: &str| -> Vec<String> {
            let noted = noted(sql).into_iter();
            let casts = noted.filter(|noted| noted.purpose == ConstantPurpose::JsonByCast);
            casts.map(|noted| sql[noted.constant.span].to_owned()).collect()
        };
        for sql in [
            r"SELECT [\u0000]::jsonb",
            r"SELECT [\u0000] :: /* c */ pg_catalog.json",
            r#"SELECT [\u0000]::"jsonb", '\u0000'"#,
            r"SELECT CAST ( [\u0000] AS JSON)",
            r"SELECT json [\u0000]",
            r"SELECT jsonb([\u0000])",
            r"SELECT pg_catalog.jsonb [\u0000] -> 'a'",
        ] {
            for constant in ["'X'", "E'X'", "$$X$$", "U&'X' UESCAPE '!'"] {
                let constant = constant.replace('X', "\\u0000");
                let without_uescape = constant.replace(" UESCAPE '!'", "");
                let sql = sql.replace(r"[\u0000]", &constant);
                assert_eq!(found(&sql), [without_uescape], "{sql}");
            }
        }
        for sql in [
            r"SELECT '\u0000', '{}'::json",
            r"SELECT '\u0000'::jsonb[], '\u0000'::json ARRAY, CAST('\u0000' AS jsonb[])",
            r"SELECT '\u0000'::text, f('\u0000' AS json), '\u0000'::x.json",
            r"SELECT '\u0001'::jsonb /* \u0000 */",
            r"SELECT x.jsonb('\u0000'), jsonb('\u0000', 1), f('\u0000')",
            r"SELECT ARRAY['\u0000'], ARRAY['\u0000']::text[], x['\u0000']::jsonb[], ARRAY[f('\u0000')]::jsonb[]",
            r"SELECT ARRAY['\u0000' || 'x']::jsonb[], f(ARRAY['\u0000'] AS jsonb[]), ']\u0000['::jsonb[]",
        ] {
            assert!(found(sql).is_empty(), "{sql}");
        }
        for sql in [
            r"SELECT ARRAY['1', '\u0000']::jsonb[]",
            r"SELECT CAST(ARRAY['\u0000', x[1]] AS pg_catalog.json[])",
            r"SELECT ARRAY[ARRAY['1'], ARRAY['\u0000']]::json[][]",
            r"SELECT ARRAY[['\u0000']]::json[], ARRAY['\u0000']",
        ] {
            assert_eq!(found(sql), [r"'\u0000'"], "{sql}");
        }
        assert_eq!(found(r"SELECT '\ud83d'::json, '\uDE00', '\u0001'::json"), [r"'\ud83d'"]);
        let both = r"SELECT ARRAY['1\u0000', '2\u0000'::jsonb]::jsonb[]";
        assert_eq!(found(both), [r"'1\u0000'", r"'2\u0000'"]);
    }

    #[test]
    fn parameters_that_casts_make_json_are_found() {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        for (sql, expected) in [
            ("SELECT $1::jsonb, $2 :: pg_catalog.json, $3::text", &[1, 2][..]),
            ("SELECT CAST($1 AS jsonb), CAST (($2) AS json), CAST($3 AS int)", &[1, 2]),
            (
                "SELECT ($1)::jsonb, (($2)::varchar(9))::jsonb, $3::character varying::json",
                &[1, 2, 3],
            ),
            ("SELECT CAST(CAST($1 AS varchar(4000)) AS jsonb), CAST($2 AS text)::jsonb", &[1, 2]),
            ("SELECT f(x, $1::jsonb)->$2, $3::jsonb[]", &[1, 3]),
            ("SELECT $1::int::jsonb, f($2)::jsonb, ($3, 1)::json, $4 || ''::json", &[]),
            ("SELECT CAST($1 AS jsonb", &[]),
            ("SELECT jsonb($1), json((($2)::text)), f($3), x.json($4), json($5, 1)", &[1, 2]),
        ] {
            let mut scratch = Scratch::default();
            let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
            assert_eq!(script.json_parameters(sql.as_bytes()), expected, "{sql}");
        }
    }
}
