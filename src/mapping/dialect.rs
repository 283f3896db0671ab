//! The source leg: a source type as it is written in, a DMS type out. Reads the rows in `data/`,
//! one file a source; uses neither SQL nor the target.
//!
//! A row has these fields:
//! - `id`: its stable name;
//! - `source`: the spellings, words without modifiers; words in brackets may be left out;
//! - `dms`: the DMS type, whose arguments are numbers or one of `n` and `p` (the first modifier), `s`
//!   (the second, or the only one of a type that has a scale alone), `octets` (of n bits), `longest`
//!   and `total` (of the members of an ENUM or a SET); arguments that are not given are left out;
//! - `n`, `p`, `s`: what the source takes where nothing is written;
//! - conditions: `length`, `precision` and `scale` are ranges of n, p and s, both ends included;
//!   `fits` holds if the scale is at most the precision; `arguments` is `none` (nothing, or
//!   `*`), `max`, `members` or `any`; without it, numbers or nothing;
//! - `page`: the page of the fact, if it is not the page of the whole file.

use serde::Deserialize;

use super::arguments::{ArgumentForm, Arguments};
use super::dms_table::shown;
use super::spellings::{SpellingId, Spellings};
use super::{MappingError, Refusal, SQLSTATE_INVALID};

const SOURCES: &[(&str, &str)] = &[
    ("oracle", include_str!("data/oracle.toml")),
    ("sqlserver", include_str!("data/sqlserver.toml")),
    ("mysql", include_str!("data/mysql.toml")),
    ("mariadb", include_str!("data/mysql.toml")),
    ("aurora-mysql", include_str!("data/mysql.toml")),
    ("db2-luw", include_str!("data/db2-luw.toml")),
    ("db2-zos", include_str!("data/db2-zos.toml")),
    ("sap-ase", include_str!("data/sap-ase.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceFile {
    page: String,
    /// The schemas of the source's own types, as in `SYS.XMLTYPE`.
    #[serde(default)]
    schemas: Vec<String>,
    /// Whether names may stand in brackets.
    #[serde(default)]
    brackets: bool,
    /// Whether names may stand in backticks.
    #[serde(default)]
    backticks: bool,
    /// Whether what stands in double quotes may be a string constant.
    #[serde(default)]
    double_quoted_text: bool,
    row: Vec<SourceRow>,
}

/// A row of a data file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceRow {
    pub(super) id: String,
    pub(super) source: Vec<String>,
    #[serde(default)]
    pub(super) page: String,
    dms: String,
    #[serde(default)]
    arguments: ExpectedArguments,
    n: Option<i64>,
    p: Option<i64>,
    s: Option<i64>,
    length: Option<[i64; 2]>,
    precision: Option<[i64; 2]>,
    scale: Option<[i64; 2]>,
    #[serde(default)]
    fits: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum ExpectedArguments {
    #[default]
    Numbers,
    None,
    Max,
    Members,
    Any,
}

/// A DMS type with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DmsType<'a> {
    pub(super) name: &'a str,
    pub(super) numbers: Vec<u64>,
}

impl SourceRow {
    /// The DMS type as the row gives it, arguments symbolic.
    pub(super) fn dms(&self) -> &str {
        &self.dms
    }

    /// The conditions in words, empty where the row always holds.
    pub(super) fn condition(&self) -> String {
        let mut words = Vec::new();
        match self.arguments {
            ExpectedArguments::None => words.push("without arguments".to_owned()),
            ExpectedArguments::Max => words.push("MAX".to_owned()),
            ExpectedArguments::Numbers | ExpectedArguments::Members | ExpectedArguments::Any => {}
        }
        for (what, range) in
            [("length", self.length), ("precision", self.precision), ("scale", self.scale)]
        {
            match range {
                Some([min, max]) if min == max => words.push(format!("{what} {min}")),
                Some([min, max]) => words.push(format!("{what} {min}..{max}")),
                None => {}
            }
        }
        if self.fits {
            words.push("scale <= precision".to_owned());
        }
        words.join(", ")
    }

    /// The range of the argument of the DMS type, where the row limits it.
    pub(super) fn bounds(&self) -> (u64, u64) {
        let range = self.length.or(self.scale).unwrap_or([0, i64::MAX]);
        let [min, max] = range.map(|bound| u64::try_from(bound).unwrap_or_default());
        if self.dms.contains("(n)") || self.dms.contains("(s)") {
            (min, max)
        } else {
            (0, u64::MAX)
        }
    }

    fn only_scale(&self) -> bool {
        self.dms.contains("(s)")
    }

    fn p(&self, arguments: &Arguments) -> Option<i64> {
        arguments.first.or(self.p).or(self.n)
    }

    fn s(&self, arguments: &Arguments) -> Option<i64> {
        let written = if self.only_scale() { arguments.first } else { arguments.second };
        written.or(self.s)
    }

    fn holds(&self, arguments: &Arguments) -> bool {
        let expected = match self.arguments {
            ExpectedArguments::Numbers => {
                matches!(arguments.written, ArgumentForm::Absent | ArgumentForm::Numbers)
            }
            ExpectedArguments::None => arguments.is_silent(),
            ExpectedArguments::Max => arguments.written == ArgumentForm::Max,
            ExpectedArguments::Members => arguments.written == ArgumentForm::Members,
            ExpectedArguments::Any => true,
        };
        let within = |range: Option<[i64; 2]>, value: Option<i64>| match range {
            Some([min, max]) => value.is_some_and(|value| (min..=max).contains(&value)),
            None => true,
        };
        let (p, s) = (self.p(arguments), self.s(arguments));
        expected
            && within(self.length, p)
            && within(self.precision, p)
            && within(self.scale, s)
            && (!self.fits || s <= p)
    }

    /// The DMS type that this row gives for a type with these arguments.
    pub(super) fn dms_type(&self, arguments: &Arguments) -> DmsType<'_> {
        let (name, list) = self.dms.split_once('(').unwrap_or((&self.dms, ""));
        let value = |term: &str| {
            let number = match term {
                "n" | "p" => self.p(arguments),
                "s" => self.s(arguments),
                "octets" => self.p(arguments).map(|bits| bits.saturating_add(7) / 8),
                "longest" => arguments.first,
                "total" => arguments.second,
                digits => digits.parse().ok(),
            };
            number.and_then(|number| u64::try_from(number).ok())
        };
        let terms = list.trim_end_matches(')').split(',').filter(|term| !term.is_empty());
        let numbers = terms.map(value).collect::<Option<Vec<_>>>().unwrap_or_default();
        DmsType { name, numbers }
    }
}

