//! How far a text reaches beyond its own words: the relations whose rows it writes, the functions that it
//! names, and whether it may run code in ways that are not looked into. Finds, changes nothing.

use super::cursor::{Cursor, is_name};
use super::lexer::{Token, TokenKind};
use super::name::{kept_name, kept_parts};
use super::parts::{Body, Statement};
use super::script::Script;
use crate::encoding::Encoding;

/// Functions that one text may name; what names more is taken for a text that may run anything.
const CALLS_MAX: usize = 64;

/// Relations that one text may write to, likewise.
pub const WRITES_MAX: usize = 1_000;

/// How far a text reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The relations whose rows it writes, each once: the parts of their names, as PostgreSQL keeps them.
    pub writes: Vec<Vec<Vec<u8>>>,
    /// The last parts of the names in front of a parenthesis, each once: functions, and other things that
    /// are written like them.
    pub calls: Vec<Vec<u8>>,
    /// It may run any code: definitions, TRUNCATE, CALL, EXECUTE, FETCH, what is not known.
    pub runs_more: bool,
    /// Some of that stands behind an end of a transaction, or of a part of one.
    pub goes_on_behind_end: bool,
    /// Its first statement is such an end: in an aborted transaction it is refused otherwise.
    pub begins_with_end: bool,
}

impl Reach {
    /// The reach of a text that writes and runs nothing.
    pub const NOTHING: Reach = Reach {
        writes: Vec::new(),
        calls: Vec::new(),
        runs_more: false,
        goes_on_behind_end: false,
        begins_with_end: false,
    };

    /// The reach of a text that was not read.
    pub fn unknown() -> Reach {
        Reach {
            runs_more: true,
            goes_on_behind_end: true,
            begins_with_end: true,
            ..Reach::default()
        }
    }

    /// Whether the text runs nothing but plain reading, and statements about the session and its
    /// transactions.
    pub fn is_nothing(&self) -> bool {
        !self.runs_more && self.writes.is_empty() && self.calls.is_empty()
    }

    /// What it takes in memory beyond itself, in bytes.
    pub fn bytes(&self) -> usize {
        let names = self.writes.iter().flatten().chain(&self.calls);
        names.map(|name| size_of_val(name) + name.len()).sum()
    }

    /// Notes a relation whose rows are written.
    pub fn write(&mut self, name: &[Vec<u8>]) {
        // A name with escapes is not read.
        let is_whole = !name.is_empty() && name.iter().all(|part| !part.is_empty());
        if !is_whole || self.writes.len() >= WRITES_MAX {
            self.runs_more = true;
        } else if !self.writes.iter().any(|known| known == name) {
            self.writes.push(name.to_vec());
        }
    }

    fn call(&mut self, name: Option<Vec<u8>>) {
        let Some(name) = name else {
            self.runs_more = true;
            return;
        };
        if !self.calls.contains(&name) {
            self.runs_more |= self.calls.len() >= CALLS_MAX;
            if !self.runs_more {
                self.calls.push(name);
            }
        }
    }

    /// One more statement, at whose start the cursor is.
    pub(super) fn add(&mut self, mut cursor: Cursor<'_>, encoding: Encoding) {
        if cursor.eat("explain") {
            let options = cursor;
            if cursor.at(TokenKind::Open) && cursor.skip_brackets().is_ok() && at_end(&cursor) {
                // `EXPLAIN (SELECT ...)`
                cursor = options;
            }
            while cursor.is_any(&["analyze", "analyse", "verbose"]) {
                cursor.bump();
            }
        }
        // Signs in front of a query: `(SELECT ...) UNION ...`.
        let mut first = cursor;
        while first.eat_kind(TokenKind::Open) {}
        const READS: &[&str] = &["select", "values", "table", "with", "declare"];
        const WRITES: &[&str] = &["insert", "update", "delete", "merge", "copy"];
        const SESSION: &[&str] = &[
            "begin",
            "start",
            "commit",
            "end",
            "rollback",
            "abort",
            "savepoint",
            "release",
            "prepare",
            "reset",
            "show",
            "listen",
            "unlisten",
            "notify",
            "deallocate",
            "close",
            "lock",
            "discard",
        ];
        if first.is_any(READS) || cursor.is_any(WRITES) {
            self.query(cursor, encoding);
        } else if cursor.is("set") {
            let mut next = cursor;
            next.bump();
            // It runs what was put off; and a value can be no call.
            self.runs_more |= next.is("constraints");
        } else {
            self.runs_more |= !cursor.is_any(SESSION);
        }
    }

