//! The clause of an identity column as PostgreSQL has it, where Oracle and Db2 write it in another way: `ON NULL`,
//! options without parentheses or with commas, limits beyond those of the type, options that only they have. Finds,
//! changes nothing.

use super::cursor::Cursor;
use super::lexer::TokenKind;

/// The clause of an identity column.
pub(super) struct IdentityClause<'a> {
    /// At its GENERATED.
    pub(super) first: Cursor<'a>,
    /// Behind its IDENTITY.
    behind: Cursor<'a>,
    is_always: bool,
    /// It is written as PostgreSQL has it, so far.
    is_plain: bool,
}

/// Options that say nothing about the values, or what PostgreSQL does anyway.
const WITHOUT_MEANING: &[&str] = &[
    "extend", "global", "keep", "nocache", "noextend", "nokeep", "noorder", "noscale", "noshard",
    "order", "scale", "session", "shard",
];

impl<'a> IdentityClause<'a> {
    /// The clause of the column whose type was passed, if it is an identity column.
    pub(super) fn find(mut cursor: Cursor<'a>) -> Option<IdentityClause<'a>> {
        loop {
            match cursor.token.kind {
                TokenKind::Comma | TokenKind::Close | TokenKind::Semicolon | TokenKind::End => {
                    return None;
                }
                TokenKind::Open => cursor.skip_brackets().ok()?,
                TokenKind::Word if cursor.is("generated") => {
                    let first = cursor;
                    cursor.bump();
                    let (is_always, mut is_plain) = (!cursor.is("by"), !cursor.is("as"));
                    if !cursor.eat("always") && cursor.eat_all(&["by", "default"]) {
                        is_plain = !cursor.eat_all(&["on", "null"]);
                        cursor.eat_all(&["for", "insert", "only"]);
                        cursor.eat_all(&["for", "insert", "and", "update"]);
                    }
                    if cursor.eat_all(&["as", "identity"]) {
                        return Some(IdentityClause { first, behind: cursor, is_always, is_plain });
                    }
                }
                _ => cursor.bump(),
            }
        }
    }

    /// The clause as PostgreSQL has it for a column of this type, and where it ends. `None` where it is that, or
    /// where it has what is not known here.
    pub(super) fn fitted(&self, type_name: &[u8]) -> Option<(String, usize)> {
        let limit = match type_name.to_ascii_lowercase().as_slice() {
            b"smallint" | b"int2" => i64::from(i16::MAX),
            b"int" | b"integer" | b"int4" => i64::from(i32::MAX),
            _ => i64::MAX,
        };
        let mut cursor = self.behind;
        let mut options = Options { written: Vec::new(), is_plain: self.is_plain, limit };
        let in_parentheses = cursor.eat_kind(TokenKind::Open);
        let mut end = self.behind.previous().end;
        loop {
            if in_parentheses && cursor.at(TokenKind::Close) {
                end = cursor.token.end;
                break;
            }
            if in_parentheses && cursor.eat_kind(TokenKind::Comma) {
                options.is_plain = false;
            } else if options.pass(&mut cursor).is_some() {
                end = cursor.previous().end;
                options.is_plain &= in_parentheses;
            } else if in_parentheses {
                return None;
            } else {
                break;
            }
        }
        let kind = if self.is_always { "ALWAYS" } else { "BY DEFAULT" };
        let list = match options.written.is_empty() {
            true => String::new(),
            false => format!(" ({})", options.written.join(" ")),
        };
        (!options.is_plain).then(|| (format!("GENERATED {kind} AS IDENTITY{list}"), end))
    }
}

/// The options of a sequence.
struct Options {
    written: Vec<String>,
    is_plain: bool,
    /// The greatest number of the type.
    limit: i64,
}

impl Options {
    /// Passes one option; `None` where there is another thing.
    fn pass(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        if cursor.eat_all(&["start", "with", "limit", "value"]) {
            self.is_plain = false;
            return Some(());
        }
        for (words, option) in [
            (&["start", "with"][..], "START WITH"),
            (&["start"], "START"),
            (&["increment", "by"], "INCREMENT BY"),
            (&["increment"], "INCREMENT"),
            (&["minvalue"], "MINVALUE"),
            (&["maxvalue"], "MAXVALUE"),
            (&["restart", "with"], "RESTART WITH"),
            (&["cache"], "CACHE"),
        ] {
            if cursor.eat_all(words) {
                return self.number(cursor, option);
            }
        }
        for (words, option) in [
            (&["nominvalue"][..], "NO MINVALUE"),
            (&["nomaxvalue"], "NO MAXVALUE"),
            (&["nocycle"], "NO CYCLE"),
            (&["no", "minvalue"], "NO MINVALUE"),
            (&["no", "maxvalue"], "NO MAXVALUE"),
            (&["no", "cycle"], "NO CYCLE"),
            (&["cycle"], "CYCLE"),
        ] {
            if cursor.eat_all(words) {
                self.is_plain &= words.len() == 2 || option == "CYCLE";
                self.written.push(option.to_owned());
                return Some(());
            }
        }
        let without_meaning = cursor.eat_all(&["no", "cache"])
            || cursor.eat_all(&["no", "order"])
            || WITHOUT_MEANING.iter().any(|word| cursor.eat(word));
        self.is_plain &= !without_meaning;
        without_meaning.then_some(())
    }

    /// The number of an option. A limit beyond the type's is that of the type, which PostgreSQL sets by itself.
    fn number(&mut self, cursor: &mut Cursor<'_>, option: &str) -> Option<()> {
        let sign = match () {
            () if cursor.is_operator("-") => "-",
            () if cursor.is_operator("+") => "+",
            () => "",
        };
        if !sign.is_empty() {
            cursor.bump();
        }
        let digits = std::str::from_utf8(cursor.bytes(cursor.token)).ok()?;
        if !cursor.eat_kind(TokenKind::Number) {
            return None;
        }
        let number: Option<i128> = digits.parse().ok();
        let is_beyond = number.is_none_or(|number| number > i128::from(self.limit));
        if is_beyond && matches!(option, "MINVALUE" | "MAXVALUE") {
            self.is_plain = false;
        } else {
            self.written.push(format!("{option} {sign}{digits}"));
        }
        Some(())
    }
}
