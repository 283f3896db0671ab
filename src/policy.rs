//! What the configuration asks of every session, and the dms.* settings by which a client changes its own.
//! Plain data: it may not use frames, SQL or sockets.

mod errors;
mod settings;

use std::sync::Arc;

pub use errors::{
    ApplyRules, ErrorAction, ErrorRules, ErrorsMode, Escalation, Escalations, Keep, TableErrors,
    is_about_row,
};
pub use settings::{BadSetting, NAMES, RUN, Settings};

use crate::keyword::keywords;
use crate::mapping::{Mapping, NamePattern, NameRules};
use crate::value::{BadDates, NumbersAsDates, ValuePolicies};
use crate::wire::StartupParameters;

/// What happens to foreign keys during a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForeignKeys {
    /// Their triggers are silenced by `session_replication_role = 'replica'` where that silences nothing
    /// else; elsewhere they are parked.
    #[default]
    Auto,
    /// `session_replication_role = 'replica'` for the whole session, whatever else it silences.
    ReplicaRole,
    /// They are dropped before the first rows, and kept in a journal on the target.
    Park,
    /// They stay as they are.
    Off,
}

keywords!(ForeignKeys {
    "auto" => Auto,
    "replica-role" => ReplicaRole,
    "park" => Park,
    "off" => Off,
});

/// What becomes of DROP TABLE, TRUNCATE and CREATE TABLE from the tool; AWS DMS's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TablePrep {
    /// They go to the target as they are.
    #[default]
    PassThrough,
    /// DROP and TRUNCATE are answered and not done; CREATE is for tables that are not there.
    DoNothing,
    /// DROP and TRUNCATE empty the table; CREATE is for tables that are not there.
    TruncateBeforeLoad,
    /// Foreign keys of tables that are dropped are parked.
    DropAndCreate,
}

impl TablePrep {
    /// Whether statements that prepare tables become others.
    pub fn changes_statements(self) -> bool {
        matches!(self, TablePrep::DoNothing | TablePrep::TruncateBeforeLoad)
    }
}

keywords!(TablePrep {
    "pass-through" => PassThrough,
    "do-nothing" => DoNothing,
    "truncate-before-load" => TruncateBeforeLoad,
    "drop-and-create" => DropAndCreate,
});

/// The part of a migration that a session belongs to; AWS DMS's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadPhase {
    /// Tables are filled one by one, in any order.
    #[default]
    FullLoad,
    /// Changes are applied in commit order, so foreign keys hold.
    Cdc,
}

keywords!(LoadPhase { "full-load" => FullLoad, "cdc" => Cdc });

/// What happens when the target refuses `session_replication_role`, with whatever error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDenied {
    /// The load goes on with foreign keys on, and the client gets a WARNING.
    #[default]
    Warn,
    /// The foreign keys are parked instead.
    Park,
    /// The session ends.
    Fail,
}

keywords!(OnDenied { "warn" => Warn, "park" => Park, "fail" => Fail });

/// What stands between the proxy and the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing that gives one session of the server to several clients; a session behind such a one is refused.
    #[default]
    None,
    /// A pooler that leaves each client its session of the server until it goes.
    Session,
}

keywords!(Pooler { "none" => None, "session" => Session });

/// What the configuration asks of every session.
#[derive(Debug)]
pub struct Policy {
    /// The type mapping.
    pub mapping: Arc<Mapping>,
    /// What schemas, tables and columns are called on the target.
    pub names: NameRules,
    /// The settings that a session starts with.
    pub defaults: Settings,
    /// What sessions of single users or applications start with instead; the first that fits counts.
    pub session_defaults: Vec<SessionDefaults>,
    /// When the target refuses `session_replication_role`.
    pub on_denied: OnDenied,
    /// SQL to run after login, before the client's first statement; AWS DMS's afterConnectScript.
    pub after_connect_script: Option<String>,
    /// Seconds that a statement may take, by `statement_timeout`; 0 leaves it to the server. AWS
    /// DMS's executeTimeout.
    pub execute_timeout_seconds: u32,
    /// What stands between the proxy and the target.
    pub pooler: Pooler,
    /// The longest statement in bytes that is read for types; longer ones pass unread, counted.
    pub statement_bytes_max: usize,
    /// What a session remembers of its prepared statements, in bytes; beyond that a statement passes with
    /// the types that it declares, counted.
    pub session_bytes_max: usize,
    /// The most messages of a client that may wait for an answer; at this number none is read from it.
    pub replies_max: usize,
    /// What is asked of row values beyond a space for U+0000.
    pub values: ValuePolicies,
    /// What is asked of dates of single columns; the first that fits counts.
    pub bad_date_columns: Vec<(ColumnNames, BadDates)>,
    /// What numbers mean in single columns of dates; the first that fits counts.
    pub number_columns: Vec<(ColumnNames, NumbersAsDates)>,
    /// Whether an INSERT may give values to columns `GENERATED ALWAYS AS IDENTITY`.
    pub overrides_identity: bool,
    /// Whether values for columns `GENERATED ALWAYS AS (...) STORED` are left out.
    pub leaves_out_generated: bool,
    /// How long parking waits for each lock, in seconds; 0 is no limit.
    pub lock_timeout_seconds: u32,
    /// What tells these rules from others.
    pub rules: String,
    /// Whether the target is a throw-away server that nobody has asked for.
    pub target_is_unasked: bool,
    /// Whether what was changed is written to `dms_proxy.rewrites` on the target.
    pub writes_ledger: bool,
    /// Where the target is, without user and password, as a client is shown it.
    pub target: String,
    /// The longest message in bytes; PostgreSQL's own limit is 1 GiB.
    pub message_bytes_max: usize,
    /// What becomes of rows that the target refuses.
    pub errors: ErrorRules,
}

