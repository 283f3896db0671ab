//! `[errors]`: what becomes of rows that the target refuses, with the names of AWS DMS's `ErrorBehavior`.

use serde::Deserialize;

use super::problem::Complaint;
use crate::dms::TaskSettings;
use crate::mapping::NamePattern;
use crate::policy::{
    ApplyRules, ErrorAction, ErrorRules, ErrorsMode, Escalation, Escalations, Keep, TableErrors,
};

/// The least and the most bytes of rows that are held.
const BATCH_BYTES: std::ops::RangeInclusive<usize> = 1024..=256 * 1024 * 1024;

/// The key of `[errors]` that is meant by the spelling of AWS DMS (`DataErrorPolicy`), or with dashes.
pub(super) fn plain_name(key: &str) -> String {
    let mut name = String::new();
    for (at, character) in key.char_indices() {
        if character.is_ascii_uppercase() && at > 0 {
            name.push('_');
        }
        name.push(if character == '-' { '_' } else { character.to_ascii_lowercase() });
    }
    name
}

/// `[errors]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSection {
    /// Values that cannot be converted or stored, and rows that a constraint refuses.
    pub data_error_policy: Option<ErrorAction>,
    /// Values that are too long.
    pub data_truncation_error_policy: Option<ErrorAction>,
    /// What becomes of a table at `data_error_escalation_count`.
    pub data_error_escalation_policy: Option<ErrorAction>,
    /// How many rows of a table are left out before that; 0 for never.
    pub data_error_escalation_count: Option<u64>,
    /// A load that fails as a whole.
    pub table_error_policy: Option<ErrorAction>,
    /// What becomes of loads at `table_error_escalation_count`.
    pub table_error_escalation_policy: Option<ErrorAction>,
    /// How many tables are suspended before that; 0 for never.
    pub table_error_escalation_count: Option<u64>,
    /// An INSERT of a row that is there.
    pub apply_error_insert_policy: Option<ErrorAction>,
    /// An UPDATE of a row that is not there.
    pub apply_error_update_policy: Option<ErrorAction>,
    /// A DELETE of a row that is not there.
    pub apply_error_delete_policy: Option<ErrorAction>,
    /// What becomes of a table at `apply_error_escalation_count`.
    pub apply_error_escalation_policy: Option<ErrorAction>,
    /// How many such rows there may be before that; 0 for never.
    pub apply_error_escalation_count: Option<u64>,
    /// Whether conflicts during a full load are ignored.
    pub full_load_ignore_conflicts: Option<bool>,
    /// Bytes of rows that are held to be sent again.
    pub batch_bytes: BatchBytes,
    /// What of a row is kept.
    pub keep: Keep,
    /// The schema of `awsdms_apply_exceptions`.
    pub control_schema: Option<String>,
    /// What single users, applications and tables start with instead.
    pub sessions: Vec<ErrorSessionRule>,
}

/// `errors.batch_bytes`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "usize")]
pub struct BatchBytes(pub usize);

impl Default for BatchBytes {
    fn default() -> Self {
        BatchBytes(1024 * 1024)
    }
}

impl TryFrom<usize> for BatchBytes {
    type Error = String;

    fn try_from(bytes: usize) -> Result<Self, String> {
        match BATCH_BYTES.contains(&bytes) {
            true => Ok(BatchBytes(bytes)),
            false => {
                let (least, most) = (BATCH_BYTES.start(), BATCH_BYTES.end());
                Err(format!("{bytes} is not a number from {least} to {most}"))
            }
        }
    }
}

/// An entry of `errors.sessions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSessionRule {
    /// The user, with `*` for any run of characters.
    pub user: Option<String>,
    /// The application_name of the startup packet, likewise.
    pub application_name: Option<String>,
    /// `schema.table`, likewise; none for what the session starts with.
    pub table: Option<String>,
    /// Their `dms.errors`.
    pub errors: ErrorsMode,
}

impl ErrorSection {
    /// Takes what task settings say where no key of our own is set.
    pub(super) fn apply_quoted(&mut self, settings: &TaskSettings) {
        let quoted = settings.errors;
        for (own, quoted) in [
            (&mut self.data_error_policy, quoted.data),
            (&mut self.data_truncation_error_policy, quoted.data_truncation),
            (&mut self.table_error_policy, quoted.table),
            (&mut self.apply_error_delete_policy, quoted.apply_delete),
            (&mut self.apply_error_insert_policy, quoted.apply_insert),
            (&mut self.apply_error_update_policy, quoted.apply_update),
            (&mut self.data_error_escalation_policy, quoted.data_escalation.action),
            (&mut self.table_error_escalation_policy, quoted.table_escalation.action),
            (&mut self.apply_error_escalation_policy, quoted.apply_escalation.action),
        ] {
            *own = own.or(quoted);
        }
        for (own, quoted) in [
            (&mut self.data_error_escalation_count, quoted.data_escalation.count),
            (&mut self.table_error_escalation_count, quoted.table_escalation.count),
            (&mut self.apply_error_escalation_count, quoted.apply_escalation.count),
        ] {
            *own = own.or(quoted.map(u64::from));
        }
        let ignores = &mut self.full_load_ignore_conflicts;
        *ignores = ignores.or(quoted.ignores_conflicts);
        if self.control_schema.is_none() {
            self.control_schema = settings.control_schema.clone();
        }
    }

