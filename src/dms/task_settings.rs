//! The task settings of AWS DMS, as far as they say what becomes of tables and values; touches
//! neither files nor the rest of the proxy.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::json::json;
use super::setting_group::{Group, entries};
use super::{SettingsError, Warning};
use crate::policy::{ErrorAction, TablePrep};

/// The names that `CharacterSet` takes, one a line: those of ICU's converters.
///
/// Source: AWS DMS user guide, "Character substitution task settings".
const CHARACTER_SETS: &str = include_str!("character_sets.txt");

const LARGEST: u64 = 2_147_483_647;

const TOOL: &str = "have no effect in the proxy: the migration tool carries them out; \
                    leave them in its own settings";
const UNKNOWN: &str = "is not a known group of task settings and has no effect; \
                       check the spelling or leave it out";

/// The groups of which nothing is read.
const TOOL_GROUPS: &[&str] = &[
    "TTSettings",
    "Logging",
    "StreamBufferSettings",
    "ChangeProcessingTuning",
    "ChangeProcessingDdlHandlingPolicy",
    "LoopbackPreventionSettings",
    "BeforeImageSettings",
    "ValidationSettings",
];

/// What the task settings say of tables and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSettings {
    /// `FullLoadSettings.TargetTablePrepMode`; none where the text is silent, since DMS has no one
    /// default.
    pub table_prep: Option<TablePrep>,
    /// `TargetMetadata.TargetSchema`: where tables go; none where it is empty.
    pub target_schema: Option<String>,
    /// What becomes of large objects; none where the text is silent.
    pub lob: Option<LobMode>,
    /// What becomes of rows and tables with errors; none where the text is silent.
    pub errors: ErrorPolicies,
    /// `ControlTablesSettings.ControlSchema`: where the tables of AWS DMS are; none where it is empty.
    pub control_schema: Option<String>,
    /// What becomes of characters.
    pub characters: CharacterSubstitution,
    /// What the proxy does not act on, a warning a group.
    pub warnings: Vec<Warning>,
}

/// The large object settings of `TargetMetadata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LobMode {
    /// They are not loaded.
    Off,
    /// They are loaded whole.
    Full {
        /// Kilobytes up to which one travels in its row; 0 is never.
        inline_max_kilobytes: u32,
    },
    /// They travel in their rows, and are cut.
    Limited {
        /// Kilobytes that are kept.
        max_kilobytes: u32,
    },
}

/// The `ErrorBehavior` that a row or a table can meet; retries are the tool's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorPolicies {
    /// `DataErrorPolicy`: a value that cannot be converted or stored.
    pub data: Option<ErrorAction>,
    /// `DataTruncationErrorPolicy`: a value that is too long.
    pub data_truncation: Option<ErrorAction>,
    /// `TableErrorPolicy`: a failed CREATE or COPY.
    pub table: Option<ErrorAction>,
    /// `ApplyErrorDeletePolicy`: a DELETE without its row.
    pub apply_delete: Option<ErrorAction>,
    /// `ApplyErrorInsertPolicy`: an INSERT of a row that is there.
    pub apply_insert: Option<ErrorAction>,
    /// `ApplyErrorUpdatePolicy`: an UPDATE without its row.
    pub apply_update: Option<ErrorAction>,
    /// `DataErrorEscalationPolicy` and `DataErrorEscalationCount`.
    pub data_escalation: QuotedEscalation,
    /// `TableErrorEscalationPolicy` and `TableErrorEscalationCount`.
    pub table_escalation: QuotedEscalation,
    /// `ApplyErrorEscalationPolicy` and `ApplyErrorEscalationCount`.
    pub apply_escalation: QuotedEscalation,
    /// `FullLoadIgnoreConflicts`: conflicts during a full load are left out.
    pub ignores_conflicts: Option<bool>,
}

/// What follows when there are many errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotedEscalation {
    /// The action.
    pub action: Option<ErrorAction>,
    /// From how many errors on; 0 for never.
    pub count: Option<u32>,
}

/// `CharacterSetSettings`: it speaks of STRING and WSTRING columns only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CharacterSubstitution {
    /// What each character becomes; none deletes it. One pass: what came out is not replaced again.
    pub replacements: BTreeMap<char, Option<char>>,
    /// What becomes, after that, of characters that a character set does not have.
    pub support: Option<CharacterSetSupport>,
}

