//! The rows of the DMS type table, as data; touches nothing but the row type.

use super::dms_row::{Attribute, DmsRow, DmsTarget, Native};

/// AWS DMS user guide, "Target data types for PostgreSQL".
const TARGET_POSTGRESQL: &str = "https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.PostgreSQL.html#CHAP_Target.PostgreSQL.DataTypes";

/// AWS DMS user guide, "Data types for AWS DMS": the spellings that other pages use.
const DATA_TYPES: &str =
    "https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Reference.DataTypes.html";

/// AWS DMS user guide, "Endpoint settings when using PostgreSQL as a target".
const ENDPOINT_SETTINGS: &str = "https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.PostgreSQL.html#CHAP_Target.PostgreSQL.ConnectionAttrib";

const LENGTH_MAX: u64 = 2_147_483_647;
/// The longest length that keeps its own VARCHAR; three bytes each make up the 65535 above it.
const LENGTH_KEPT_MAX: u64 = 21_845;

/// Every row, those of one type side by side.
pub(super) const ROWS: &[DmsRow] = &[
    plain("bool", "BOOL", "BOOL", Native::Same, TARGET_POSTGRESQL),
    plain("boolean", "BOOLEAN", "BOOLEAN", Native::Same, DATA_TYPES),
    plain("bytes", "BYTES", "BYTEA", Native::No, TARGET_POSTGRESQL),
    plain("byte", "BYTE", "BYTEA", Native::No, DATA_TYPES),
    plain("blob", "BLOB", "BYTEA", Native::No, DATA_TYPES),
    plain("date", "DATE", "DATE", Native::Same, TARGET_POSTGRESQL),
    DmsRow {
        attribute: Attribute::Kept,
        ..plain("time", "TIME", "TIME", Native::Same, TARGET_POSTGRESQL)
    },
    DmsRow {
        attribute: Attribute::Scale { min: 0, max: 6, or_none: true },
        ..plain("datetime-scale-0-6", "DATETIME", "TIMESTAMP", Native::No, TARGET_POSTGRESQL)
    },
    DmsRow {
        attribute: Attribute::Scale { min: 7, max: 9, or_none: false },
        ..plain("datetime-scale-7-9", "DATETIME", "VARCHAR(37)", Native::No, TARGET_POSTGRESQL)
    },
    plain("int1", "INT1", "SMALLINT", Native::No, TARGET_POSTGRESQL),
    plain("int2", "INT2", "SMALLINT", Native::Same, TARGET_POSTGRESQL),
    plain("int4", "INT4", "INTEGER", Native::Same, TARGET_POSTGRESQL),
    plain("int8", "INT8", "BIGINT", Native::Same, TARGET_POSTGRESQL),
    DmsRow {
        attribute: Attribute::Kept,
        ..plain("numeric", "NUMERIC", "DECIMAL(p,s)", Native::Same, TARGET_POSTGRESQL)
    },
    DmsRow {
        attribute: Attribute::Unbounded,
        ..plain("numeric-unbounded", "NUMERIC", "VARCHAR", Native::Differs, ENDPOINT_SETTINGS)
    },
    plain("real4", "REAL4", "FLOAT4", Native::No, TARGET_POSTGRESQL),
    plain("real8", "REAL8", "FLOAT8", Native::No, TARGET_POSTGRESQL),
    string("string-1-21845", "STRING"),
    long_string("string-21846-max", "STRING"),
    plain("uint1", "UINT1", "SMALLINT", Native::No, TARGET_POSTGRESQL),
    plain("uint2", "UINT2", "INTEGER", Native::No, TARGET_POSTGRESQL),
    plain("uint4", "UINT4", "BIGINT", Native::No, TARGET_POSTGRESQL),
    plain("uint8", "UINT8", "BIGINT", Native::No, TARGET_POSTGRESQL),
    string("wstring-1-21845", "WSTRING"),
    long_string("wstring-21846-max", "WSTRING"),
    plain("nclob", "NCLOB", "TEXT", Native::No, TARGET_POSTGRESQL),
    plain("clob", "CLOB", "TEXT", Native::No, TARGET_POSTGRESQL),
    plain("json", "JSON", "TEXT", Native::Differs, TARGET_POSTGRESQL),
];

/// A row for a type that takes no modifiers.
const fn plain(
    id: &'static str,
    dms: &'static str,
    target: &'static str,
    native: Native,
    source: &'static str,
) -> DmsRow {
    DmsRow {
        id,
        dms,
        attribute: Attribute::Dropped,
        target: DmsTarget::Fixed(target),
        native,
        source,
    }
}

/// The row of a STRING that keeps its length.
const fn string(id: &'static str, dms: &'static str) -> DmsRow {
    DmsRow {
        id,
        dms,
        attribute: Attribute::Length { min: 1, max: LENGTH_KEPT_MAX, or_none: false },
        target: DmsTarget::Varchar,
        native: Native::No,
        source: TARGET_POSTGRESQL,
    }
}

/// The row of a STRING that is longer, or says no length.
const fn long_string(id: &'static str, dms: &'static str) -> DmsRow {
    DmsRow {
        id,
        dms,
        attribute: Attribute::Length { min: LENGTH_KEPT_MAX + 1, max: LENGTH_MAX, or_none: true },
        target: DmsTarget::Fixed("VARCHAR(65535)"),
        native: Native::No,
        source: TARGET_POSTGRESQL,
    }
}
