//! The questions of the proxy's own as data: what is asked, and whose answer it is. Knows SQL texts; may
//! not know what is done with an answer.

use super::parking::KeptTable;
use super::settle::{ROLE_NOT_SET, Settle};
use crate::catalog;
use crate::encoding::Encoding;
use crate::ledger::target::NOT_WRITTEN;
use crate::parking::CAUGHT;

/// What is asked, and with that who hears the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum Question {
    /// Settings and role.
    Settle(Settle),
    /// Relations, functions and types of the target.
    Catalog(catalog::CatalogQuestion),
    /// Whether the target answers such a question about its catalogs.
    Trial(catalog::CatalogQuestion),
    /// What is under the types of a prepared statement's parameters.
    TypesOf {
        /// The statement.
        statement: Box<[u8]>,
        /// The types of its parameters.
        oids: Vec<u32>,
        /// The question about those that are not known.
        question: catalog::CatalogQuestion,
    },
    /// The types of the parameters of this prepared statement of the client's.
    Parameters(Box<[u8]>),
    /// Foreign keys are parked.
    Park {
        /// The statement.
        sql: String,
        /// Whether it is about all of them.
        all: bool,
    },
    /// Foreign keys of tables are parked on which the role would silence more than them.
    ParkKeys {
        /// The statement.
        sql: String,
        /// The tables, each for a warning.
        tables: Vec<KeptTable>,
    },
    /// What was changed is written down.
    Ledger(String),
    /// `standard_conforming_strings` and `client_encoding`.
    Lexing,
    /// Which Syncs the target has answered; asked in place of a message with this tag.
    Probe(u8),
}

impl Question {
    /// The SQL text; empty for what is not asked by a text.
    pub(super) fn sql(&self, server_major: u32, encoding: Encoding) -> String {
        match self {
            Question::Settle(settle) => settle.sql(),
            Question::Catalog(question)
            | Question::Trial(question)
            | Question::TypesOf { question, .. } => question.sql(server_major, encoding),
            Question::Park { sql, .. } | Question::ParkKeys { sql, .. } | Question::Ledger(sql) => {
                sql.clone()
            }
            Question::Lexing => {
                "SELECT pg_catalog.current_setting('standard_conforming_strings'), \
                pg_catalog.current_setting('client_encoding')"
                    .into()
            }
            Question::Parameters(_) | Question::Probe(_) => String::new(),
        }
    }

    /// The DETAIL of the WARNING that tells of an error which the statement has caught.
    pub(super) fn caught(&self) -> Option<&'static str> {
        match self {
            Question::Park { .. } | Question::ParkKeys { .. } => Some(CAUGHT),
            Question::Ledger(_) => Some(NOT_WRITTEN),
            Question::Settle(Settle::Role(_, true)) => Some(ROLE_NOT_SET),
            _ => None,
        }
    }

    /// The name of the prepared statement that is described.
    pub(super) fn statement(&self) -> &[u8] {
        match self {
            Question::Parameters(statement) => statement,
            _ => &[],
        }
    }

    /// Whether what is in force depends on the answer, so that a cancelled question is asked again.
    pub(super) fn settles(&self) -> bool {
        match self {
            Question::Settle(settle) => !matches!(settle, Settle::Script(_)),
            Question::Lexing | Question::Trial(_) => true,
            _ => false,
        }
    }

    /// Whether a cancel of the question was meant for a message of the client's. The session ends with
    /// the failure of the script; and who writes the ledger has left.
    pub(super) fn is_asked_for_the_client(&self) -> bool {
        !matches!(self, Question::Settle(Settle::Script(_)) | Question::Ledger(_))
    }
}
