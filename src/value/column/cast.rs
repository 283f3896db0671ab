//! What stands around an expression so that a column takes it: a cast that means the same as if its text had
//! been given. Knows OIDs and names of types, no values.

use super::Column;
use super::assignment::{is_number, is_string};
use super::type_oid::{
    BIT, BOOL, BPCHAR, BYTEA, CHAR, DATE, FLOAT4, FLOAT8, INT2, INT4, INT8, INTERVAL, JSON, JSONB,
    NAME, NUMERIC, OID, TEXT, TEXT_ARRAY, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ, UUID, VARBIT,
    VARCHAR, VARCHAR_ARRAY, XML,
};

/// What stands in front of an expression and behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// In front of it.
    pub front: &'static str,
    /// Behind it.
    pub back: String,
}

impl Cast {
    fn new(front: &'static str, back: &str, type_name: &str) -> Cast {
        Cast { front, back: format!("{back}{type_name})") }
    }
}

/// The cast for an expression of a type that is assigned to a column; `None` where the server takes it, or
/// where it is not meant for the column.
///
/// | Expression | Column | Cast |
/// | --- | --- | --- |
/// | strings, arrays of strings | anything but strings, but arrays of strings | by their text |
/// | numbers | `boolean` | by their digits: 0 and 1 |
/// | `boolean` | numbers | 1 and 0 |
/// | bits | numbers, `boolean` | by their number |
/// | `uuid` | `bytea` | its 16 bytes |
/// | `bytea` | JSON | its text in UTF-8 |
pub fn cast_for_assignment(type_oid: u32, column: &Column) -> Option<Cast> {
    let name = type_name(column)?;
    let to = column.type_oid;
    let is_array = matches!(type_oid, TEXT_ARRAY | VARCHAR_ARRAY);
    if is_array && column.user_type.is_some() {
        // Element by element a cast to a domain over `varchar(4)` would cut silently.
        return Some(Cast::new("CAST(CAST(", " AS pg_catalog.text) AS ", &name));
    }
    if is_string(type_oid) || is_array && column.element_oid != 0 && !is_string(column.element_oid)
    {
        return Some(Cast::new("CAST(", " AS ", &name));
    }
    Some(match to {
        BOOL if is_number(type_oid) => Cast::new("CAST(CAST(", " AS pg_catalog.text) AS ", &name),
        BOOL if type_oid == BIT => {
            Cast::new("CAST(CAST(CAST(", " AS pg_catalog.int8) AS pg_catalog.text) AS ", &name)
        }
        oid if is_number(oid) && type_oid == BOOL => {
            Cast::new("CAST(CAST(", " AS pg_catalog.int4) AS ", &name)
        }
        oid if is_number(oid) && type_oid == BIT => {
            Cast::new("CAST(CAST(", " AS pg_catalog.int8) AS ", &name)
        }
        BYTEA if type_oid == UUID => Cast { front: "pg_catalog.uuid_send(", back: ")".to_owned() },
        JSON | JSONB if type_oid == BYTEA => {
            Cast::new("CAST(pg_catalog.convert_from(", ", 'UTF8') AS ", &name)
        }
        _ => return None,
    })
}

/// The cast for an expression of a type that is compared with a column, or, as an array, with whose elements it
/// is compared. Types that users have made compare with strings as they like, but for enums.
pub fn cast_for_comparison(type_oid: u32, column: &Column, elements: bool) -> Option<Cast> {
    let compares = column.user_type.as_ref().is_none_or(|user_type| user_type.is_enum);
    let is_meant = match elements {
        true => matches!(type_oid, TEXT_ARRAY | VARCHAR_ARRAY),
        false => is_string(type_oid),
    };
    let name = type_name(column).filter(|_| compares && is_meant)?;
    Some(match elements {
        true => Cast::new("CAST(", " AS ", &(name + "[]")),
        false => Cast::new("CAST(", " AS ", &name),
    })
}

