//! The OIDs of the types whose values are looked into; the same on every server.
//!
//! Source: PostgreSQL, `src/include/catalog/pg_type.dat`.

use super::ValueKind;

/// `boolean`
pub const BOOL: u32 = 16;
/// `bytea`
pub const BYTEA: u32 = 17;
/// `"char"`
pub const CHAR: u32 = 18;
/// `name`
pub const NAME: u32 = 19;
/// `bigint`
pub const INT8: u32 = 20;
/// `smallint`
pub const INT2: u32 = 21;
/// `integer`
pub const INT4: u32 = 23;
/// `text`
pub const TEXT: u32 = 25;
/// `oid`
pub const OID: u32 = 26;
/// `json[]`
pub const JSON_ARRAY: u32 = 199;
/// `xml[]`
pub const XML_ARRAY: u32 = 143;
/// `name[]`
pub const NAME_ARRAY: u32 = 1003;
/// `text[]`
pub const TEXT_ARRAY: u32 = 1009;
/// `character(n)[]`
pub const BPCHAR_ARRAY: u32 = 1014;
/// `character varying(n)[]`
pub const VARCHAR_ARRAY: u32 = 1015;
/// `json`
pub const JSON: u32 = 114;
/// `xml`
pub const XML: u32 = 142;
/// `real`
pub const FLOAT4: u32 = 700;
/// `double precision`
pub const FLOAT8: u32 = 701;
/// The type of a constant that has none yet.
pub const UNKNOWN: u32 = 705;
/// `character(n)`
pub const BPCHAR: u32 = 1042;
/// `character varying(n)`
pub const VARCHAR: u32 = 1043;
/// `date`
pub const DATE: u32 = 1082;
/// `time without time zone`
pub const TIME: u32 = 1083;
/// `timestamp without time zone`
pub const TIMESTAMP: u32 = 1114;
/// `timestamp with time zone`
pub const TIMESTAMPTZ: u32 = 1184;
/// `interval`
pub const INTERVAL: u32 = 1186;
/// `time with time zone`
pub const TIMETZ: u32 = 1266;
/// `bit(n)`
pub const BIT: u32 = 1560;
/// `bit varying(n)`
pub const VARBIT: u32 = 1562;
/// `numeric`
pub const NUMERIC: u32 = 1700;
/// `cstring`
pub const CSTRING: u32 = 2275;
/// `uuid`
pub const UUID: u32 = 2950;
/// `jsonb`
pub const JSONB: u32 = 3802;
/// `jsonb[]`
pub const JSONB_ARRAY: u32 = 3807;

/// The OID and the modifier (`atttypmod`) of a type of PostgreSQL's own by its name in SQL, in lower case
/// and with one blank between words, and the numbers behind it. `None` for any other name.
///
/// Source: PostgreSQL manual, "Data Types"; `src/backend/parser/gram.y`, and the `typmodin` functions.
pub fn named(name: &str, modifiers: &[i32]) -> Option<(u32, i32)> {
    /// Bytes that the modifiers of lengths and of `numeric` count in addition.
    const VARHDRSZ: i32 = 4;
    let length = |default: i32| modifiers.first().map_or(default, |n| n.saturating_add(VARHDRSZ));
    let digits = modifiers.first().copied().unwrap_or(-1);
    Some(match name {
        "boolean" | "bool" => (BOOL, -1),
        "bytea" => (BYTEA, -1),
        "\"char\"" => (CHAR, -1),
        "name" => (NAME, -1),
        "bigint" | "int8" | "bigserial" | "serial8" => (INT8, -1),
        "smallint" | "int2" | "smallserial" | "serial2" => (INT2, -1),
        "integer" | "int" | "int4" | "serial" | "serial4" => (INT4, -1),
        "text" => (TEXT, -1),
        "oid" => (OID, -1),
        "json" => (JSON, -1),
        "jsonb" => (JSONB, -1),
        "xml" => (XML, -1),
        "uuid" => (UUID, -1),
        "real" | "float4" => (FLOAT4, -1),
        "float" if (1..=24).contains(&digits) => (FLOAT4, -1),
        "double precision" | "float8" | "float" => (FLOAT8, -1),
        "char" | "character" | "nchar" | "national char" | "national character" => {
            (BPCHAR, length(1 + VARHDRSZ))
        }
        "bpchar" => (BPCHAR, length(-1)),
        "varchar"
        | "character varying"
        | "char varying"
        | "nchar varying"
        | "national character varying"
        | "national char varying" => (VARCHAR, length(-1)),
        "date" => (DATE, -1),
        "time" | "time without time zone" => (TIME, digits),
        "timetz" | "time with time zone" => (TIMETZ, digits),
        "timestamp" | "timestamp without time zone" => (TIMESTAMP, digits),
        "timestamptz" | "timestamp with time zone" => (TIMESTAMPTZ, digits),
        "interval" => (INTERVAL, -1),
        "numeric" | "decimal" | "dec" => {
            let scale = modifiers.get(1).copied().unwrap_or(0);
            let packed = (digits << 16 | scale & 0x7FF).saturating_add(VARHDRSZ);
            (NUMERIC, if modifiers.is_empty() { -1 } else { packed })
        }
        _ => return None,
    })
}

/// The array of a type, where its values are looked into.
pub fn array_of(type_oid: u32) -> Option<u32> {
    Some(match type_oid {
        XML => XML_ARRAY,
        NAME => NAME_ARRAY,
        TEXT => TEXT_ARRAY,
        BPCHAR => BPCHAR_ARRAY,
        VARCHAR => VARCHAR_ARRAY,
        JSON => JSON_ARRAY,
        JSONB => JSONB_ARRAY,
        _ => return None,
    })
}

/// What values of a type hold. `"char"` is a byte and no character: it stores the zero byte, which
/// its binary format has as it is.
pub fn kind_of(type_oid: u32) -> ValueKind {
    match type_oid {
        NAME | TEXT | XML | UNKNOWN | BPCHAR | VARCHAR | CSTRING => ValueKind::Character,
        JSON | JSONB => ValueKind::Json,
        XML_ARRAY | NAME_ARRAY | TEXT_ARRAY | BPCHAR_ARRAY | VARCHAR_ARRAY => {
            ValueKind::CharacterArray
        }
        JSON_ARRAY | JSONB_ARRAY => ValueKind::JsonArray,
        _ => ValueKind::Other,
    }
}
