//! `[mapping]`: how types are mapped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{EndpointSettingsText, NamesSection};
use crate::mapping::{JsonPolicy, Mapping, MappingOptions, ReplyNaming, UnknownTypes};

/// `[mapping]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingSection {
    /// The dialect of the incoming type names.
    pub source: SourceName,
    /// What the length of a STRING is multiplied by, 1 to 4.
    pub string_length_factor: LengthFactor,
    /// What becomes of JSON columns.
    pub json: JsonPolicy,
    /// Whether NUMERIC without precision becomes VARCHAR.
    pub map_unbounded_numeric_as_string: bool,
    /// What becomes of types that no table knows.
    pub unknown: UnknownTypes,
    /// With source `postgresql`, user-defined types that stay.
    pub keep_types: Vec<String>,
    /// Overrides: a DMS type, a source type or `schema.table.column`, and the type to write.
    pub types: BTreeMap<String, String>,
    /// What schemas, tables and columns are called on the target.
    pub names: NamesSection,
    /// Whose names stand in replies.
    pub reply_names: ReplyNaming,
    /// Endpoint settings of AWS DMS, as a string or as JSON.
    pub endpoint_settings: Option<EndpointSettingsText>,
    /// A file with table mappings of AWS DMS.
    pub table_mappings: Option<PathBuf>,
    /// A file with task settings of AWS DMS.
    pub task_settings: Option<PathBuf>,
}

impl Default for MappingSection {
    fn default() -> Self {
        let options = MappingOptions::default();
        MappingSection {
            source: SourceName(options.source),
            string_length_factor: LengthFactor(options.string_length_factor),
            json: options.json,
            map_unbounded_numeric_as_string: options.unbounded_numeric_as_string,
            unknown: options.unknown,
            keep_types: options.keep_types,
            types: BTreeMap::new(),
            names: NamesSection::default(),
            reply_names: ReplyNaming::default(),
            endpoint_settings: None,
            table_mappings: None,
            task_settings: None,
        }
    }
}

/// The name of a dialect, checked when it is read.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct SourceName(pub String);

impl TryFrom<String> for SourceName {
    type Error = String;

    fn try_from(source: String) -> Result<SourceName, String> {
        let options = MappingOptions { source: source.clone(), ..MappingOptions::default() };
        Mapping::new(options).map(|_| SourceName(source)).map_err(|error| error.to_string())
    }
}

impl std::str::FromStr for SourceName {
    type Err = String;

    fn from_str(text: &str) -> Result<SourceName, String> {
        SourceName::try_from(text.to_owned())
    }
}

/// A factor from 1 to 4.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "u32")]
pub struct LengthFactor(pub u32);

impl TryFrom<u32> for LengthFactor {
    type Error = String;

    fn try_from(factor: u32) -> Result<LengthFactor, String> {
        let options = MappingOptions { string_length_factor: factor, ..MappingOptions::default() };
        Mapping::new(options).map(|_| LengthFactor(factor)).map_err(|error| error.to_string())
    }
}