    /// The policies with their keys, and what each may say.
    fn policies(&self) -> [(&'static str, Option<ErrorAction>, &'static [ErrorAction]); 9] {
        use ErrorAction::{
            IgnoreRecord, InsertRecord, LogError, Stop, StopTask, SuspendTable, UpdateRecord,
        };
        const ROW: &[ErrorAction] = &[Stop, IgnoreRecord, LogError, SuspendTable, StopTask];
        const INSERT: &[ErrorAction] =
            &[Stop, IgnoreRecord, LogError, SuspendTable, StopTask, InsertRecord];
        const UPDATE: &[ErrorAction] =
            &[Stop, IgnoreRecord, LogError, SuspendTable, StopTask, UpdateRecord];
        const APPLY: &[ErrorAction] = &[LogError, SuspendTable, StopTask];
        [
            ("data_error_policy", self.data_error_policy, ROW),
            ("data_truncation_error_policy", self.data_truncation_error_policy, ROW),
            ("table_error_policy", self.table_error_policy, &[Stop, SuspendTable, StopTask]),
            ("apply_error_insert_policy", self.apply_error_insert_policy, INSERT),
            ("apply_error_update_policy", self.apply_error_update_policy, UPDATE),
            ("apply_error_delete_policy", self.apply_error_delete_policy, ROW),
            (
                "data_error_escalation_policy",
                self.data_error_escalation_policy,
                &[SuspendTable, StopTask],
            ),
            ("table_error_escalation_policy", self.table_error_escalation_policy, &[StopTask]),
            ("apply_error_escalation_policy", self.apply_error_escalation_policy, APPLY),
        ]
    }

    /// The default of `dms.errors`: rows are set aside where a policy says so.
    pub(super) fn mode(&self) -> ErrorsMode {
        let policies = [
            self.data_error_policy,
            self.data_truncation_error_policy,
            self.table_error_policy,
            self.apply_error_insert_policy,
            self.apply_error_update_policy,
            self.apply_error_delete_policy,
        ];
        let goes_on = policies.into_iter().flatten().any(ErrorAction::goes_on);
        match goes_on || self.full_load_ignore_conflicts.unwrap_or_default() {
            true => ErrorsMode::SetAside,
            false => ErrorsMode::Stop,
        }
    }

    /// The rules for sessions.
    pub(super) fn rules(&self) -> ErrorRules {
        ErrorRules {
            data: self.data_error_policy.unwrap_or_default(),
            data_truncation: self.data_truncation_error_policy.unwrap_or_default(),
            table: self.table_error_policy,
            apply: ApplyRules {
                insert: self.apply_error_insert_policy,
                update: self.apply_error_update_policy,
                delete: self.apply_error_delete_policy,
                ignores_in_full_load: self.full_load_ignore_conflicts.unwrap_or_default(),
            },
            escalation: self.escalations(),
            control_schema: self.control_schema.clone().filter(|schema| !schema.is_empty()),
            batch_bytes: self.batch_bytes.0,
            keep: self.keep,
            tables: self.sessions.iter().map(ErrorSessionRule::pattern).collect(),
        }
    }

    fn escalations(&self) -> Escalations {
        use ErrorAction::{LogError, StopTask, SuspendTable};
        let escalation = |count, action: Option<ErrorAction>, default| Escalation {
            count,
            action: action.unwrap_or(default),
        };
        Escalations {
            data: escalation(
                self.data_error_escalation_count.unwrap_or_default(),
                self.data_error_escalation_policy,
                SuspendTable,
            ),
            apply: escalation(
                self.apply_error_escalation_count.unwrap_or_default(),
                self.apply_error_escalation_policy,
                LogError,
            ),
            table: escalation(
                self.table_error_escalation_count.unwrap_or_default(),
                self.table_error_escalation_policy,
                StopTask,
            ),
        }
    }

    /// What cannot be asked for.
    pub(super) fn check(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut complain = |key: &str, reason: String| {
            complaints.push((format!("errors.{key}"), reason));
        };
        for (key, action, allowed) in self.policies() {
            if let Some(action) = action.filter(|action| !allowed.contains(action)) {
                let allowed: Vec<&str> = allowed.iter().map(|action| action.name()).collect();
                let allowed = allowed.join(", ");
                complain(
                    key,
                    format!("`{}` is not for this key; allowed: {allowed}", action.name()),
                );
            }
        }
        for rule in &self.sessions {
            let parts = rule.table.as_ref().map(|table| table.split('.').count());
            if parts.is_some_and(|count| count != 2) {
                let table = rule.table.as_deref().unwrap_or_default();
                complain("sessions.table", format!("{table:?} is not schema.table"));
            }
        }
        complaints
    }
}

impl ErrorSessionRule {
    fn pattern(&self) -> TableErrors {
        let pattern = |text: &Option<String>| NamePattern::glob(text.as_deref().unwrap_or("*"));
        let table = self.table.as_ref().and_then(|text| text.split_once('.'));
        TableErrors {
            user: pattern(&self.user),
            application_name: pattern(&self.application_name),
            table: table
                .map(|(schema, table)| (NamePattern::glob(schema), NamePattern::glob(table))),
            mode: self.errors,
        }
    }
}