/// `CharacterSetSupport`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CharacterSetSupport {
    /// The name of the set, an ICU converter, in its main spelling.
    pub character_set: &'static str,
    /// What characters outside it become; none deletes them.
    pub replacement: Option<char>,
}

/// Reads a whole settings file or any part of one; names are compared without case, a null is as
/// good as nothing.
///
/// # Errors
/// The text is not a JSON object of groups, or a setting that is read is there twice or has a value
/// that it does not take.
pub fn task_settings(text: &str) -> Result<TaskSettings, SettingsError> {
    let Value::Object(groups) = json(text)? else {
        let example = "{\"FullLoadSettings\": {\"TargetTablePrepMode\": \"DO_NOTHING\"}}";
        return Err(SettingsError::NotAnObject(example));
    };
    let mut groups = Group { name: "", entries: entries(groups)? };
    let mut full_load = groups.group("FullLoadSettings")?;
    let mut metadata = groups.group("TargetMetadata")?;
    let mut behavior = groups.group("ErrorBehavior")?;
    let mut characters = groups.group("CharacterSetSettings")?;
    let mut control = groups.group("ControlTablesSettings")?;
    let mut settings = TaskSettings {
        table_prep: full_load.one_of(
            "TargetTablePrepMode",
            &[
                ("DO_NOTHING", TablePrep::DoNothing),
                ("DROP_AND_CREATE", TablePrep::DropAndCreate),
                ("TRUNCATE_BEFORE_LOAD", TablePrep::TruncateBeforeLoad),
            ],
        )?,
        lob: lob_mode(&mut metadata)?,
        target_schema: metadata.filled_text("TargetSchema")?,
        errors: error_policies(&mut behavior)?,
        control_schema: control.filled_text("ControlSchema")?,
        characters: character_substitution(&mut characters)?,
        warnings: Vec::new(),
    };
    for group in [full_load, metadata, behavior, characters, control] {
        if !group.entries.is_empty() {
            settings.warnings.push(tool_warning(group.name, group.names()));
        }
    }
    for (written, value) in groups.entries.into_values() {
        settings.warnings.push(
            match TOOL_GROUPS.iter().find(|known| known.eq_ignore_ascii_case(&written)) {
                None => Warning::new(written, UNKNOWN),
                Some(_) => {
                    let names = value.as_object().into_iter().flat_map(Map::keys);
                    tool_warning(&written, names.map(String::as_str))
                }
            },
        );
    }
    Ok(settings)
}

fn lob_mode(metadata: &mut Group<'_>) -> Result<Option<LobMode>, SettingsError> {
    let support = metadata.boolean("SupportLobs")?;
    let full = metadata.boolean("FullLobMode")?;
    let limited = metadata.boolean("LimitedSizeLobMode")?;
    let max = metadata.number("LobMaxSize", LARGEST)?;
    let inline = metadata.number("InlineLobMaxSize", LARGEST)?;
    if support == Some(false) {
        return Ok(Some(LobMode::Off));
    }
    if (support, full, limited, max, inline) == (None, None, None, None, None) {
        return Ok(None);
    }
    // A mode that is not spoken of is the opposite of the other; limited where neither is.
    match (full.unwrap_or(limited == Some(false)), limited.unwrap_or(full != Some(true))) {
        (true, true) => Err(SettingsError::Conflict(
            "TargetMetadata: FullLobMode and LimitedSizeLobMode are both true; allowed: one of them",
        )),
        (false, false) => Err(SettingsError::Conflict(
            "TargetMetadata: SupportLobs needs one of FullLobMode and LimitedSizeLobMode",
        )),
        (true, false) => Ok(Some(LobMode::Full { inline_max_kilobytes: inline.unwrap_or(0) })),
        (false, true) => match max.unwrap_or(32) {
            0 => Err(SettingsError::Value {
                name: "TargetMetadata.LobMaxSize".into(),
                value: "0".into(),
                allowed: format!("1 to {LARGEST} in limited mode"),
            }),
            max_kilobytes => Ok(Some(LobMode::Limited { max_kilobytes })),
        },
    }
}

