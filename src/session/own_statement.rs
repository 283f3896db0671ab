//! The proxy's own statements in a client's session: reading the dms.* settings, setting the
//! replication role, the script after login. Their text, and what their answers mean.

use super::ledger_entries::create_sql;
use crate::close_out::sql::CAUGHT;
use crate::policy::{BadSetting, NAMES, Settings};
use crate::wire::{self, OwnError, tag};

/// The two values of `session_replication_role` that the proxy sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Triggers of foreign keys do not fire.
    Replica,
    /// The server's default.
    Origin,
}

/// One of the proxy's own statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OwnStatement {
    /// Asks for the dms.* settings in force: only the server knows what transactions, savepoints,
    /// roles and PGOPTIONS have made of them.
    ReadSettings,
    /// Sets `session_replication_role`.
    SetRole(Role),
    /// Sets `statement_timeout` to so many seconds.
    SetTimeout(u32),
    /// The configured script.
    AfterConnect(String),
    /// Adds to the target's table of what was changed.
    WriteLedger {
        /// The INSERT.
        insert: String,
        /// Whether the table is made first.
        creates: bool,
    },
    /// Parks foreign keys.
    Park {
        /// The statement.
        sql: String,
        /// Whether it is about all of them.
        all: bool,
    },
    /// Asks for the types of a function's arguments.
    Arguments(u32),
    /// Asks what is under types that users have made.
    UserTypes(Vec<u32>),
    /// Asks for the columns of a relation.
    Columns {
        /// Its schema, if the client's text names one.
        schema: Option<String>,
        /// Its name.
        table: String,
        /// The major version of the server: what its catalog has.
        major: u32,
    },
    /// Asks for the parameters of the prepared statement of this name, as if they were columns.
    Prepared(String),
}

impl OwnStatement {
    /// The SQL text.
    pub(super) fn sql(&self) -> String {
        match self {
            OwnStatement::ReadSettings => {
                let columns =
                    NAMES.map(|name| format!("pg_catalog.current_setting('dms.{name}', true)"));
                format!("SELECT {}", columns.join(", "))
            }
            OwnStatement::SetRole(Role::Replica) => {
                "SET session_replication_role = 'replica'".into()
            }
            OwnStatement::SetRole(Role::Origin) => "SET session_replication_role = 'origin'".into(),
            OwnStatement::SetTimeout(seconds) => format!("SET statement_timeout = '{seconds}s'"),
            OwnStatement::AfterConnect(script) => script.clone(),
            OwnStatement::WriteLedger { insert, creates } => match creates {
                true => create_sql() + insert,
                false => insert.clone(),
            },
            OwnStatement::Park { sql, .. } => sql.clone(),
            OwnStatement::Arguments(function) => {
                format!("SELECT proargtypes FROM pg_catalog.pg_proc WHERE oid = {function}")
            }
            OwnStatement::UserTypes(oids) => user_types_sql(oids),
            OwnStatement::Columns { schema, table, major } => {
                columns_sql(schema.as_deref(), table, *major)
            }
            OwnStatement::Prepared(name) => prepared_sql(name),
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

/// What the target answered to one of our statements so far.
#[derive(Debug, Default)]
pub(super) struct OwnAnswer {
    /// The rows.
    pub(super) rows: Vec<Vec<Option<Vec<u8>>>>,
    /// The error, where there was one; or one that the statement has caught and warns of.
    pub(super) error: Option<OwnFailure>,
}

/// An error that the target raised for one of our statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnFailure {
    pub(super) sqlstate: String,
    pub(super) message: String,
}

impl OwnAnswer {
    /// Takes note of one frame of the answer.
    pub(super) fn on_frame(&mut self, frame_tag: u8, body: &[u8]) {
        match frame_tag {
            tag::DATA_ROW => {
                let columns = wire::data_row_text(body).unwrap_or_default();
                self.rows.push(columns.into_iter().map(|value| Some(value?.to_vec())).collect());
            }
            tag::NOTICE_RESPONSE if wire::error_field(body, b'D') != Some(CAUGHT.as_bytes()) => {}
            tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => {
                let field =
                    |code| wire::printable(wire::error_field(body, code).unwrap_or_default());
                self.error = Some(OwnFailure { sqlstate: field(b'C'), message: field(b'M') });
            }
            _ => {}
        }
    }

    /// The settings in force: the defaults, changed by what the target says. Values that mean
    /// nothing are handed back and leave the default.
    pub(super) fn settings(&self, defaults: Settings) -> (Settings, Vec<BadSetting>) {
        let mut settings = defaults;
        let values = self.rows.first().map(Vec::as_slice).unwrap_or_default();
        let bad = NAMES
            .into_iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name, wire::printable(value.as_ref()?))))
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| settings.set(name, &value).err())
            .collect();
        (settings, bad)
    }
}

/// The WARNING for a refused role: foreign keys stay on, so nothing can go wrong silently.
pub(super) fn role_refused(user: &str, server_version: &str, failure: &OwnFailure) -> OwnError {
    let major: u32 = server_version
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    let quoted = user.replace('"', "\"\"");
    let hint = if major >= 15 {
        format!(
            "As a superuser run: GRANT SET ON PARAMETER session_replication_role TO \"{quoted}\"; \
             on a managed service give the role its administrator role (rds_superuser) instead."
        )
    } else {
        "Before PostgreSQL 15 only a superuser may set it; on Amazon RDS grant rds_superuser, or set \
         session_replication_role in the parameter group."
            .to_owned()
    };
    OwnError {
        detail: Some(format!("The target said: {}.", failure.message)),
        ..OwnError::new("42501", "foreign keys stay on: session_replication_role could not be set")
    }
    .with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ForeignKeys, LoadPhase, TablePrep};

    #[test]
    fn unset_settings_leave_the_defaults() {
        let defaults = Settings {
            rewrite: true,
            foreign_keys: ForeignKeys::ReplicaRole,
            phase: LoadPhase::FullLoad,
            table_prep: TablePrep::PassThrough,
        };
        let mut answer = OwnAnswer::default();
        answer.on_frame(tag::DATA_ROW, b"\0\x04\0\0\0\x03cdc\0\0\0\0\xFF\xFF\xFF\xFF\0\0\0\x02xx");
        let (settings, bad) = answer.settings(defaults);
        assert_eq!(settings, Settings { phase: LoadPhase::Cdc, ..defaults });
        assert_eq!(bad.len(), 1);
    }

    #[test]
    fn the_hint_depends_on_the_version() {
        let failure = OwnFailure { sqlstate: "42501".into(), message: "no".into() };
        let hint = |version| role_refused("a\"b", version, &failure).hint.unwrap();
        assert!(hint("15.4 (Debian)").contains("TO \"a\"\"b\""));
        assert!(hint("9.6.24").contains("Before PostgreSQL 15"));
    }
}
