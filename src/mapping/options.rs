//! What a mapping is made from: the settings of `[mapping]`, and what is wrong with them.

use super::NamePattern;
use crate::keyword::keywords;

/// The sources that there is a table for.
pub const SOURCES: &[&str] = &[
    "dms",
    "oracle",
    "sqlserver",
    "mysql",
    "mariadb",
    "aurora-mysql",
    "postgresql",
    "db2-luw",
    "db2-zos",
    "sap-ase",
];

/// What `mapping.json` says: whether the PostgreSQL type JSON stays one in definitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonPolicy {
    /// JSON stays JSON.
    Keep,
    /// JSON is native CLOB, hence TEXT, as in DMS.
    #[default]
    Text,
}

keywords!(JsonPolicy { "text" => Text, "keep" => Keep });

/// Whose names stand in replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyNaming {
    /// Those of the target.
    #[default]
    Target,
    /// Those of the client's texts.
    Source,
}

keywords!(ReplyNaming { "target" => Target, "source" => Source });

/// What becomes of a column whose type neither the tables nor PostgreSQL know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownTypes {
    /// It passes as it is, and is counted.
    #[default]
    Pass,
    /// The statement is refused (SQLSTATE 0A000).
    Error,
}

keywords!(UnknownTypes { "pass" => Pass, "error" => Error });

/// The settings of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingOptions {
    /// The dialect of the incoming type names, one of [`SOURCES`].
    pub source: String,
    /// What a STRING length is multiplied by, 1 to 4: some DMS versions wrote a length in bytes.
    pub string_length_factor: u32,
    /// What becomes of JSON in definitions.
    pub json: JsonPolicy,
    /// Whether NUMERIC without precision and scale becomes VARCHAR
    /// (the DMS endpoint setting `mapUnboundedNumericAsString`).
    pub unbounded_numeric_as_string: bool,
    /// What becomes of types that no table has.
    pub unknown: UnknownTypes,
    /// With source `postgresql`, the user-defined types that stay: names with `*` and `%` for any
    /// run of characters, with a schema (`gis.*`) or arguments (`geometry(*)`) or without.
    pub keep_types: Vec<String>,
    /// Rows that come before those of the tables.
    pub overrides: Vec<Override>,
}

impl Default for MappingOptions {
    fn default() -> Self {
        MappingOptions {
            source: "dms".into(),
            string_length_factor: 1,
            json: JsonPolicy::default(),
            unbounded_numeric_as_string: false,
            unknown: UnknownTypes::default(),
            keep_types: Vec::new(),
            overrides: Vec::new(),
        }
    }
}

/// Why a mapping cannot be made from its options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// There is no table for this source.
    #[error("mapping source \"{0}\" is not known; available: {available}", available = SOURCES.join(", "))]
    UnknownSource(String),
    /// The factor is out of range.
    #[error("string_length_factor is {0}; it must be between 1 and 4")]
    LengthFactor(u32),
    /// An override cannot be used.
    #[error("the override of {scope} ({origin}) cannot be used: {reason}")]
    Override {
        /// What it is for.
        scope: String,
        /// Where it was written.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The data inside the program is wrong, which a test rules out.
    #[error("the built-in table cannot be read: {0}")]
    Data(String),
}

/// What an override speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideScope {
    /// A DMS type: `UINT8`; with arguments, only the type with these: `NUMERIC(38,10)`.
    DmsType(String),
    /// A source type as it is written, with `*` and `%` for any run of characters: `NUMBER`, and
    /// with arguments only the type with these: `NUMBER(10,0)`. A source and a colon before it
    /// (`oracle:NUMBER`) keeps it from other sources.
    SourceType(String),
    /// Columns.
    Column(ColumnPattern),
}

/// Which columns an override speaks of. Names are as PostgreSQL keeps them, so lower case where they
/// are not quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPattern {
    /// The schema; a table without one counts as in `public`.
    pub schema: NamePattern,
    /// The table.
    pub table: NamePattern,
    /// The column.
    pub column: NamePattern,
    /// Only columns of this DMS type; for the source whose types these are.
    pub dms_type: Option<String>,
}

/// A row of the configuration. A column goes before a source type, and a source type before a DMS
/// type; a type with arguments goes before one without; of equals the later one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What it speaks of.
    pub scope: OverrideScope,
    /// The PostgreSQL type to write, as it is, or a DMS type, which the table maps.
    pub target: String,
    /// Where it was written, for the table and for messages: a file and a line, or a rule's name.
    pub origin: String,
}

impl OverrideScope {
    /// The scope that a key of a configuration names: `schema.table.column` with `*` and `%` for any
    /// run of characters, `source:TYPE`, a DMS type, or else a source type.
    pub fn parse(key: &str) -> OverrideScope {
        let name = key.split('(').next().unwrap_or(key).trim();
        if SOURCES.iter().any(|source| key.split_once(':').is_some_and(|(head, _)| head == *source))
        {
            return OverrideScope::SourceType(key.to_owned());
        }
        if let [schema, table, column] = name.split('.').collect::<Vec<_>>().as_slice() {
            let pattern = ColumnPattern {
                schema: NamePattern::glob(schema),
                table: NamePattern::glob(table),
                column: NamePattern::glob(column),
                dms_type: None,
            };
            return OverrideScope::Column(pattern);
        }
        let dms = super::dms::ROWS.iter().any(|row| name.eq_ignore_ascii_case(row.dms));
        if dms {
            OverrideScope::DmsType(key.to_owned())
        } else {
            OverrideScope::SourceType(key.to_owned())
        }
    }

    /// The scope in words, for the table.
    pub(super) fn text(&self) -> String {
        match self {
            OverrideScope::DmsType(text) | OverrideScope::SourceType(text) => text.clone(),
            OverrideScope::Column(column) => {
                let place = format!("{}.{}.{}", column.schema, column.table, column.column);
                match &column.dms_type {
                    Some(dms_type) => format!("{place} of type {dms_type}"),
                    None => place,
                }
            }
        }
    }
}
