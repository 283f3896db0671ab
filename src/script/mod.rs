//! A file of SQL as the client program of its engine reads it: decoded, and cut into statements, lines for
//! the client, rows, and what ends a statement. Uses no other module.

mod batch;
mod clauses;
mod commands;
mod cutter;
mod decode;
mod marks;
mod readable;

use std::ops::Range;

pub use clauses::{TableDefinition, foreign_clauses, table_definitions, unterminated};
pub use cutter::segments;
pub use decode::{FileEncoding, TextUnits, decode, encode};
pub use readable::readable;

/// The program that reads a script of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientProgram {
    /// psql, of PostgreSQL. Scripts with the types of AWS DMS are taken for its own.
    Psql,
    /// sqlcmd, of SQL Server.
    Sqlcmd,
    /// isql, of SAP ASE.
    Isql,
    /// SQL*Plus, of Oracle.
    SqlPlus,
    /// mysql, of MySQL and MariaDB.
    Mysql,
    /// The command line processor of Db2, and SPUFI.
    Db2,
}

impl ClientProgram {
    /// Its name, as a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            ClientProgram::Psql => "psql",
            ClientProgram::Sqlcmd => "sqlcmd",
            ClientProgram::Isql => "isql",
            ClientProgram::SqlPlus => "SQL*Plus",
            ClientProgram::Mysql => "mysql",
            ClientProgram::Db2 => "db2",
        }
    }

    /// The program for a source of the mapping.
    pub fn of(source: &str) -> ClientProgram {
        match source {
            "sqlserver" => ClientProgram::Sqlcmd,
            "sap-ase" => ClientProgram::Isql,
            "oracle" => ClientProgram::SqlPlus,
            "mysql" | "mariadb" | "aurora-mysql" => ClientProgram::Mysql,
            "db2-luw" | "db2-zos" => ClientProgram::Db2,
            _ => ClientProgram::Psql,
        }
    }
}

/// A part of a script. What lies between two parts is blanks and comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its bytes in the script.
    pub span: Range<usize>,
    /// What it is.
    pub kind: SegmentKind,
}

/// What a part of a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// What the client sends to the server: one statement, or the batch of sqlcmd and isql.
    Statement {
        /// Whether a backslash escapes in a plain string constant, so far as the script says so.
        has_backslash_escapes: bool,
    },
    /// A line that the client carries out itself.
    Command,
    /// What ends a statement: `;`, GO, `/`, or what the script has made the delimiter.
    Terminator,
    /// Rows behind `COPY ... FROM stdin;`, with the `\.` that ends them.
    Rows,
}

#[cfg(test)]
mod tests;
