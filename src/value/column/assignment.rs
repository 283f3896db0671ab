//! Which declared types of a parameter PostgreSQL assigns to a column by itself, and which it refuses
//! (42804) although the value would do. Knows OIDs, no values.

use super::Column;
use super::type_oid::{
    BOOL, BPCHAR, BYTEA, CHAR, DATE, FLOAT4, FLOAT8, INT2, INT4, INT8, INTERVAL, JSON, JSONB, NAME,
    NUMERIC, OID, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ, UNKNOWN, UUID, VARCHAR, XML,
};

/// The modifier of `VARCHAR(37)`, as which timestamps with seven to nine digits of a second arrive.
pub const VARCHAR_37: i32 = 37 + 4;

/// The first OID of a type that was created by a user.
///
/// Source: PostgreSQL, `FirstNormalObjectId` in `src/include/access/transam.h`.
pub const FIRST_USER_OID: u32 = 16_384;

/// What assigns to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    String,
    Number,
    Boolean,
    Date,
    Time,
    Json,
    /// A type that assigns to nothing but itself.
    Alone,
    /// A type of which nothing is known here.
    Unknown,
}

/// Whether there is a column for which [`should_be_inferred`] says yes.
pub fn may_be_inferred(declared_oid: u32) -> bool {
    !matches!(declared_oid, 0 | UNKNOWN | BYTEA) && family(declared_oid) != Family::Unknown
}

/// Whether the server should infer the type of a parameter from its column instead of taking the
/// declared one: where it would refuse to assign it, and where it would assign it in another layout
/// than a load wants (`timestamp` into `VARCHAR(37)`, `jsonb` into text, whose spelling it changes).
///
/// Source: PostgreSQL, `src/include/catalog/pg_cast.dat`; any type assigns to strings by its output.
pub fn should_be_inferred(declared_oid: u32, column: &Column) -> bool {
    if declared_oid == column.type_oid || !may_be_inferred(declared_oid) {
        return false;
    }
    match (family(declared_oid), family(column.type_oid)) {
        (Family::Unknown, _) => false,
        // The digits of a number, or the letters of anything else, would be read as a date or as bytes.
        (Family::String, Family::Date | Family::Time) => true,
        (Family::String, _) if matches!(column.type_oid, BYTEA | INTERVAL) => true,
        (_, Family::Date | Family::Time) => false,
        (_, _) if column.type_oid == INTERVAL => false,
        (_, _) if column.type_oid == BYTEA => declared_oid == UUID,
        (Family::String, Family::Unknown) => true,
        (_, Family::Unknown) => false,
        (Family::Date, Family::String) => {
            column.type_oid == VARCHAR && column.modifier == VARCHAR_37 && declared_oid != DATE
        }
        (Family::Json, Family::String) => declared_oid == JSONB,
        (_, Family::String) => false,
        (from, to) if from == to && from != Family::Alone => false,
        (Family::Date | Family::Time | Family::Alone, _) => false,
        _ => true,
    }
}

/// Whether the server should be told that a parameter is of its column's type, where it would
/// not infer that: in rows that a statement reads from by a name. There a parameter without a type is
/// text, which the server assigns to strings alone.
pub fn should_be_told(declared_oid: u32, column: &Column) -> bool {
    column.type_oid != 0
        && family(column.type_oid) != Family::String
        && (matches!(declared_oid, 0 | UNKNOWN) || should_be_inferred(declared_oid, column))
}

fn family(type_oid: u32) -> Family {
    match type_oid {
        TEXT | VARCHAR | BPCHAR | NAME | CHAR => Family::String,
        INT2 | INT4 | INT8 | FLOAT4 | FLOAT8 | NUMERIC | OID => Family::Number,
        BOOL => Family::Boolean,
        DATE | TIMESTAMP | TIMESTAMPTZ => Family::Date,
        TIME | TIMETZ => Family::Time,
        JSON | JSONB => Family::Json,
        BYTEA | INTERVAL | UUID | XML => Family::Alone,
        _ => Family::Unknown,
    }
}

/// Whether values of the type are numbers.
pub fn is_number(type_oid: u32) -> bool {
    family(type_oid) == Family::Number
}

/// Whether values of the type are strings of characters.
pub fn is_string(type_oid: u32) -> bool {
    matches!(type_oid, TEXT | VARCHAR | BPCHAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_oid: u32, modifier: i32) -> Column {
        Column { type_oid, modifier, ..Column::default() }
    }

    #[test]
    fn what_the_server_refuses_is_inferred() {
        for (declared, into, inferred) in [
            (VARCHAR, JSONB, true),
            (TEXT, UUID, true),
            (VARCHAR, TIMESTAMP, true),
            (VARCHAR, NUMERIC, true),
            (TEXT, FIRST_USER_OID, true),
            (INT4, BOOL, true),
            (BOOL, INT2, true),
            (JSONB, TEXT, true),
            (INT4, INT8, false),
            (FLOAT8, NUMERIC, false),
            (DATE, TIMESTAMP, false),
            (TIMESTAMP, TIME, false),
            (TIME, INTERVAL, false),
            (INT4, TEXT, false),
            (TIMESTAMP, TEXT, false),
            (JSON, JSONB, false),
            (JSON, TEXT, false),
            (0, JSONB, false),
            (INT8, TIMESTAMP, false),
            (INT4, TIME, false),
            (INT8, INTERVAL, false),
            (NUMERIC, DATE, false),
            (BOOL, DATE, false),
            (TIMESTAMP, INT8, false),
            (DATE, TIME, false),
            (TEXT, INTERVAL, true),
            (INTERVAL, INT8, false),
            (UUID, JSONB, false),
            (UUID, BYTEA, true),
            (VARCHAR, BYTEA, true),
            (INT4, BYTEA, false),
            (BOOL, BYTEA, false),
            (TIMESTAMPTZ, BYTEA, false),
            (JSONB, BYTEA, false),
            (INT4, INT4, false),
            (FIRST_USER_OID, JSONB, false),
            (INT4, FIRST_USER_OID, false),
        ] {
            assert_eq!(
                should_be_inferred(declared, &column(into, -1)),
                inferred,
                "{declared} {into}"
            );
        }
        assert!(should_be_inferred(TIMESTAMPTZ, &column(VARCHAR, VARCHAR_37)));
        assert!(!should_be_inferred(DATE, &column(VARCHAR, VARCHAR_37)));
    }

    #[test]
    fn what_the_server_would_take_for_text_is_told() {
        for (declared, into, told) in [
            (0, JSONB, true),
            (0, FIRST_USER_OID, true),
            (UNKNOWN, BOOL, true),
            (VARCHAR, JSONB, true),
            (INT4, BOOL, true),
            (0, VARCHAR, false),
            (TEXT, VARCHAR, false),
            (JSONB, TEXT, false),
            (INT4, INT8, false),
            (0, 0, false),
        ] {
            assert_eq!(should_be_told(declared, &column(into, -1)), told, "{declared} {into}");
        }
    }
}