    /// A query, or a statement that writes rows: all that it has inside.
    fn query(&mut self, mut cursor: Cursor<'_>, encoding: Encoding) {
        let copies = cursor.is("copy");
        let mut may_begin = true;
        let mut previous = Token { kind: TokenKind::End, start: 0, end: 0 };
        while !at_end(&cursor) {
            let token = cursor.token;
            match token.kind {
                TokenKind::Word => {
                    if may_begin
                        && let Some(verb) = Verb::at(&cursor)
                        && self.target(&mut cursor, verb, encoding)
                    {
                        previous = cursor.previous();
                        may_begin = matches!(previous.kind, TokenKind::Open | TokenKind::Close);
                        continue;
                    }
                    // `SELECT ... INTO` makes a table.
                    self.runs_more |= token.end - token.start == 4 && !copies && cursor.is("into");
                }
                TokenKind::Open if is_name(previous.kind) && !is_syntax(&cursor, previous) => {
                    self.call(kept_name(previous.kind, cursor.bytes(previous), encoding));
                }
                _ => {}
            }
            may_begin = matches!(token.kind, TokenKind::Open | TokenKind::Close);
            previous = token;
            cursor.bump();
        }
    }

    /// Passes a verb and the relation that it writes to; false where there is none, and the cursor stays.
    fn target(&mut self, cursor: &mut Cursor<'_>, verb: Verb, encoding: Encoding) -> bool {
        let mut ahead = *cursor;
        ahead.bump();
        let is_verb = match verb {
            Verb::Insert | Verb::Merge => ahead.eat("into"),
            Verb::Delete => ahead.eat("from"),
            Verb::Update => true,
            Verb::Copy => {
                ahead.eat("binary");
                true
            }
        };
        if !is_verb {
            return false;
        }
        ahead.eat("only");
        let wrapped = ahead.eat_kind(TokenKind::Open);
        let start = ahead.index();
        if ahead.qualified_name().is_err() {
            return false;
        }
        let end = ahead.index();
        if wrapped && !ahead.eat_kind(TokenKind::Close) {
            return false;
        }
        if verb == Verb::Copy {
            let mut behind = ahead;
            if behind.at(TokenKind::Open) && behind.skip_brackets().is_err() {
                return false;
            }
            if behind.is("to") {
                *cursor = behind;
                return true;
            }
            ahead = behind;
        } else if ahead.at(TokenKind::Open) && !wrapped {
            // The columns, or `(SELECT ...)`, which is looked through from its inside.
            ahead.bump();
        }
        let narrow = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        self.write(&kept_parts(*cursor, &(narrow(start)..narrow(end)), encoding));
        *cursor = ahead;
        true
    }
}

impl Script {
    /// How far the text reaches: what it writes and what it may run; [`Script::table_statements`] apart.
    pub fn reach(&self, sql: &[u8]) -> Reach {
        if self.is_too_long {
            return Reach::unknown();
        }
        let (mut reach, mut is_behind_end) = (Reach::default(), false);
        let is_end = |first: &Statement| first.effects.ends_transaction();
        reach.begins_with_end = self.statements.first().is_some_and(is_end);
        for statement in &self.statements {
            if let Body::Write(write) = &statement.body
                && statement.has_only_rows()
            {
                reach.goes_on_behind_end |= is_behind_end;
                reach.write(&write.name);
                continue;
            }
            let is_table = matches!(statement.body, Body::Table(_));
            let cursor = self.statement(&statement.tokens, sql);
            if is_behind_end && !reach.goes_on_behind_end {
                let mut alone = Reach::default();
                alone.add(cursor, self.lexing.encoding);
                reach.goes_on_behind_end = is_table || !alone.is_nothing();
            }
            if !is_table {
                reach.add(cursor, self.lexing.encoding);
            }
            is_behind_end |= statement.effects.ends_transaction();
        }
        reach
    }
}

/// What writes rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Insert,
    Update,
    Delete,
    Merge,
    Copy,
}

impl Verb {
    fn at(cursor: &Cursor<'_>) -> Option<Verb> {
        let verbs = [
            ("insert", Verb::Insert),
            ("update", Verb::Update),
            ("delete", Verb::Delete),
            ("merge", Verb::Merge),
            ("copy", Verb::Copy),
        ];
        verbs.into_iter().find(|(word, _)| cursor.is(word)).map(|(_, verb)| verb)
    }
}

fn at_end(cursor: &Cursor<'_>) -> bool {
    matches!(cursor.token.kind, TokenKind::Semicolon | TokenKind::End)
}

