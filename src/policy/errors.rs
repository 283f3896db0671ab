//! What becomes of rows that the target refuses: the words of AWS DMS's `ErrorBehavior`. Plain data; it may
//! not use frames, SQL or sockets.

use crate::keyword::keywords;
use crate::mapping::NamePattern;
use crate::wire::StartupParameters;

/// What becomes of a row that the target refuses, and of its table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorAction {
    /// The client gets the server's error, as without the proxy.
    #[default]
    Stop,
    /// The row is left out and counted.
    IgnoreRecord,
    /// The row is left out, and kept to be mended and loaded again.
    LogError,
    /// The row is kept, and so are all rows for its table from then on.
    SuspendTable,
    /// The client gets the server's error.
    StopTask,
    /// An INSERT of a row that is there: it takes the new values.
    InsertRecord,
    /// An UPDATE of a row that is not there: it is inserted.
    UpdateRecord,
}

keywords!(ErrorAction {
    "stop" => Stop,
    "ignore-record" => IgnoreRecord,
    "log-error" => LogError,
    "suspend-table" => SuspendTable,
    "stop-task" => StopTask,
    "insert-record" => InsertRecord,
    "update-record" => UpdateRecord,
});

impl ErrorAction {
    /// Whether the load goes on.
    pub fn goes_on(self) -> bool {
        !matches!(self, ErrorAction::Stop | ErrorAction::StopTask)
    }
}

/// The setting `dms.errors`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorsMode {
    /// Errors are the server's.
    #[default]
    Stop,
    /// Rows that the target refuses are set aside, by the policies of the configuration.
    SetAside,
}

keywords!(ErrorsMode { "stop" => Stop, "set-aside" => SetAside });

/// What of a row is kept that was set aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Its bytes.
    #[default]
    Row,
    /// The values of its primary key.
    Key,
    /// Nothing but where it was, and the SQLSTATE.
    Nothing,
}

keywords!(Keep { "row" => Row, "key" => Key, "nothing" => Nothing });

/// `[errors]`, as sessions want it.
#[derive(Clone, Debug)]
pub struct ErrorRules {
    /// A value that cannot be converted or stored, or a row that a constraint refuses.
    pub data: ErrorAction,
    /// A value that is too long for its column (22001).
    pub data_truncation: ErrorAction,
    /// A load that fails as a whole; `None` where nothing is said.
    pub table: Option<ErrorAction>,
    /// What becomes of changes that do not meet the rows that they are for.
    pub apply: ApplyRules,
    /// What follows when there are many errors.
    pub escalation: Escalations,
    /// The schema of `awsdms_apply_exceptions`, where it is written.
    pub control_schema: Option<String>,
    /// Bytes of rows that are held to be sent again.
    pub batch_bytes: usize,
    /// What of a row is kept.
    pub keep: Keep,
    /// What holds for sessions and tables, the first that fits.
    pub tables: Vec<TableErrors>,
}

/// What becomes of changes that do not meet the rows that they are for; `None` where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApplyRules {
    /// An INSERT of a row that is there.
    pub insert: Option<ErrorAction>,
    /// An UPDATE of a row that is not there.
    pub update: Option<ErrorAction>,
    /// A DELETE of a row that is not there.
    pub delete: Option<ErrorAction>,
    /// All of these are ignored during a full load.
    pub ignores_in_full_load: bool,
}

/// From how many errors on another action is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Escalation {
    /// That number; 0 for never.
    pub count: u64,
    /// The action.
    pub action: ErrorAction,
}

/// What follows when there are many errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Escalations {
    /// Rows of a table that are refused.
    pub data: Escalation,
    /// Changes of a table that do not meet their rows.
    pub apply: Escalation,
    /// Tables that are suspended.
    pub table: Escalation,
}

impl ApplyRules {
    /// Whether nothing is said.
    fn is_empty(self) -> bool {
        self == ApplyRules::default()
    }
}