/// The table of a source.
#[derive(Clone, Debug)]
pub(crate) struct SourceTable {
    rows: Vec<SourceRow>,
    spellings: Spellings,
    schemas: Vec<String>,
    pub(crate) brackets: bool,
    pub(crate) backticks: bool,
    pub(super) double_quoted_text: bool,
}

impl SourceTable {
    /// The table of `source`; `None` if there is no data of that name.
    pub(super) fn new(source: &str) -> Result<Option<SourceTable>, MappingError> {
        let Some((_, text)) = SOURCES.iter().find(|(name, _)| *name == source) else {
            return Ok(None);
        };
        let mut file: SourceFile =
            toml::from_str(text).map_err(|error| MappingError::Data(error.to_string()))?;
        let mut spellings = Spellings::default();
        let mut rows = std::mem::take(&mut file.row);
        for (at, row) in rows.iter_mut().enumerate() {
            if row.page.is_empty() {
                row.page.clone_from(&file.page);
            }
            for spelling in &row.source {
                spellings.add(spelling, at);
            }
        }
        spellings.index();
        let SourceFile { schemas, brackets, backticks, double_quoted_text, .. } = file;
        Ok(Some(SourceTable { rows, spellings, schemas, brackets, backticks, double_quoted_text }))
    }

    pub(super) fn rows(&self) -> &[SourceRow] {
        &self.rows
    }

    pub(super) fn row(&self, at: usize) -> Option<&SourceRow> {
        self.rows.get(at)
    }

    /// The spellings, to be followed word by word.
    pub(crate) fn spellings(&self) -> &Spellings {
        &self.spellings
    }

    /// Whether a schema holds types of the source itself, in any case.
    pub(crate) fn is_system_schema(&self, name: &[u8]) -> bool {
        self.schemas.iter().any(|schema| name.eq_ignore_ascii_case(schema.as_bytes()))
    }

    /// The row for a spelling with these arguments.
    pub(super) fn select(&self, spelling: SpellingId, arguments: &Arguments) -> Option<usize> {
        let rows = || self.spellings.rows(spelling).iter().copied();
        let find = |wanted: &dyn Fn(&SourceRow) -> bool| {
            rows().find(|&at| self.row(at).is_some_and(wanted))
        };
        find(&|row| row.holds(arguments)).or_else(|| {
            // A type without the length that it needs, as that of a routine's argument, has any.
            let absent = arguments.written == ArgumentForm::Absent;
            find(&|row| absent && row.arguments == ExpectedArguments::Numbers)
        })
    }

    /// Why there is no row.
    pub(super) fn refusal(&self, spelling: SpellingId, written: &[u8]) -> Refusal {
        let rows = self.spellings.rows(spelling).iter().filter_map(|&at| self.row(at));
        let conditions: Vec<_> =
            rows.map(SourceRow::condition).filter(|condition| !condition.is_empty()).collect();
        let written = shown(written);
        let known = if conditions.is_empty() {
            "only the type with its usual arguments".to_owned()
        } else {
            conditions.join("; ")
        };
        Refusal {
            sqlstate: SQLSTATE_INVALID,
            message: format!("type {written} cannot be mapped: its arguments are out of range"),
            hint: format!("There are rows for: {known}. An override for the type takes any."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_file_is_read_and_its_rows_are_named_after_it() {
        for (source, _) in SOURCES {
            let table = SourceTable::new(source).unwrap().unwrap();
            assert!(table.rows().len() > 20, "{source}");
            let prefix = if source.contains("m") && *source != "sqlserver" && *source != "sap-ase" {
                "mysql"
            } else {
                source
            };
            let mut ids: Vec<_> = table.rows().iter().map(|row| row.id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), table.rows().len(), "{source}");
            for row in table.rows() {
                assert!(row.id.starts_with(prefix), "{}", row.id);
                assert!(row.page.starts_with("https://docs.aws.amazon.com/dms/"), "{}", row.id);
                assert!(!row.source.is_empty(), "{}", row.id);
            }
        }
    }
}
