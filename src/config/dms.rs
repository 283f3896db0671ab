//! Settings of AWS DMS that a configuration quotes: reads them, turns them into keys and overrides of our
//! own, and warns of each part that has no meaning in a proxy.

use std::path::Path;

use serde::Deserialize;

use super::problem::Complaint;
use super::values::Substitute;
use super::{Config, TargetSection};
use crate::dms::{self, DatabaseMode, EndpointSettings, LobMode, TableMappings, TaskSettings};
use crate::mapping::{ColumnPattern, Override, OverrideScope};
use crate::policy::TablePrep;

/// An endpoint-settings text, checked when it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct EndpointSettingsText(EndpointSettings);

impl TryFrom<String> for EndpointSettingsText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        dms::endpoint_settings(&text).map(EndpointSettingsText).map_err(|error| error.to_string())
    }
}

impl Config {
    /// Applies what the quoted settings say; the files are looked for next to the configuration.
    /// Returns what cannot be applied.
    pub(super) fn apply_dms(&mut self, directory: &Path) -> Vec<Complaint> {
        if let Some(EndpointSettingsText(settings)) = self.mapping.endpoint_settings.clone() {
            self.apply_endpoint_settings(settings);
        }
        let mut complaints = Vec::new();
        let mut complain = |key: &str, path: &Path, reason: String| {
            complaints.push((format!("mapping.{key}"), format!("{}: {reason}", path.display())));
        };
        if let Some(file) = self.mapping.table_mappings.clone() {
            let path = directory.join(file);
            let mappings = read(&path)
                .and_then(|text| dms::table_mappings(&text).map_err(|error| error.to_string()));
            match mappings {
                Ok(mappings) => self.apply_table_mappings(&path, mappings),
                Err(reason) => complain("table_mappings", &path, reason),
            }
        }
        if let Some(file) = self.mapping.task_settings.clone() {
            let path = directory.join(file);
            let settings = read(&path)
                .and_then(|text| dms::task_settings(&text).map_err(|error| error.to_string()));
            match settings {
                Ok(settings) => self.apply_task_settings(&settings),
                Err(reason) => complain("task_settings", &path, reason),
            }
        }
        complaints
    }

    /// Keys of our own that are set go before the quoted ones.
    fn apply_endpoint_settings(&mut self, settings: EndpointSettings) {
        let defaults = TargetSection::default();
        let target = &mut self.target;
        if target.after_connect_script.is_none() {
            target.after_connect_script = settings.after_connect_script;
        }
        if settings.execute_timeout.given && target.execute_timeout == defaults.execute_timeout {
            target.execute_timeout = settings.execute_timeout.value;
        }
        if settings.connection_timeout.given && target.connect_timeout == defaults.connect_timeout {
            target.connect_timeout = u64::from(settings.connection_timeout.value);
        }
        self.mapping.map_unbounded_numeric_as_string |=
            settings.map_unbounded_numeric_as_string.value;
        let mut warn = |text: &str| self.warnings.push(format!("endpoint setting {text}"));
        for warning in &settings.warnings {
            warn(&warning.to_string());
        }
        if settings.map_boolean_as_boolean.given && !settings.map_boolean_as_boolean.value {
            warn(
                "MapBooleanAsBoolean: booleans stay booleans; use mapping.types to make text of them",
            );
        }
        if settings.database_mode.value == DatabaseMode::Babelfish {
            warn(
                "DatabaseMode: types are those of PostgreSQL; Babelfish may refuse \
                 session_replication_role, see fk.on_denied",
            );
        }
    }

    /// The rule with the lowest id wins in DMS, the last override wins here.
    fn apply_table_mappings(&mut self, path: &Path, mappings: TableMappings) {
        for warning in &mappings.warnings {
            self.warnings.push(format!("{}: {warning}", path.display()));
        }
        self.selections = mappings.selections;
        self.name_rules = mappings.names.into_iter().map(|(_, rule)| rule).collect();
        self.additions = mappings.additions.into_iter().map(|(_, addition)| addition).collect();
        self.removals = mappings.removals.into_iter().map(|(_, removal)| removal).collect();
        self.masks = mappings.masks.into_iter().map(|(_, mask)| mask).collect();
        for rule in mappings.column_types.into_iter().rev() {
            self.overrides.push(Override {
                scope: OverrideScope::Column(ColumnPattern {
                    schema: rule.schema,
                    table: rule.table,
                    column: rule.column,
                    dms_type: rule.only_type.map(str::to_owned),
                }),
                target: rule.data_type,
                origin: format!("{} rule {}", path.display(), rule.rule_id),
            });
        }
    }

    fn apply_task_settings(&mut self, settings: &TaskSettings) {
        let mut warn = |text: String| self.warnings.push(format!("task setting {text}"));
        for warning in &settings.warnings {
            warn(warning.to_string());
        }
        self.target_schema = settings.target_schema.clone();
        if let Some(mode) = settings.table_prep
            && self.table_prep.mode == TablePrep::PassThrough
        {
            self.table_prep.mode = mode;
        }
        if let Some(LobMode::Limited { max_kilobytes }) = settings.lob
            && self.values.lob_bytes == 0
        {
            self.values.lob_bytes = max_kilobytes as usize * 1024;
        }
        self.errors.apply_quoted(settings);
        if settings.characters.support.is_some() {
            warn("CharacterSetSupport: characters outside a set are not replaced".into());
        }
        for (from, to) in &settings.characters.replacements {
            // Keys of our own go before the quoted ones.
            self.values.replacements.entry((*from).into()).or_insert(Substitute(*to));
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