/// What holds for single users, applications and tables.
#[derive(Clone, Debug)]
pub struct TableErrors {
    /// The user.
    pub user: NamePattern,
    /// The application_name of the startup packet.
    pub application_name: NamePattern,
    /// Schema and table; `None` for what a session starts with.
    pub table: Option<(NamePattern, NamePattern)>,
    /// What holds for them.
    pub mode: ErrorsMode,
}

impl TableErrors {
    fn fits(&self, startup: &StartupParameters) -> bool {
        self.user.matches(&startup.user) && self.application_name.matches(&startup.application_name)
    }
}

impl ErrorRules {
    /// What a session of this client starts with, where an entry without a table says so.
    pub fn of_session(&self, startup: &StartupParameters) -> Option<ErrorsMode> {
        let mut of_sessions = self.tables.iter().filter(|rule| rule.table.is_none());
        of_sessions.find(|rule| rule.fits(startup)).map(|rule| rule.mode)
    }

    /// What holds for a table, in a session where `mode` is in force.
    pub fn of_table(
        &self,
        startup: &StartupParameters,
        (schema, table): (&str, &str),
        mode: ErrorsMode,
    ) -> ErrorsMode {
        let fits = |rule: &&TableErrors| {
            let names = rule.table.as_ref();
            let is_it = |(in_schema, name): &(NamePattern, NamePattern)| {
                in_schema.matches(schema) && name.matches(table)
            };
            rule.fits(startup) && names.is_some_and(is_it)
        };
        self.tables.iter().find(fits).map_or(mode, |rule| rule.mode)
    }

    /// Whether rows of any table may be set aside in a session of this client.
    pub fn may_set_aside(&self, startup: &StartupParameters, mode: ErrorsMode) -> bool {
        let sets_aside =
            |rule: &TableErrors| rule.mode == ErrorsMode::SetAside && rule.fits(startup);
        mode == ErrorsMode::SetAside
            || self.tables.iter().any(|rule| rule.table.is_some() && sets_aside(rule))
    }

    /// Whether what becomes of one row that is refused changes nothing for the rows behind it.
    pub fn is_same_for_all_rows(&self) -> bool {
        let suspends = [self.data, self.data_truncation].contains(&ErrorAction::SuspendTable);
        !suspends && self.escalation.data.count == 0
    }

    /// Whether a table may be suspended.
    pub fn may_suspend(&self) -> bool {
        let Escalations { data, apply, .. } = &self.escalation;
        let escalated = [data, apply].map(|of| (of.count > 0).then_some(of.action));
        let ApplyRules { insert, update, delete, .. } = self.apply;
        let actions =
            [Some(self.data), Some(self.data_truncation), self.table, insert, update, delete];
        actions.into_iter().chain(escalated).any(|action| action == Some(ErrorAction::SuspendTable))
    }

    /// What becomes of the table where a load fails with this error, which is not about a row.
    pub fn table_action(&self, sqlstate: &[u8]) -> ErrorAction {
        self.table.filter(|_| is_about_table(sqlstate)).unwrap_or_default()
    }

    /// What becomes of a row that meets this error. An error that is not about a row is the server's.
    pub fn action(&self, sqlstate: &[u8]) -> ErrorAction {
        if !is_about_row(sqlstate) {
            return ErrorAction::Stop;
        }
        // A session that asks for it sets rows aside where no policy says more.
        let unsaid = self.data == ErrorAction::Stop
            && self.data_truncation == ErrorAction::Stop
            && self.table.is_none()
            && self.apply.is_empty();
        match sqlstate {
            _ if unsaid => ErrorAction::LogError,
            b"22001" => self.data_truncation,
            _ => self.data,
        }
    }
}

