//! Where statements begin within a batch of Transact-SQL, which needs nothing between them.

use super::marks::is_word;

/// What is stored with the text up to the end of its batch.
const WHOLE_BATCHES: [&[u8]; 5] = [b"FUNCTION", b"PROC", b"PROCEDURE", b"TRIGGER", b"VIEW"];

/// Words that begin a statement where they begin a line.
const FIRST_WORDS: [&[u8]; 15] = [
    b"ALTER",
    b"CREATE",
    b"DECLARE",
    b"DELETE",
    b"DROP",
    b"EXEC",
    b"EXECUTE",
    b"GRANT",
    b"INSERT",
    b"MERGE",
    b"PRINT",
    b"SET",
    b"TRUNCATE",
    b"UPDATE",
    b"USE",
];

/// Words that begin a statement, or end a block, behind the definition of something other than a routine.
const BEHIND_DEFINITIONS: [&[u8]; 9] =
    [b"BEGIN", b"COMMIT", b"ELSE", b"END", b"IF", b"RAISERROR", b"RETURN", b"SELECT", b"WHILE"];

/// What DROP drops that ALTER TABLE does not.
const DROPPED: [&[u8]; 8] =
    [b"FUNCTION", b"INDEX", b"PROC", b"PROCEDURE", b"TABLE", b"TRIGGER", b"TYPE", b"VIEW"];

/// Whether a statement with these first words, in upper case, goes to the end of its batch.
pub(super) fn is_whole_batch(words: &[Vec<u8>]) -> bool {
    let mut words = words.iter().map(Vec::as_slice);
    let defines = matches!(words.next(), Some(b"CREATE" | b"ALTER"));
    let kind = words.find(|word| !matches!(*word, b"OR" | b"ALTER" | b"REPLACE"));
    defines && kind.is_some_and(|kind| WHOLE_BATCHES.contains(&kind))
}

/// Whether a word that begins a line begins a statement. `behind` is the text behind it, `first` the first word
/// of the statement in front of it, in upper case.
pub(super) fn begins_statement(word: &[u8], behind: &[u8], first: &[u8]) -> bool {
    let is_this = |known: &&&[u8]| word.eq_ignore_ascii_case(known);
    if matches!(first, b"CREATE" | b"DROP")
        && BEHIND_DEFINITIONS.iter().any(|known| is_this(&known))
    {
        return true;
    }
    let Some(word) = FIRST_WORDS.iter().find(is_this) else { return false };
    let behind = behind.trim_ascii_start();
    let length = behind.iter().take_while(|byte| is_word(**byte)).count();
    let next = behind.get(..length).unwrap_or_default().to_ascii_uppercase();
    match *word {
        // Parts of ALTER TABLE.
        b"ALTER" => next != b"COLUMN",
        b"DROP" => first != b"ALTER" || DROPPED.contains(&&*next),
        b"GRANT" => next != b"OPTION",
        // Parts of MERGE, and of ON DELETE and ON UPDATE.
        b"INSERT" => !matches!(&*next, b"VALUES" | b"DEFAULT") && !behind.starts_with(b"("),
        b"DELETE" | b"UPDATE" => {
            let is_part = matches!(&*next, b"CASCADE" | b"NO" | b"SET");
            !is_part && (length > 0 || behind.starts_with(b"["))
        }
        b"SET" => length > 0 && !matches!(first, b"UPDATE" | b"MERGE" | b"ALTER"),
        _ => true,
    }
}
