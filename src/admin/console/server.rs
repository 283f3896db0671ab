//! What clients ask any PostgreSQL before they ask what they came for.

use super::super::listing::{Cell, Listing};

/// The version that the console says it has: readers compare it.
pub(super) const SERVER_VERSION: &str = concat!("17.0 (dms-proxy ", env!("CARGO_PKG_VERSION"), ")");

/// Settings that clients ask for, and what the console says.
pub(super) const SETTINGS: [(&str, &str); 10] = [
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("default_transaction_isolation", "read committed"),
    ("integer_datetimes", "on"),
    ("max_identifier_length", "63"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("standard_conforming_strings", "on"),
    ("TimeZone", "GMT"),
    ("transaction_isolation", "read committed"),
];

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

/// `SHOW ALL`, or the setting of a name in capital letters.
pub(super) fn show(name: &str) -> Option<Listing> {
    if name == "ALL" {
        let mut listing = Listing::new("name setting description");
        for (name, value) in SETTINGS {
            listing.rows.push(vec![text(name), text(value), text("")]);
        }
        return Some(listing);
    }
    let name = match name {
        "TIME ZONE" => "TIMEZONE",
        "TRANSACTION ISOLATION LEVEL" => "TRANSACTION_ISOLATION",
        name => name,
    };
    let (name, value) = SETTINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let mut listing = Listing::new(name);
    listing.rows.push(vec![text(value)]);
    Some(listing)
}

/// The queries that tell whether somebody answers.
pub(super) fn select(statement: &str) -> Option<Listing> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let query = words.join(" ").to_lowercase();
    let (column, value) = match query.as_str() {
        "select 1" => ("?column?:int", Cell::Int(1)),
        "select version()" | "select pg_catalog.version()" => {
            ("version", Cell::Text(format!("PostgreSQL {SERVER_VERSION}")))
        }
        _ => return None,
    };
    let mut listing = Listing::new(column);
    listing.rows.push(vec![value]);
    Some(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_ask_first_is_known() {
        assert_eq!(show("DATESTYLE").unwrap().rows, [[text("ISO, MDY")]]);
        assert_eq!(show("ALL").unwrap().rows.len(), SETTINGS.len());
        assert!(show("WORK_MEM").is_none());
        assert_eq!(select("SELECT  1").unwrap().rows, [[Cell::Int(1)]]);
        assert!(select("SELECT 2").is_none());
    }
}
