//! The rows of the tables and of the configuration as people read them, both legs in one line.

use super::dialect::SourceRow;
use super::dms_row::DmsRow;
use super::dms_table::DmsTable;
use super::{Dialect, JsonPolicy, Override, OverrideScope, Rule, USER_DEFINED};

/// AWS DMS user guide, "Target data types for PostgreSQL", and its notes on a PostgreSQL source.
const TARGET_POSTGRESQL: &str = "https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.PostgreSQL.html#CHAP_Target.PostgreSQL.DataTypes";

/// The rules of a source's own table.
pub(super) fn built_in(dialect: &Dialect, table: &DmsTable, json: JsonPolicy) -> Vec<Rule> {
    match dialect {
        Dialect::Dms => table.rows().iter().map(|row| dms_rule(row, table)).collect(),
        Dialect::Source(source) => {
            source.rows().iter().map(|row| source_rule(row, table, json)).collect()
        }
        Dialect::PostgreSql(_) => {
            let numeric = table.through("NUMERIC", &[]).unwrap_or_default();
            let string = numeric != "DECIMAL";
            let numeric = string
                .then(|| rule("postgresql-numeric-unbounded", "NUMERIC", "NUMERIC", &numeric));
            let user = rule("postgresql-user-defined", "any user-defined type", "", USER_DEFINED);
            [user].into_iter().chain(numeric).collect()
        }
    }
}

/// The rule of identity columns.
pub(super) const IDENTITY: &str = "identity";

/// The rule of columns that refer to others.
pub(super) const FOREIGN_KEY: &str = "foreign-key";

/// The rule of types that a source makes of others.
pub(super) const ALIAS: &str = "alias-type";

/// The rule of defaults that a source writes in its own way.
pub(super) const DEFAULT: &str = "default-clause";

/// The rule of an ADD for several columns.
pub(super) const ADD: &str = "add-list";

/// The rules for types that depend on what stands around them.
pub(super) fn around(dialect: &Dialect) -> Vec<Rule> {
    let of_postgresql =
        |id: &str, source_type: &str, condition: &str, target: &str, source: &str| Rule {
            id: id.to_owned(),
            source_type: source_type.to_owned(),
            condition: condition.to_owned(),
            dms: String::new(),
            target: target.to_owned(),
            source: format!("https://www.postgresql.org/docs/current/{source}.html"),
        };
    let identity = || {
        let target = "SMALLINT, INTEGER from precision 5, BIGINT from precision 10";
        of_postgresql(IDENTITY, "NUMERIC", "GENERATED AS IDENTITY", target, "sql-createtable")
    };
    let foreign_key = || {
        let (condition, target) = ("REFERENCES a column of integers", "the type of that column");
        of_postgresql(FOREIGN_KEY, "NUMERIC, REAL4, REAL8", condition, target, "ddl-constraints")
    };
    let alias = || {
        let source_type = "CREATE TYPE name FROM type";
        of_postgresql(ALIAS, source_type, "", "CREATE DOMAIN name AS type", "sql-createdomain")
    };
    let default = || {
        let written = "WITH DEFAULT value, DEFAULT $0, DEFAULT '\\0'";
        of_postgresql(DEFAULT, written, "", "DEFAULT value", "sql-createtable")
    };
    let add = || of_postgresql(ADD, "ADD a, b", "", "ADD a, ADD b", "sql-altertable");
    match dialect {
        Dialect::PostgreSql(_) => Vec::new(),
        Dialect::Source(source) if source.brackets => {
            vec![identity(), foreign_key(), alias(), default(), add()]
        }
        Dialect::Source(_) => vec![identity(), foreign_key(), default()],
        // With these type names PostgreSQL's own scripts come, whose types stay.
        Dialect::Dms => vec![identity()],
    }
}

fn rule(id: &str, source_type: &str, dms: &str, target: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        source_type: source_type.to_owned(),
        condition: if dms.is_empty() {
            String::new()
        } else {
            "without precision and scale".into()
        },
        dms: dms.to_owned(),
        target: target.to_owned(),
        source: TARGET_POSTGRESQL.to_owned(),
    }
}

fn dms_rule(row: &DmsRow, table: &DmsTable) -> Rule {
    Rule {
        id: row.id.to_owned(),
        source_type: row.dms.to_owned(),
        condition: row.condition(),
        dms: row.dms.to_owned(),
        target: table.target_text(row),
        source: row.source.to_owned(),
    }
}

fn source_rule(row: &SourceRow, table: &DmsTable, json: JsonPolicy) -> Rule {
    let target = if json == JsonPolicy::Keep && is_json(row) {
        "JSON".to_owned()
    } else {
        targets(row, table)
    };
    Rule {
        id: row.id.clone(),
        source_type: row.source.join(", "),
        condition: row.condition(),
        dms: row.dms().to_owned(),
        target,
        source: row.page.clone(),
    }
}

/// Whether this is the row of a source's JSON type.
pub(super) fn is_json(row: &SourceRow) -> bool {
    row.source.iter().any(|spelling| spelling == "JSON")
}

/// The PostgreSQL types of a row: one, or one for each part of the range of its argument.
fn targets(row: &SourceRow, table: &DmsTable) -> String {
    let (name, list) = row.dms().split_once('(').unwrap_or((row.dms(), ""));
    let list = list.trim_end_matches(')');
    let numbers: Option<Vec<u64>> =
        list.split(',').filter(|term| !term.is_empty()).map(|term| term.parse().ok()).collect();
    if let Some(numbers) = numbers {
        return table.through(name, &numbers).unwrap_or_default();
    }
    if name == "NUMERIC" {
        return format!("DECIMAL({list})");
    }
    let (min, max) = row.bounds();
    let found = table.find(name.as_bytes()).and_then(|rows| table.rows().get(rows));
    let within = found
        .unwrap_or_default()
        .iter()
        .filter(|row| row.bounds().is_none_or(|(_, from, to, _)| from <= max && min <= to));
    let parts = within.map(|row| {
        let target = table.target_text(row);
        match row.bounds() {
            Some((what, from, ..)) if from > min.max(1) => format!("{target} from {what} {from}"),
            _ => target,
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// The rules of overrides.
pub(super) fn overriding<'a>(
    overrides: &'a [Override],
    targets: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = Rule> {
    overrides.iter().zip(targets).map(|(row, target)| Rule {
        id: format!("override:{}", row.scope.text().replace(' ', "")),
        source_type: match &row.scope {
            OverrideScope::Column(column) => column.dms_type.clone().unwrap_or("any".into()),
            scope => scope.text(),
        },
        condition: match &row.scope {
            OverrideScope::Column(column) => {
                format!("column {}.{}.{}", column.schema, column.table, column.column)
            }
            _ => String::new(),
        },
        dms: match &row.scope {
            OverrideScope::DmsType(name) => name.clone(),
            _ => String::new(),
        },
        target: target.to_owned(),
        source: row.origin.clone(),
    })
}

/// Whether two spellings of a type differ only in blanks and case.
pub(super) fn same_spelling(one: &[u8], other: &[u8]) -> bool {
    fn letters(text: &[u8]) -> impl Iterator<Item = u8> {
        let text = text.iter().filter(|byte| !byte.is_ascii_whitespace());
        text.map(u8::to_ascii_uppercase)
    }
    letters(one).eq(letters(other))
}