fn error_policies(behavior: &mut Group<'_>) -> Result<ErrorPolicies, SettingsError> {
    use ErrorAction::{IgnoreRecord, InsertRecord, LogError, StopTask, SuspendTable, UpdateRecord};
    const ROW: &[(&str, ErrorAction)] = &[
        ("IGNORE_RECORD", IgnoreRecord),
        ("LOG_ERROR", LogError),
        ("SUSPEND_TABLE", SuspendTable),
        ("STOP_TASK", StopTask),
    ];
    let table = [("SUSPEND_TABLE", SuspendTable), ("STOP_TASK", StopTask)];
    let insert = [ROW, &[("INSERT_RECORD", InsertRecord)]].concat();
    let update = [ROW, &[("UPDATE_RECORD", UpdateRecord)]].concat();
    let stop = [("STOP_TASK", StopTask)];
    let apply = [&[("LOG_ERROR", LogError)][..], &table].concat();
    let mut escalation = |action, values: &[_], count| {
        let action = behavior.one_of(action, values)?;
        Ok::<_, SettingsError>(QuotedEscalation { action, count: behavior.number(count, LARGEST)? })
    };
    let data_escalation =
        escalation("DataErrorEscalationPolicy", &table, "DataErrorEscalationCount")?;
    let table_escalation =
        escalation("TableErrorEscalationPolicy", &stop, "TableErrorEscalationCount")?;
    let apply_escalation =
        escalation("ApplyErrorEscalationPolicy", &apply, "ApplyErrorEscalationCount")?;
    let ignores_conflicts = behavior.boolean("FullLoadIgnoreConflicts")?;
    let mut policy = |name, values: &[_]| behavior.one_of(name, values);
    Ok(ErrorPolicies {
        data_escalation,
        table_escalation,
        apply_escalation,
        ignores_conflicts,
        data: policy("DataErrorPolicy", ROW)?,
        data_truncation: policy("DataTruncationErrorPolicy", ROW)?,
        table: policy("TableErrorPolicy", &table)?,
        apply_delete: policy("ApplyErrorDeletePolicy", ROW)?,
        apply_insert: policy("ApplyErrorInsertPolicy", &insert)?,
        apply_update: policy("ApplyErrorUpdatePolicy", &update)?,
    })
}

fn character_substitution(
    characters: &mut Group<'_>,
) -> Result<CharacterSubstitution, SettingsError> {
    let mut replacements = BTreeMap::new();
    match characters.take("CharacterReplacements") {
        None => {}
        Some(Value::Array(items)) => {
            for item in items {
                let mut item = Group::new("CharacterReplacements", item)?;
                let source = item.code_point("SourceCharacterCodePoint")?;
                let target = item.code_point("TargetCharacterCodePoint")?;
                item.refuse_rest()?;
                // Where a source is listed twice, the last one counts.
                replacements.insert(source, (target != '\0').then_some(target));
            }
        }
        Some(other) => {
            return Err(characters.error("CharacterReplacements", &other, "an array"));
        }
    }
    let mut support = characters.group("CharacterSetSupport")?;
    let character_set = match support.take("CharacterSet") {
        None => None,
        Some(name) => Some(
            CHARACTER_SETS
                .lines()
                .find(|known| name.as_str().is_some_and(|name| known.eq_ignore_ascii_case(name)))
                .ok_or_else(|| {
                    let allowed = "the ICU converter names of the DMS guide, such as UTF-8, \
                                   UTF16_PlatformEndian, ISO-8859-1, US-ASCII";
                    support.error("CharacterSet", &name, allowed)
                })?,
        ),
    };
    let support = match character_set {
        None => {
            support.refuse_rest()?;
            None
        }
        Some(character_set) => {
            let replacement = support.code_point("ReplaceWithCharacterCodePoint")?;
            support.refuse_rest()?;
            let replacement = (replacement != '\0').then_some(replacement);
            Some(CharacterSetSupport { character_set, replacement })
        }
    };
    Ok(CharacterSubstitution { replacements, support })
}

fn tool_warning<'a>(group: &str, names: impl Iterator<Item = &'a str>) -> Warning {
    let names: Vec<&str> = names.collect();
    Warning::new(group, format!("{} {TOOL}", names.join(", ")))
}

#[cfg(test)]
mod tests;