/// Whether a token can be no function, however often a parenthesis follows it.
fn is_syntax(cursor: &Cursor<'_>, token: Token) -> bool {
    const WORDS: &[&str] =
        &["values", "in", "as", "and", "or", "not", "on", "by", "from", "where", "exists"];
    cursor.token_is_any(token, WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::Scratch;

    fn reach(sql: &str) -> Reach {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let mut scratch = Scratch::default();
        let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
        script.reach(sql.as_bytes())
    }

    fn names(parts: &[Vec<u8>]) -> Vec<String> {
        parts.iter().map(|part| String::from_utf8(part.clone()).unwrap()).collect()
    }

    #[test]
    fn the_relations_that_a_text_writes_are_found() {
        for (sql, expected) in [
            ("INSERT INTO a VALUES (1, 'x'), (2, 'y')", "a"),
            ("insert into S.\"A\" (x, y) SELECT x, y FROM b RETURNING x", "s.A"),
            ("UPDATE ONLY a SET x = 1; DELETE FROM b WHERE x = 1 FOR UPDATE", "a b"),
            ("UPDATE ONLY (a) SET x = 1", "a"),
            (
                "WITH d AS (DELETE FROM a RETURNING *), i AS (INSERT INTO b SELECT * FROM d) \
              UPDATE c SET x = 1",
                "a b c",
            ),
            ("INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET x = 2", "a"),
            (
                "MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN UPDATE SET y = 1 \
              WHEN NOT MATCHED THEN INSERT (x) VALUES (1)",
                "a",
            ),
            ("COPY a (x, y) FROM STDIN WITH (FORMAT csv)", "a"),
            ("COPY a TO STDOUT; COPY (DELETE FROM b RETURNING x) TO STDOUT", "b"),
            ("EXPLAIN (ANALYZE) INSERT INTO a VALUES (1)", "a"),
            ("EXPLAIN ANALYZE VERBOSE DELETE FROM a", "a"),
            ("BEGIN; SAVEPOINT s; RELEASE s; SET x = 1; COMMIT; PREPARE p AS DELETE FROM a", ""),
        ] {
            let reach = reach(sql);
            let found: Vec<String> =
                reach.writes.iter().map(|name| names(name).join(".")).collect();
            assert_eq!(found.join(" "), expected, "{sql}");
            assert!(!reach.runs_more, "{sql}");
        }
    }

    #[test]
    fn what_may_run_code_is_found() {
        for (sql, calls, more) in [
            ("SELECT 1", "", false),
            ("INSERT INTO a (x) VALUES (f(1), g.h (2)), (F(3), \"G\"(4))", "f h G", false),
            ("SELECT max(x) FROM a WHERE x IN (1, 2) AND (y = 1)", "max", false),
            ("(SELECT f(1)) UNION SELECT 2", "f", false),
            ("SELECT 1 INTO b FROM a", "", true),
            ("TABLE a; VALUES (1); SHOW x; DECLARE c CURSOR FOR SELECT f()", "f", false),
            ("FETCH c", "", true),
            ("CREATE TABLE a (x int)", "", false),
            ("CREATE TABLE a AS SELECT 1; DROP VIEW v", "", true),
            ("DO $$ BEGIN END $$", "", true),
            ("CALL p()", "", true),
            ("EXECUTE p(1)", "", true),
            ("SET CONSTRAINTS ALL IMMEDIATE", "", true),
            ("SET x = 1", "", false),
            ("INSERT INTO U&\"a\" VALUES (1)", "", true),
        ] {
            let reach = reach(sql);
            assert_eq!(
                (names(&reach.calls).join(" ").as_str(), reach.runs_more),
                (calls, more),
                "{sql}"
            );
        }
        let many: Vec<String> = (0..100).map(|number| format!("f{number}()")).collect();
        assert!(reach(&format!("SELECT {}", many.join(", "))).runs_more);
    }

    #[test]
    fn what_stands_behind_an_end_is_found() {
        for (sql, expected) in [
            ("DO $$ BEGIN END $$; ROLLBACK TO SAVEPOINT a", false),
            ("INSERT INTO a VALUES (1); COMMIT; BEGIN; SAVEPOINT a", false),
            ("INSERT INTO a VALUES (1); COMMIT; SELECT 1", false),
            ("COMMIT; INSERT INTO a VALUES (1)", true),
            ("INSERT INTO a VALUES (1); ROLLBACK; INSERT INTO a VALUES (1)", true),
            ("ROLLBACK TO a; SELECT f()", true),
            ("COMMIT; TRUNCATE a; SELECT 1", true),
            ("COMMIT; DROP TABLE a", true),
        ] {
            assert_eq!(reach(sql).goes_on_behind_end, expected, "{sql}");
        }
        assert!(reach("ROLLBACK TO a; SELECT f()").begins_with_end);
        assert!(!reach("INSERT INTO a VALUES (1); COMMIT; CALL p()").begins_with_end);
    }
}
