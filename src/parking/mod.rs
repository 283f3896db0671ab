//! The SQL of parking foreign keys, of the journal that is kept of them, and the spelling of names
//! and constants in SQL. Pure text: a session of a client can run it as well as the commands do.
//! May touch nothing but `encoding`.
//!
//! All of it holds on PostgreSQL 9.4 and later: columns that newer catalogs have are read through
//! `row_to_json`, which gives NULL where there is no such column.

mod foreign_keys;
mod journal;
mod park;
mod scope;
pub mod spelling;
pub mod trust;

pub use foreign_keys::{add_sql, comment_sql, foreign_keys_sql, touches, validate_sql};
pub use journal::{
    ADVISORY_LOCK_KEY, MARKER, all_parked_sql, blockers_sql, journal_fault_sql, journal_key,
    lock_journal_sql, lock_sql, marked_sql, parked_sql, unmark_sql,
};
pub use park::{CAUGHT, park_keys_softly_sql, park_one_sql, park_softly_sql, park_sql};
pub use scope::{Scope, TableName};