/// What sessions start with whose user and application fit.
#[derive(Clone, Debug)]
pub struct SessionDefaults {
    /// The user.
    pub user: NamePattern,
    /// The application_name of the startup packet.
    pub application_name: NamePattern,
    /// What they start with.
    pub settings: Settings,
}

/// Columns, by patterns of schema, table and column.
#[derive(Clone, Debug)]
pub struct ColumnNames {
    /// The schema.
    pub schema: NamePattern,
    /// The table.
    pub table: NamePattern,
    /// The column.
    pub column: NamePattern,
}

impl ColumnNames {
    fn fit(&self, schema: &str, table: &str, column: &str) -> bool {
        self.schema.matches(schema) && self.table.matches(table) && self.column.matches(column)
    }
}

impl Policy {
    /// What a session of this client starts with.
    pub fn defaults_of(&self, startup: &StartupParameters) -> Settings {
        let fits = |defaults: &&SessionDefaults| {
            defaults.user.matches(&startup.user)
                && defaults.application_name.matches(&startup.application_name)
        };
        let found = self.session_defaults.iter().find(fits);
        let settings = found.map_or(self.defaults, |found| found.settings);
        let errors = self.errors.of_session(startup).unwrap_or(settings.errors);
        Settings { errors, ..settings }
    }

    /// The `search_path` under the target's names for the one that a client states at login; `None` where
    /// that stays.
    pub fn search_path_of(&self, startup: &StartupParameters) -> Option<String> {
        let mut settings = self.defaults_of(startup);
        for (name, value) in &startup.dms_settings {
            // What means nothing is told to the client when its session begins.
            let _ = settings.set(name, value);
        }
        let stated = startup.search_path.as_ref().filter(|_| settings.rewrite)?;
        self.names.schema_list(stated)
    }

    /// Whether more is asked of any value than a space for U+0000.
    pub fn judges_values(&self) -> bool {
        !self.values.is_only_spaces()
            || !self.bad_date_columns.is_empty()
            || !self.number_columns.is_empty()
    }

    /// Whether the values of rows have to be read one by one.
    pub fn judges_rows(&self) -> bool {
        self.judges_values() || self.overrides_identity || self.leaves_out_generated
    }

    /// What becomes of bad dates in this column.
    pub fn bad_dates_of(&self, schema: &str, table: &str, column: &str) -> &BadDates {
        let columns = &self.bad_date_columns;
        let found = columns.iter().find(|(names, _)| names.fit(schema, table, column));
        found.map_or(&self.values.bad_dates, |(_, bad_dates)| bad_dates)
    }

    /// What numbers mean in this column, where it has dates.
    pub fn numbers_as_dates_of(&self, schema: &str, table: &str, column: &str) -> NumbersAsDates {
        let columns = &self.number_columns;
        let found = columns.iter().find(|(names, _)| names.fit(schema, table, column));
        found.map_or(self.values.numbers_as_dates, |(_, numbers)| *numbers)
    }

    /// Whether sessions are relayed unread.
    pub fn is_pure_relay(&self) -> bool {
        !self.defaults.rewrite
            && self.defaults.foreign_keys == ForeignKeys::Off
            && self.defaults.table_prep == TablePrep::PassThrough
            && self.session_defaults.is_empty()
            && self.defaults.errors == ErrorsMode::Stop
            && self.errors.tables.is_empty()
            && self.after_connect_script.is_none()
            && self.execute_timeout_seconds == 0
    }
}
