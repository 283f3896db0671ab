//! Rows with names and types, as the console shows them.

use serde_json::{Map, Value, json};

use super::time::rfc3339;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// None.
    Null,
    /// A text.
    Text(String),
    /// An integer.
    Int(u64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// A moment, in microseconds since 1970.
    Time(u64),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellType {
    /// `text`
    Text,
    /// `int8`
    Int,
    /// `float8`
    Float,
    /// `bool`
    Bool,
    /// `timestamptz`
    Time,
}

/// Seconds between the epochs of Unix and of PostgreSQL, 2000-01-01.
const EPOCH_SECONDS: u64 = 946_684_800;

impl CellType {
    /// The OID and the size of the type. Source: PostgreSQL, `src/include/catalog/pg_type.dat`.
    pub(super) fn oid_and_size(self) -> (u32, i16) {
        match self {
            CellType::Text => (25, -1),
            CellType::Int => (20, 8),
            CellType::Float => (701, 8),
            CellType::Bool => (16, 1),
            CellType::Time => (1184, 8),
        }
    }
}

impl Cell {
    /// A text; none for an empty one.
    pub(super) fn optional(text: &str) -> Cell {
        if text.is_empty() { Cell::Null } else { Cell::Text(text.to_owned()) }
    }

    /// A moment; none for 0.
    pub(super) fn moment(micros: u64) -> Cell {
        if micros == 0 { Cell::Null } else { Cell::Time(micros) }
    }

    /// As the text format of the protocol has it; `None` for NULL.
    pub(super) fn text(&self) -> Option<String> {
        Some(match self {
            Cell::Null => return None,
            Cell::Text(text) => text.clone(),
            Cell::Int(number) => number.to_string(),
            Cell::Float(number) => number.to_string(),
            Cell::Bool(is_so) => if *is_so { "t" } else { "f" }.to_owned(),
            Cell::Time(micros) => rfc3339(*micros).replace('T', " ").replace('Z', "+00"),
        })
    }

    /// As the binary format has it; `None` for NULL.
    pub(super) fn binary(&self) -> Option<Vec<u8>> {
        Some(match self {
            Cell::Null => return None,
            Cell::Text(text) => text.clone().into_bytes(),
            Cell::Int(number) => number.to_be_bytes().to_vec(),
            Cell::Float(number) => number.to_be_bytes().to_vec(),
            Cell::Bool(is_so) => vec![u8::from(*is_so)],
            Cell::Time(micros) => {
                let since = micros.cast_signed() - (EPOCH_SECONDS * 1_000_000).cast_signed();
                since.to_be_bytes().to_vec()
            }
        })
    }

    fn json(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Text(text) => json!(text),
            Cell::Int(number) => super::api::number(*number),
            Cell::Float(number) => json!(number),
            Cell::Bool(is_so) => json!(is_so),
            Cell::Time(micros) => super::api::moment(*micros),
        }
    }
}

/// Rows under names.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Listing {
    /// Names and types.
    pub columns: Vec<(&'static str, CellType)>,
    /// The rows, each as wide.
    pub rows: Vec<Vec<Cell>>,
}

impl Listing {
    /// No rows yet, under the names of a line: `name`, or `name:int` and so on.
    pub(super) fn new(columns: &'static str) -> Listing {
        let column = |column: &'static str| {
            let (name, kind) = column.split_once(':').unwrap_or((column, "text"));
            let kind = match kind {
                "int" => CellType::Int,
                "float" => CellType::Float,
                "bool" => CellType::Bool,
                "time" => CellType::Time,
                _ => CellType::Text,
            };
            (name, kind)
        };
        Listing { columns: columns.split_whitespace().map(column).collect(), rows: Vec::new() }
    }

    /// The rows as one row of JSON.
    pub(super) fn into_json(self) -> Listing {
        let object = |row: &Vec<Cell>| {
            let fields = self.columns.iter().zip(row);
            fields.map(|((name, _), cell)| ((*name).to_owned(), cell.json())).collect()
        };
        let rows: Vec<Map<String, Value>> = self.rows.iter().map(object).collect();
        let mut listing = Listing::new("json");
        listing.rows.push(vec![Cell::Text(json!(rows).to_string())]);
        listing
    }

    /// Only rows in which one of the named columns fits a pattern.
    pub(super) fn retain(&mut self, names: &[&str], fits: impl Fn(&str) -> bool) {
        let at: Vec<usize> = names
            .iter()
            .filter_map(|name| self.columns.iter().position(|(column, _)| column == name))
            .collect();
        self.rows.retain(|row| {
            let texts = at.iter().filter_map(|index| row.get(*index)?.text());
            texts.into_iter().any(|text| fits(&text))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_both_formats() {
        let time = Cell::Time(EPOCH_SECONDS * 1_000_000 + 1000);
        assert_eq!(time.text().as_deref(), Some("2000-01-01 00:00:00.001+00"));
        assert_eq!(time.binary(), Some(1000_i64.to_be_bytes().to_vec()));
        assert_eq!((Cell::Null.text(), Cell::Null.binary()), (None, None));
        assert_eq!(Cell::Bool(true).text().as_deref(), Some("t"));
    }

    #[test]
    fn rows_become_json() {
        let mut listing = Listing::new("a b:int");
        listing.rows.push(vec![Cell::Text("x".into()), Cell::Int(7)]);
        let json = listing.into_json();
        assert_eq!(json.rows[0][0], Cell::Text("[{\"a\":\"x\",\"b\":7}]".into()));
    }
}
