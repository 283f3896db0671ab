//! Which type names are PostgreSQL's own, and which of a schema's own types stay. Knows names only.
//!
//! Source: pg_type of PostgreSQL 9.4 to 18, and the type names of its grammar.

use super::pattern::matches;

/// The names of pg_catalog and of the grammar, sorted. Those that start with `pg_` are PostgreSQL's
/// too, and an underscore before a name is its array.
const NAMES: &[&str] = &[
    "abstime",
    "aclitem",
    "any",
    "anyarray",
    "anycompatible",
    "anycompatiblearray",
    "anycompatiblemultirange",
    "anycompatiblenonarray",
    "anycompatiblerange",
    "anyelement",
    "anyenum",
    "anymultirange",
    "anynonarray",
    "anyrange",
    "bigint",
    "bigserial",
    "bit",
    "bool",
    "boolean",
    "box",
    "bpchar",
    "bytea",
    "char",
    "character",
    "cid",
    "cidr",
    "circle",
    "cstring",
    "date",
    "datemultirange",
    "daterange",
    "dec",
    "decimal",
    "double",
    "event_trigger",
    "fdw_handler",
    "float",
    "float4",
    "float8",
    "gtsvector",
    "index_am_handler",
    "inet",
    "int",
    "int2",
    "int2vector",
    "int4",
    "int4multirange",
    "int4range",
    "int8",
    "int8multirange",
    "int8range",
    "integer",
    "internal",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "language_handler",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "national",
    "nchar",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "oidvector",
    "opaque",
    "path",
    "point",
    "polygon",
    "real",
    "record",
    "refcursor",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "reltime",
    "serial",
    "serial2",
    "serial4",
    "serial8",
    "smallint",
    "smallserial",
    "smgr",
    "table_am_handler",
    "text",
    "tid",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "tinterval",
    "trigger",
    "tsm_handler",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "unknown",
    "uuid",
    "varbit",
    "varchar",
    "void",
    "xid",
    "xid8",
    "xml",
];

/// Types of more than one word.
const PHRASES: &[&str] = &[
    "bit varying",
    "char varying",
    "character varying",
    "double precision",
    "national char",
    "national char varying",
    "national character",
    "national character varying",
    "nchar varying",
    "time with time zone",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
];

/// Names longer than this are not names of types.
const NAME_BYTES_MAX: usize = 63;

/// Whether PostgreSQL has a type of this unquoted name, in any case.
pub(crate) fn is_native(name: &[u8]) -> bool {
    let mut buffer = [0; NAME_BYTES_MAX];
    let Some(lower) = buffer.get_mut(..name.len()) else { return false };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    is_native_lower(lower)
}

/// Whether PostgreSQL has a type of exactly this name, as in `"int4"` or `"char"`.
pub(crate) fn is_native_lower(name: &[u8]) -> bool {
    let known = |name: &[u8]| NAMES.binary_search_by(|known| known.as_bytes().cmp(name)).is_ok();
    known(name) || name.starts_with(b"pg_") || name.strip_prefix(b"_").is_some_and(known)
}

/// Whether PostgreSQL has a type of these words, in upper case with a blank between them.
pub(super) fn is_native_phrase(words: &str) -> bool {
    let lower = words.to_ascii_lowercase();
    match lower.split_once(' ') {
        // INTERVAL takes its fields behind it.
        Some(("interval", _)) => true,
        Some(_) => PHRASES.contains(&lower.as_str()),
        // These are parts of a type, not types.
        None => {
            !["double", "national"].contains(&lower.as_str()) && is_native_lower(lower.as_bytes())
        }
    }
}

/// The user-defined types that stay as they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptTypes(Vec<String>);

impl KeptTypes {
    pub(super) fn new(patterns: &[String]) -> KeptTypes {
        KeptTypes(patterns.iter().map(|pattern| pattern.replace(' ', "")).collect())
    }

    /// Whether a type stays. A pattern without a schema means every schema, one without
    /// parentheses the type with any modifiers. `modifiers` are as written, or empty.
    pub(crate) fn keeps(&self, schema: Option<&[u8]>, name: &[u8], modifiers: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let modifiers: Vec<u8> =
            modifiers.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let qualified = schema.map(|schema| [schema, b".", name].concat());
        self.0.iter().any(|pattern| {
            let (head, list) = pattern.split_at(pattern.find('(').unwrap_or(pattern.len()));
            let full = qualified.as_deref().filter(|_| head.contains('.')).unwrap_or(name);
            matches(head.as_bytes(), full)
                && (list.is_empty() || matches(list.as_bytes(), &modifiers))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(NAMES.is_sorted());
        for name in ["INT4", "TimestampTZ", "_text", "pg_lsn", "xml", "abstime"] {
            assert!(is_native(name.as_bytes()), "{name}");
        }
        for name in ["mood", "number", "datetime", "", "_mood", "geometry"] {
            assert!(!is_native(name.as_bytes()), "{name}");
        }
        assert!(is_native_lower(b"char") && !is_native_lower(b"INT4"));
        assert!(is_native_phrase("TIMESTAMP WITH TIME ZONE") && is_native_phrase("BIT VARYING"));
        assert!(!is_native_phrase("TIMESTAMP WITH LOCAL TIME ZONE") && !is_native_phrase("DOUBLE"));
    }

    #[test]
    fn kept_types_are_found_by_name_schema_and_modifiers() {
        let patterns = ["geometry", "public.vec*", "box3d(*)", "sized(3, *)"].map(String::from);
        let kept = KeptTypes::new(&patterns);
        assert!(kept.keeps(None, b"geometry", b"(Point, 4326)"));
        assert!(kept.keeps(Some(b"gis"), b"geometry", b""));
        assert!(kept.keeps(Some(b"public"), b"vector", b"(3)"));
        assert!(
            !kept.keeps(Some(b"other"), b"vector", b"(3)") && !kept.keeps(None, b"vector", b"")
        );
        assert!(kept.keeps(None, b"box3d", b"(1)") && !kept.keeps(None, b"box3d", b""));
        assert!(kept.keeps(None, b"sized", b"( 3 , 4)") && !kept.keeps(None, b"sized", b"(4,4)"));
    }
}
