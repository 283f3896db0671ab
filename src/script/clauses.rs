//! What a person should know of a statement: the tables that it defines, and clauses that PostgreSQL does not
//! have. Finds words outside of strings, comments and quoted names.

use std::ops::Range;

use super::ClientProgram;
use super::marks::{MarkKind, Marks};

/// The most words between CREATE and TABLE.
const MODIFIERS_MAX: usize = 3;

/// Words between CREATE and TABLE that PostgreSQL has.
const MODIFIERS: [&str; 6] = ["FOREIGN", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED"];

/// A CREATE TABLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// Where its CREATE stands.
    pub start: usize,
    /// Whether the statement begins with it, and CREATE and TABLE have only words of PostgreSQL between them.
    pub is_whole: bool,
}

/// A mark that is neither a blank nor a comment.
struct Mark<'t> {
    kind: MarkKind,
    span: Range<usize>,
    text: &'t [u8],
}

impl Mark<'_> {
    fn is(&self, word: &str) -> bool {
        let is_name = matches!(self.kind, MarkKind::Word | MarkKind::QuotedName);
        is_name && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

fn marks(text: &[u8], program: ClientProgram) -> impl Iterator<Item = Mark<'_>> {
    let rules = Marks::of(program);
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let (kind, end) = rules.next(text, at);
            let span = at..end;
            at = end;
            if !matches!(kind, MarkKind::Blank | MarkKind::Comment) {
                let text = text.get(span.clone()).unwrap_or_default();
                return Some(Mark { kind, span, text });
            }
        }
        None
    })
}

/// The tables that a statement defines, also behind conditions and in bodies, in order.
pub fn table_definitions(text: &[u8], program: ClientProgram) -> Vec<TableDefinition> {
    let mut found = Vec::new();
    // A CREATE, and how many words stand behind it.
    let mut open: Option<(TableDefinition, usize)> = None;
    for (at, mark) in marks(text, program).enumerate() {
        // The right to create tables.
        if at == 0 && mark.is_any(&["DENY", "GRANT", "REVOKE"]) {
            break;
        }
        if mark.is("CREATE") {
            open = Some((TableDefinition { start: mark.span.start, is_whole: at == 0 }, 0));
            continue;
        }
        let Some((table, words)) = open.take() else { continue };
        if mark.is("TABLE") {
            found.push(table);
        } else if mark.kind == MarkKind::Word && words < MODIFIERS_MAX && !mark.is("ON") {
            let is_whole = table.is_whole && mark.is_any(&MODIFIERS);
            open = Some((TableDefinition { is_whole, ..table }, words + 1));
        }
    }
    found
}

/// Where the string, quoted name or comment begins that goes to the end of the text, because nothing ends it.
pub fn unterminated(text: &[u8], program: ClientProgram) -> Option<usize> {
    let rules = Marks::of(program);
    let (mut start, mut last) = (0, MarkKind::Blank);
    let mut at = 0;
    while at < text.len() {
        let (kind, end) = rules.next(text, at);
        (start, last, at) = (at, kind, end);
    }
    let mark = text.get(start..).unwrap_or_default();
    let can_be_open = match last {
        MarkKind::Constant | MarkKind::QuotedName => true,
        MarkKind::Comment => mark.starts_with(b"/*"),
        _ => false,
    };
    // What is open takes in what is appended.
    let longer = [mark, b" "].concat();
    (can_be_open && rules.next(&longer, 0).1 == longer.len()).then_some(start)
}

/// The clauses of a CREATE or ALTER of a table or an index that PostgreSQL does not have, in order: the words by
/// which they are known.
pub fn foreign_clauses(text: &[u8], program: ClientProgram) -> Vec<Range<usize>> {
    let known = known_clauses(program);
    if known.is_empty() {
        return Vec::new();
    }
    let mut marks = marks(text, program).peekable();
    if !marks.peek().is_some_and(|first| first.is_any(&["CREATE", "ALTER"])) {
        return Vec::new();
    }
    let marks: Vec<Mark<'_>> = marks.collect();
    let defines = marks.iter().take(MODIFIERS_MAX + 2).any(|mark| mark.is_any(&["TABLE", "INDEX"]));
    let mut found = Vec::new();
    let mut at = 0;
    while defines && at < marks.len() {
        let length = known
            .iter()
            .filter(|clause| has_clause(&marks, at, clause))
            .map(|clause| clause.len())
            .max();
        if let Some(length) = length
            && let (Some(first), Some(last)) = (marks.get(at), marks.get(at + length - 1))
        {
            found.push(first.span.start..last.span.end);
        }
        at += length.unwrap_or(1);
    }
    found
}

