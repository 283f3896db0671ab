//! The questions of the proxy's own as data: what is asked, and whose answer it is. Knows SQL texts; may
//! not know what is done with an answer.

use super::ledger::LedgerWrite;
use super::settling::Settle;

/// What is asked, and with that who hears the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum Question {
    /// Settings and role.
    Settle(Settle),
    /// Relations, functions and types of the target.
    Catalog(CatalogQuestion),
    /// The types of the parameters of this prepared statement of the client's.
    Parameters(Box<[u8]>),
    /// Foreign keys are parked.
    Park {
        /// The statement.
        sql: String,
        /// Whether it is about all of them.
        all: bool,
    },
    /// What was changed is written down.
    Ledger(LedgerWrite),
    /// `standard_conforming_strings` and `client_encoding`.
    Lexing,
    /// Which Syncs the target has answered; asked in place of a message with this tag.
    Probe(u8),
}

impl Question {
    /// The SQL text; empty for what is not asked by a text.
    pub(super) fn sql(&self) -> String {
        match self {
            Question::Settle(settle) => settle.sql(),
            Question::Catalog(question) => question.sql(),
            Question::Park { sql, .. } => sql.clone(),
            Question::Ledger(write) => write.sql(),
            Question::Lexing => "SELECT pg_catalog.current_setting('standard_conforming_strings'), \
                pg_catalog.current_setting('client_encoding')"
                .into(),
            Question::Parameters(_) | Question::Probe(_) => String::new(),
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
            Question::Lexing => true,
            _ => false,
        }
    }

    /// Whether a cancel of the question was meant for a message of the client's. The session ends with
    /// the failure of the script; and who writes the ledger has left.
    pub(super) fn is_asked_for_the_client(&self) -> bool {
        !matches!(self, Question::Settle(Settle::Script(_)) | Question::Ledger(_))
    }
}

/// What is asked of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum CatalogQuestion {
    Arguments(u32),
    UserTypes(Vec<u32>),
    Columns { schema: Option<String>, table: String, major: u32 },
    Prepared(String),
}

impl CatalogQuestion {
    fn sql(&self) -> String {
        match self {
            CatalogQuestion::Arguments(function) => {
                format!("SELECT proargtypes FROM pg_catalog.pg_proc WHERE oid = {function}")
            }
            CatalogQuestion::UserTypes(oids) => user_types_sql(oids),
            CatalogQuestion::Columns { schema, table, major } => {
                columns_sql(schema.as_deref(), table, *major)
            }
            CatalogQuestion::Prepared(name) => prepared_sql(name),
        }
    }
}

/// What is under the type `t`, where `b` is under a domain `t` and `d` under a domain `b`. For an array
/// of a domain it is the array of the type under that.
const TYPE_UNDER: &str = "CASE coalesce(d.typcategory, b.typcategory, t.typcategory) WHEN 'A' \
    THEN (SELECT coalesce(nullif(ed.typarray, 0), nullif(eb.typarray, 0), d.oid, b.oid, t.oid) \
    FROM pg_catalog.pg_type e LEFT JOIN pg_catalog.pg_type eb ON eb.oid = e.typbasetype \
    LEFT JOIN pg_catalog.pg_type ed ON ed.oid = eb.typbasetype \
    WHERE e.oid = coalesce(d.typelem, b.typelem, t.typelem)) \
    ELSE coalesce(d.oid, b.oid, t.oid) END";

/// The text that asks what is under types, as [`columns_sql`] has it.
fn user_types_sql(oids: &[u32]) -> String {
    let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
    format!(
        "SELECT t.oid, {TYPE_UNDER} FROM pg_catalog.pg_type t \
         LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype \
         LEFT JOIN pg_catalog.pg_type d ON d.oid = b.typbasetype WHERE t.oid IN ({})",
        oids.join(", ")
    )
}

/// The text that asks for the columns of a relation, each with the type that is under its domain.
///
/// A failure would abort the client's transaction, so names are compared and not looked up: that
/// needs no right to a schema and takes any spelling.
fn columns_sql(schema: Option<&str>, table: &str, major: u32) -> String {
    let place = match schema {
        Some("pg_temp") => "n.oid = pg_catalog.pg_my_temp_schema()".to_owned(),
        Some(schema) => format!("n.nspname = {}", quoted(schema)),
        None => "pg_catalog.pg_table_is_visible(c.oid)".to_owned(),
    };
    let identity = if major >= 10 { "a.attidentity" } else { "''" };
    let generated = if major >= 12 { "a.attgenerated" } else { "''" };
    let table = quoted(table);
    format!(
        "SELECT n.nspname, c.relname, a.attname, {TYPE_UNDER}, \
         CASE coalesce(d.typcategory, b.typcategory, t.typcategory) WHEN 'A' \
         THEN coalesce(d.typelem, b.typelem, t.typelem) ELSE 0 END, \
         CASE WHEN d.oid IS NOT NULL THEN b.typtypmod WHEN b.oid IS NOT NULL THEN t.typtypmod \
         ELSE a.atttypmod END, a.attnotnull, {identity}, {generated} \
         FROM pg_catalog.pg_attribute a \
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype \
         LEFT JOIN pg_catalog.pg_type d ON d.oid = b.typbasetype \
         WHERE c.relname = {table} AND {place} AND a.attnum > 0 \
         AND NOT a.attisdropped ORDER BY a.attnum"
    )
}

/// The text that asks for the parameters of a prepared statement, in the columns of [`columns_sql`].
fn prepared_sql(name: &str) -> String {
    let name = quoted(name);
    format!(
        "SELECT '', '', '', {TYPE_UNDER}, 0, -1, false, '', '' \
         FROM pg_catalog.pg_prepared_statements p \
         CROSS JOIN LATERAL pg_catalog.unnest(p.parameter_types) WITH ORDINALITY u(oid, number) \
         JOIN pg_catalog.pg_type t ON t.oid = u.oid \
         LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype \
         LEFT JOIN pg_catalog.pg_type d ON d.oid = b.typbasetype \
         WHERE p.name = {name} ORDER BY u.number"
    )
}

/// A constant that reads alike whatever `standard_conforming_strings` is.
fn quoted(text: &str) -> String {
    format!("E'{}'", text.replace('\'', "''").replace('\\', "\\\\"))
}

