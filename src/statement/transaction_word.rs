//! What a statement says of its transaction, by its words. Reads tokens; knows no session.

use super::cursor::{Cursor, is_text};
use super::lexer::TokenKind;
use super::parts::Statement;
use super::script::Script;

/// What a statement says of its transaction. One that the server does not understand may say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionWord {
    /// BEGIN or START TRANSACTION.
    Begins,
    /// COMMIT, END or PREPARE TRANSACTION, which the server is sure to understand.
    Commits,
    /// The same of ROLLBACK and ABORT.
    RollsBack,
    /// It is refused outside of a transaction block: savepoints, and AND CHAIN.
    NeedsBlock,
    /// The same where it is the only one of its text: LOCK, and DECLARE of a cursor that is not held.
    NeedsBlockAlone,
}

impl Script {
    /// What a statement of the text says of its transaction.
    pub fn transaction_word(&self, statement: &Statement, sql: &[u8]) -> Option<TransactionWord> {
        TransactionWord::at(self.statement_cursor(statement, sql))
    }
}

impl TransactionWord {
    /// What the statement says whose first token is at the cursor, and whose last one ends the text.
    pub(super) fn at(mut cursor: Cursor<'_>) -> Option<TransactionWord> {
        if cursor.is("begin") || cursor.eat_all(&["start", "transaction"]) {
            return Some(TransactionWord::Begins);
        }
        if cursor.is_any(&["savepoint", "release"]) {
            return Some(TransactionWord::NeedsBlock);
        }
        if cursor.is("lock") || cursor.is("declare") && !holds(cursor) {
            return Some(TransactionWord::NeedsBlockAlone);
        }
        if cursor.eat_all(&["prepare", "transaction"]) {
            let is_name = is_text(cursor.token.kind);
            cursor.bump();
            return (is_name && is_over(cursor)).then_some(TransactionWord::Commits);
        }
        let word = match () {
            () if cursor.eat("commit") || cursor.eat("end") => TransactionWord::Commits,
            () if cursor.eat("rollback") || cursor.eat("abort") => TransactionWord::RollsBack,
            () => return None,
        };
        let _ = cursor.eat("work") || cursor.eat("transaction");
        if cursor.is("to") || cursor.eat_all(&["and", "chain"]) {
            return Some(TransactionWord::NeedsBlock);
        }
        cursor.eat_all(&["and", "no", "chain"]);
        is_over(cursor).then_some(word)
    }
}

fn is_over(cursor: Cursor<'_>) -> bool {
    cursor.at(TokenKind::End)
}

/// Whether a DECLARE has the words WITH HOLD.
fn holds(mut cursor: Cursor<'_>) -> bool {
    while !is_over(cursor) {
        if cursor.eat("with") && cursor.is("hold") {
            return true;
        }
        cursor.bump();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::TransactionWord as Word;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{Scratch, Script};

    #[test]
    fn words_say_what_the_server_does_outside_of_a_block() {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let cases: [(&str, Option<Word>); 26] = [
            ("BEGIN", Some(Word::Begins)),
            ("/* a */ begin work", Some(Word::Begins)),
            ("START TRANSACTION READ ONLY", Some(Word::Begins)),
            ("START", None),
            ("COMMIT", Some(Word::Commits)),
            ("end work", Some(Word::Commits)),
            ("COMMIT AND NO CHAIN;", Some(Word::Commits)),
            ("COMMIT AND CHAIN", Some(Word::NeedsBlock)),
            ("COMMIT NOW", None),
            ("COMMIT PREPARED 'a'", None),
            ("PREPARE TRANSACTION 'a'", Some(Word::Commits)),
            ("PREPARE TRANSACTION a", None),
            ("PREPARE transaction AS SELECT 1", None),
            ("ROLLBACK TRANSACTION", Some(Word::RollsBack)),
            ("ABORT", Some(Word::RollsBack)),
            ("ROLLBACK WORK TO SAVEPOINT a", Some(Word::NeedsBlock)),
            ("ROLLBACK PREPARED 'a'", None),
            ("ROLLBACK AND", None),
            ("SAVEPOINT a", Some(Word::NeedsBlock)),
            ("RELEASE a", Some(Word::NeedsBlock)),
            ("LOCK t", Some(Word::NeedsBlockAlone)),
            ("DECLARE c CURSOR FOR SELECT 1", Some(Word::NeedsBlockAlone)),
            ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", None),
            ("DECLARE c CURSOR WITHOUT HOLD FOR SELECT 1", Some(Word::NeedsBlockAlone)),
            ("INSERT INTO t VALUES (1)", None),
            ("SELECT 1", None),
        ];
        for (sql, expected) in cases {
            let sql = sql.as_bytes();
            let script = Script::read(sql, Lexing::default(), &mapping, &mut Scratch::default());
            let word = script.transaction_word(&script.statements[0], sql);
            assert_eq!(word, expected, "{}", sql.escape_ascii());
        }
    }
}