/// Whether an error with this SQLSTATE is about one row: its values (class 22), a constraint (class 23), a
/// type (42804), a generated column (428C9), or what a trigger of the user raises (P0001).
pub fn is_about_row(sqlstate: &[u8]) -> bool {
    sqlstate.starts_with(b"22")
        || sqlstate.starts_with(b"23")
        || matches!(sqlstate, b"42804" | b"428C9" | b"P0001")
}

/// Whether an error with this SQLSTATE is about a table that is there and takes no row of the load: rights
/// (42501), a column that it does not have (42703), or what it is (42809).
fn is_about_table(sqlstate: &[u8]) -> bool {
    matches!(sqlstate, b"42501" | b"42703" | b"42809")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(data: ErrorAction, data_truncation: ErrorAction) -> ErrorRules {
        ErrorRules {
            data,
            data_truncation,
            table: None,
            apply: ApplyRules::default(),
            escalation: Escalations::default(),
            control_schema: None,
            batch_bytes: 1,
            keep: Keep::Row,
            tables: Vec::new(),
        }
    }

    #[test]
    fn only_errors_about_rows_are_left_to_the_policies() {
        use ErrorAction::{IgnoreRecord, LogError, Stop};
        let unsaid = rules(Stop, Stop);
        for sqlstate in ["22P02", "22001", "23505", "42804", "428C9", "P0001"] {
            assert_eq!(unsaid.action(sqlstate.as_bytes()), LogError, "{sqlstate}");
        }
        for sqlstate in ["42601", "42P01", "53100", "40001", "40P01", "57014", "42501", "08P01"] {
            assert_eq!(unsaid.action(sqlstate.as_bytes()), Stop, "{sqlstate}");
        }
        let cut_only = rules(Stop, IgnoreRecord);
        assert_eq!(cut_only.action(b"22001"), IgnoreRecord);
        assert_eq!(cut_only.action(b"22003"), Stop);
    }

    #[test]
    fn a_table_is_suspended_where_a_policy_or_a_number_says_so() {
        use ErrorAction::{LogError, Stop, StopTask, SuspendTable};
        assert!(rules(SuspendTable, Stop).may_suspend());
        let mut counted = rules(LogError, Stop);
        assert!(!counted.may_suspend());
        counted.escalation.data = Escalation { count: 2, action: SuspendTable };
        assert!(counted.may_suspend());
        counted.escalation.data.action = StopTask;
        assert!(!counted.may_suspend());
        counted.table = Some(SuspendTable);
        assert!(counted.may_suspend());
        assert_eq!(counted.table_action(b"42703"), SuspendTable);
        assert_eq!(counted.table_action(b"42P01"), Stop);
    }

    #[test]
    fn a_table_goes_before_the_session() {
        let pattern = NamePattern::glob;
        let mut rules = rules(ErrorAction::Stop, ErrorAction::Stop);
        rules.tables = vec![
            TableErrors {
                user: pattern("loader"),
                application_name: pattern("*"),
                table: Some((pattern("sales"), pattern("o*"))),
                mode: ErrorsMode::SetAside,
            },
            TableErrors {
                user: pattern("other"),
                application_name: pattern("*"),
                table: None,
                mode: ErrorsMode::SetAside,
            },
        ];
        let startup =
            |user: &str| StartupParameters { user: user.into(), ..StartupParameters::default() };
        let (loader, other) = (startup("loader"), startup("other"));
        let of = |who, table| rules.of_table(who, ("sales", table), ErrorsMode::Stop);
        assert_eq!(of(&loader, "orders"), ErrorsMode::SetAside);
        assert_eq!(of(&loader, "items"), ErrorsMode::Stop);
        assert_eq!(of(&other, "orders"), ErrorsMode::Stop);
        assert_eq!(rules.of_session(&other), Some(ErrorsMode::SetAside));
        assert_eq!(rules.of_session(&loader), None);
        assert!(rules.may_set_aside(&loader, ErrorsMode::Stop));
        assert!(!rules.may_set_aside(&other, ErrorsMode::Stop));
    }
}
