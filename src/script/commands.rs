//! The lines that a client program carries out itself, and those that end a statement.

use super::ClientProgram;

/// Words that begin a command of SQL*Plus, in upper case, each with the letters that are enough.
///
/// Source: SQL*Plus User's Guide and Reference, "SQL*Plus Command Reference".
const SQLPLUS: &[(&str, usize)] = &[
    ("ACCEPT", 3),
    ("APPEND", 1),
    ("ARCHIVE", 7),
    ("ATTRIBUTE", 9),
    ("BREAK", 3),
    ("BTITLE", 3),
    ("CHANGE", 1),
    ("CLEAR", 2),
    ("COLUMN", 3),
    ("COMPUTE", 4),
    ("CONNECT", 4),
    ("COPY", 4),
    ("DEFINE", 3),
    ("DEL", 3),
    ("DESCRIBE", 4),
    ("DISCONNECT", 4),
    ("EDIT", 2),
    ("EXECUTE", 4),
    ("EXIT", 4),
    ("GET", 3),
    ("HELP", 4),
    ("HOST", 2),
    ("INPUT", 1),
    ("LIST", 1),
    ("PASSWORD", 5),
    ("PAUSE", 3),
    ("PRINT", 3),
    ("PROMPT", 3),
    ("QUIT", 4),
    ("RECOVER", 7),
    ("REMARK", 3),
    ("REPFOOTER", 4),
    ("REPHEADER", 4),
    ("RUN", 1),
    ("SAVE", 3),
    ("SET", 3),
    ("SHOW", 3),
    ("SHUTDOWN", 8),
    ("SPOOL", 3),
    ("START", 3),
    ("STARTUP", 7),
    ("STORE", 5),
    ("TIMING", 4),
    ("TTITLE", 3),
    ("UNDEFINE", 5),
    ("VARIABLE", 3),
    ("WHENEVER", 8),
];

/// The line of a script, without blanks around it.
pub(super) struct Line<'t>(pub(super) &'t [u8]);

impl<'t> Line<'t> {
    /// The word at the beginning, up to a blank or a mark.
    fn first(&self) -> &'t [u8] {
        let line = self.0;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = line.iter().take_while(|byte| is_word(byte)).count();
        line.get(..length).unwrap_or_default()
    }

    /// What stands behind the first word, without blanks around it.
    fn rest(&self) -> &'t [u8] {
        self.0.get(self.first().len()..).unwrap_or_default().trim_ascii()
    }

    fn begins(&self, word: &str) -> bool {
        self.first().eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether the line ends a statement wherever it stands.
    pub(super) fn is_separator(&self, program: ClientProgram) -> bool {
        match program {
            ClientProgram::Sqlcmd | ClientProgram::Isql => {
                let rest = self.rest();
                let count = rest.strip_suffix(b";").unwrap_or(rest);
                let is_count = count.iter().all(u8::is_ascii_digit) || count.starts_with(b"--");
                self.begins("GO") && is_count
            }
            ClientProgram::SqlPlus => matches!(self.0, b"/" | b"."),
            _ => false,
        }
    }

    /// Whether the line, in front of which no statement is open, is one for the client.
    pub(super) fn is_command(&self, program: ClientProgram) -> bool {
        match program {
            ClientProgram::Psql => self.0.starts_with(b"\\"),
            ClientProgram::Sqlcmd | ClientProgram::Isql => {
                let is_word = ["RESET", "QUIT", "EXIT", "ED", "!!"]
                    .iter()
                    .any(|word| self.0.eq_ignore_ascii_case(word.as_bytes()));
                self.0.starts_with(b":") || self.0.starts_with(b"!!") || is_word
            }
            ClientProgram::SqlPlus => self.is_sqlplus_command(),
            ClientProgram::Mysql => {
                self.0.starts_with(b"\\")
                    || self.begins("DELIMITER")
                    || self.begins("SOURCE")
                    || (self.begins("USE") && !self.0.contains(&b';'))
            }
            ClientProgram::Db2 => {
                let is_db2 =
                    ["CONNECT", "TERMINATE", "QUIT", "ECHO"].iter().any(|word| self.begins(word));
                let is_update = self.begins("UPDATE")
                    && self
                        .rest()
                        .get(..7)
                        .is_some_and(|rest| rest.eq_ignore_ascii_case(b"COMMAND"));
                self.0.starts_with(b"!") || self.db2_terminator().is_some() || is_db2 || is_update
            }
        }
    }

    fn is_sqlplus_command(&self) -> bool {
        let (first, rest) = (self.first(), self.rest());
        if self.0.starts_with(b"@") || self.0.starts_with(b"!") || self.0.starts_with(b"$") {
            return true;
        }
        let is_rest = |words: &[&str]| {
            let word = Line(rest).first();
            words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
        };
        // SET of SQL, and other commands that only begin alike.
        if self.begins("SET") && is_rest(&["TRANSACTION", "ROLE", "CONSTRAINT", "CONSTRAINTS"]) {
            return false;
        }
        SQLPLUS.iter().any(|(word, enough)| {
            first.len() >= *enough
                && first.len() <= word.len()
                && word
                    .get(..first.len())
                    .is_some_and(|begin| first.eq_ignore_ascii_case(begin.as_bytes()))
        })
    }

    /// Whether the next line belongs to this command.
    pub(super) fn goes_on(&self, program: ClientProgram) -> bool {
        program == ClientProgram::SqlPlus && self.0.ends_with(b"-")
    }

    /// The delimiter that this command sets.
    pub(super) fn delimiter(&self, program: ClientProgram) -> Option<&'t [u8]> {
        let found = match program {
            ClientProgram::Mysql if self.begins("DELIMITER") => {
                self.rest().split(u8::is_ascii_whitespace).next()
            }
            ClientProgram::Db2 => self.db2_terminator(),
            _ => None,
        };
        found.filter(|delimiter| !delimiter.is_empty())
    }

    /// `--#SET TERMINATOR @`
    fn db2_terminator(&self) -> Option<&'t [u8]> {
        const HEAD: &[u8] = b"--#SET TERMINATOR";
        let (head, rest) = self.0.split_at_checked(HEAD.len())?;
        head.eq_ignore_ascii_case(HEAD).then(|| rest.trim_ascii())
    }
}