/// Whether a clause stands at a mark, and not as the name of a column.
fn has_clause(marks: &[Mark<'_>], at: usize, clause: &[&str]) -> bool {
    let here = marks.get(at..at + clause.len()).unwrap_or_default();
    let has_words = !here.is_empty() && here.iter().zip(clause).all(|(mark, word)| mark.is(word));
    let before = at.checked_sub(1).and_then(|before| marks.get(before));
    let Some(before) = before.filter(|_| has_words) else { return false };
    let begins_item = matches!(before.text, b"(" | b",");
    match *clause {
        // Reserved where they are clauses, so that no column has the name.
        ["KEY" | "INDEX" | "FULLTEXT" | "SPATIAL"] => begins_item,
        ["UNIQUE", _] => true,
        // With a value it becomes DEFAULT.
        ["WITH", "DEFAULT"] => {
            let next = marks.get(at + clause.len());
            next.is_none_or(|next| matches!(next.text, b"," | b")" | b";") || next.is("NOT"))
        }
        _ => !begins_item && before.text != b"." && !before.is_any(&["ADD", "COLUMN"]),
    }
}

fn known_clauses(program: ClientProgram) -> &'static [&'static [&'static str]] {
    match program {
        ClientProgram::Psql => &[],
        ClientProgram::Mysql => MYSQL,
        ClientProgram::Sqlcmd => SQLSERVER,
        ClientProgram::Isql => SAP_ASE,
        ClientProgram::SqlPlus => ORACLE,
        ClientProgram::Db2 => DB2,
    }
}

/// Source: MySQL 8.0 Reference Manual, "CREATE TABLE Statement", "ALTER TABLE Statement".
const MYSQL: &[&[&str]] = &[
    &["AUTO_INCREMENT"],
    &["AVG_ROW_LENGTH"],
    &["CHANGE"],
    &["CHARACTER", "SET"],
    &["CHARSET"],
    &["CHECKSUM"],
    &["COMMENT"],
    &["ENGINE"],
    &["FULLTEXT"],
    &["INDEX"],
    &["KEY"],
    &["KEY_BLOCK_SIZE"],
    &["MAX_ROWS"],
    &["MODIFY"],
    &["ON", "UPDATE", "CURRENT_TIMESTAMP"],
    &["PACK_KEYS"],
    &["ROW_FORMAT"],
    &["SPATIAL"],
    &["STATS_PERSISTENT"],
    &["UNIQUE", "INDEX"],
    &["UNIQUE", "KEY"],
    &["USING", "BTREE"],
    &["USING", "HASH"],
    &["VIRTUAL"],
];

/// Source: SQL Server documentation, "CREATE TABLE (Transact-SQL)", "CREATE INDEX (Transact-SQL)".
const SQLSERVER: &[&[&str]] = &[
    &["CLUSTERED"],
    &["FILESTREAM_ON"],
    &["IDENTITY"],
    &["NONCLUSTERED"],
    &["NOT", "FOR", "REPLICATION"],
    &["ON", "[PRIMARY]"],
    &["PAD_INDEX"],
    &["PERSISTED"],
    &["ROWGUIDCOL"],
    &["SPARSE"],
    &["TEXTIMAGE_ON"],
    &["WITH", "CHECK"],
    &["WITH", "NOCHECK"],
];

/// Source: SAP ASE Reference Manual: Commands, "create table", "create index".
const SAP_ASE: &[&[&str]] = &[
    &["CLUSTERED"],
    &["EXP_ROW_SIZE"],
    &["IDENTITY"],
    &["IDENTITY_GAP"],
    &["LOCK", "ALLPAGES"],
    &["LOCK", "DATAPAGES"],
    &["LOCK", "DATAROWS"],
    &["MAX_ROWS_PER_PAGE"],
    &["NONCLUSTERED"],
    &["RESERVEPAGEGAP"],
    &["ROUNDROBIN"],
];

/// Source: Oracle Database SQL Language Reference, "CREATE TABLE", "physical_attributes_clause".
const ORACLE: &[&[&str]] = &[
    &["CACHE"],
    &["COMPRESS"],
    &["DEFAULT", "ON", "NULL"],
    &["DISABLE"],
    &["ENABLE"],
    &["ENCRYPT"],
    &["INITRANS"],
    &["INVISIBLE"],
    &["LOGGING"],
    &["MAXTRANS"],
    &["MONITORING"],
    &["NOCACHE"],
    &["NOCOMPRESS"],
    &["NOLOGGING"],
    &["NOMONITORING"],
    &["NOPARALLEL"],
    &["NOVALIDATE"],
    &["ORGANIZATION"],
    &["PARALLEL"],
    &["PCTFREE"],
    &["PCTUSED"],
    &["SEGMENT", "CREATION"],
    &["STORAGE"],
    &["STORE", "AS"],
    &["USING", "INDEX"],
    &["VISIBLE"],
];

/// Source: Db2 11.5 SQL Reference, "CREATE TABLE"; Db2 for z/OS SQL Reference, "CREATE TABLE".
const DB2: &[&[&str]] = &[
    &["AUDIT"],
    &["CCSID"],
    &["COMPACT"],
    &["COMPRESS"],
    &["DATA", "CAPTURE"],
    &["EDITPROC"],
    &["INDEX", "IN"],
    &["LOGGED"],
    &["LONG", "IN"],
    &["NOT", "LOGGED"],
    &["NOT", "VOLATILE"],
    &["ORGANIZE", "BY"],
    &["PRIQTY"],
    &["SECQTY"],
    &["STOGROUP"],
    &["VOLATILE"],
    &["WITH", "DEFAULT"],
];