/// The type of a column as a cast spells it, without its modifier: a cast to that would cut, and the server
/// says what is too long. `None` for strings, and for types that are not known here.
fn type_name(column: &Column) -> Option<String> {
    if let Some(user_type) = &column.user_type {
        return Some(user_type.name.clone());
    }
    let plain = |type_oid| {
        Some(match type_oid {
            BOOL => "bool",
            BYTEA => "bytea",
            INT2 => "int2",
            INT4 => "int4",
            INT8 => "int8",
            FLOAT4 => "float4",
            FLOAT8 => "float8",
            NUMERIC => "numeric",
            OID => "oid",
            DATE => "date",
            TIME => "time",
            TIMETZ => "timetz",
            TIMESTAMP => "timestamp",
            TIMESTAMPTZ => "timestamptz",
            INTERVAL => "interval",
            UUID => "uuid",
            JSON => "json",
            JSONB => "jsonb",
            XML => "xml",
            // Without a length `bit` is one bit.
            BIT | VARBIT => "varbit",
            600 => "point",
            650 => "cidr",
            829 => "macaddr",
            869 => "inet",
            790 => "money",
            3614 => "tsvector",
            _ => return None,
        })
    };
    let of_elements = |type_oid| match type_oid {
        TEXT => Some("text"),
        VARCHAR => Some("varchar"),
        BPCHAR => Some("bpchar"),
        NAME => Some("name"),
        CHAR => None,
        other => plain(other),
    };
    match column.element_oid {
        0 => plain(column.type_oid).map(|name| format!("pg_catalog.{name}")),
        element => of_elements(element).map(|name| format!("pg_catalog.{name}[]")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::UserType;
    use super::*;

    fn assigned(type_oid: u32, to: u32) -> Option<String> {
        let column = Column { type_oid: to, modifier: -1, ..Column::default() };
        cast_for_assignment(type_oid, &column).map(|cast| format!("{}x{}", cast.front, cast.back))
    }

    #[test]
    fn expressions_are_cast_where_their_text_is_meant() {
        for (from, to, expected) in [
            (VARCHAR, UUID, Some("CAST(x AS pg_catalog.uuid)")),
            (TEXT, NUMERIC, Some("CAST(x AS pg_catalog.numeric)")),
            (INT4, BOOL, Some("CAST(CAST(x AS pg_catalog.text) AS pg_catalog.bool)")),
            (BOOL, INT2, Some("CAST(CAST(x AS pg_catalog.int4) AS pg_catalog.int2)")),
            (UUID, BYTEA, Some("pg_catalog.uuid_send(x)")),
            (BYTEA, JSON, Some("CAST(pg_catalog.convert_from(x, 'UTF8') AS pg_catalog.json)")),
            (VARCHAR, TEXT, None),
            (INT8, TIMESTAMP, None),
            (INT4, BYTEA, None),
            (BYTEA, TEXT, None),
            (UUID, JSONB, None),
            (VARCHAR, 0, None),
        ] {
            assert_eq!(assigned(from, to).as_deref(), expected, "{from} {to}");
        }
    }

    #[test]
    fn arrays_become_those_of_users_by_their_text() {
        let user_type = Some(UserType { name: "s._vc4".to_owned(), is_enum: false });
        let column =
            Column { type_oid: 17_001, element_oid: 17_000, user_type, ..Column::default() };
        let cast = cast_for_assignment(TEXT_ARRAY, &column).unwrap();
        assert_eq!((cast.front, &*cast.back), ("CAST(CAST(", " AS pg_catalog.text) AS s._vc4)"));
    }

    #[test]
    fn strings_are_compared_as_what_they_are_compared_with() {
        let column = |type_oid, user_type| Column { type_oid, user_type, ..Column::default() };
        let mood = |is_enum| {
            let name = "s.mood".to_owned();
            column(17_000, Some(UserType { name, is_enum }))
        };
        let cast = |from, column: &Column, elements| {
            cast_for_comparison(from, column, elements).map(|cast| cast.back)
        };
        assert_eq!(cast(VARCHAR, &mood(true), false).as_deref(), Some(" AS s.mood)"));
        assert_eq!(cast(VARCHAR, &mood(false), false), None);
        assert_eq!(cast(TEXT_ARRAY, &mood(true), true).as_deref(), Some(" AS s.mood[])"));
        let uuid = column(UUID, None);
        assert_eq!(cast(INT4, &uuid, false), None);
        assert_eq!(cast(VARCHAR, &uuid, true), None);
        assert_eq!(cast(VARCHAR, &column(TEXT, None), false), None);
    }
}
