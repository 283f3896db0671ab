//! The data-type object of a change-data-type rule, as the DMS type that it names; touches nothing
//! but serde's values.

use serde_json::{Map, Value};

/// Every DMS type that a rule can name, and its name in the type table.
///
/// Source: AWS DMS user guide, "Transformation rules and actions". Set, list, map and tuple, which
/// later guides name too, are nothing that PostgreSQL has.
const TYPES: &[(&str, &str)] = &[
    ("bytes", "BYTES"),
    ("date", "DATE"),
    ("time", "TIME"),
    ("datetime", "DATETIME"),
    ("int1", "INT1"),
    ("int2", "INT2"),
    ("int4", "INT4"),
    ("int8", "INT8"),
    ("numeric", "NUMERIC"),
    ("real4", "REAL4"),
    ("real8", "REAL8"),
    ("string", "STRING"),
    ("uint1", "UINT1"),
    ("uint2", "UINT2"),
    ("uint4", "UINT4"),
    ("uint8", "UINT8"),
    ("wstring", "WSTRING"),
    ("blob", "BLOB"),
    ("nclob", "NCLOB"),
    ("clob", "CLOB"),
    ("boolean", "BOOLEAN"),
    ("bool", "BOOLEAN"),
];

/// Characters of the longest STRING.
const LENGTH_MAX: u64 = 2_147_483_647;
/// Digits of a second that DMS counts.
const SCALE_MAX: u64 = 9;
/// Digits of the longest NUMERIC that PostgreSQL can declare.
const PRECISION_MAX: u64 = 1_000;

/// The DMS type of this name, in any case and without modifiers.
pub(super) fn locator_type(name: &str) -> Option<&'static str> {
    TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, dms)| *dms)
}

/// The DMS type with its modifiers, and the fields that mean nothing for it.
///
/// # Errors
/// A sentence about a type or number that is not allowed, or a field that is not known.
pub(super) fn data_type(
    fields: &Map<String, Value>,
) -> Result<(String, Vec<&'static str>), String> {
    if let Some(name) = fields
        .keys()
        .find(|name| !["type", "length", "precision", "scale"].contains(&name.as_str()))
    {
        return Err(format!("{name:?} is not a part of a data-type"));
    }
    let name = match fields.get("type") {
        Some(Value::String(name)) => locator_type(name).ok_or_else(|| {
            let allowed: Vec<&str> = TYPES.iter().map(|(known, _)| *known).collect();
            format!("data-type {name:?} is not a DMS type; allowed: {}", allowed.join(", "))
        })?,
        _ => return Err("its data-type has no type".into()),
    };
    let length = number(fields, "length")?;
    let precision = number(fields, "precision")?;
    let scale = number(fields, "scale")?;
    let within = |what: &str, value: u64, min: u64, max: u64| {
        if (min..=max).contains(&value) {
            Ok(())
        } else {
            Err(format!("{what} {value} of {name} is out of range: {min} to {max}"))
        }
    };
    let (text, used): (String, &[&str]) = match (name, length, precision, scale) {
        ("STRING" | "WSTRING", Some(length), _, _) => {
            within("length", length, 1, LENGTH_MAX)?;
            (format!("{name}({length})"), &["length"])
        }
        // The guide's own example has the scale of a DATETIME as precision.
        ("DATETIME", _, precision, scale) => match scale.or(precision) {
            None => (name.into(), &[]),
            Some(digits) => {
                within("scale", digits, 0, SCALE_MAX)?;
                let used = if scale.is_some() { "scale" } else { "precision" };
                (
                    format!("{name}({digits})"),
                    if used == "scale" { &["scale"] } else { &["precision"] },
                )
            }
        },
        ("NUMERIC", _, Some(precision), scale) => {
            within("precision", precision, 1, PRECISION_MAX)?;
            within("scale", scale.unwrap_or(0), 0, precision)?;
            let scale = scale.map_or_else(String::new, |scale| format!(",{scale}"));
            (format!("{name}({precision}{scale})"), &["precision", "scale"])
        }
        ("NUMERIC", _, None, Some(_)) => return Err("NUMERIC has a scale and no precision".into()),
        // PostgreSQL's BYTEA has no length.
        ("BYTES", ..) => (name.into(), &["length"]),
        _ => (name.into(), &[]),
    };
    let given = [("length", length), ("precision", precision), ("scale", scale)];
    let unused = given
        .iter()
        .filter(|(name, value)| value.is_some() && !used.contains(name))
        .map(|(name, _)| *name);
    Ok((text, unused.collect()))
}

/// A number that may be written as a string; null and an empty string are none, as in the files
/// that the console of DMS writes.
///
/// # Errors
/// A sentence about anything else.
pub(super) fn number(fields: &Map<String, Value>, name: &str) -> Result<Option<u64>, String> {
    let value = match fields.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let number = match value {
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => value.as_u64(),
    };
    number
        .map(Some)
        .ok_or_else(|| format!("{name} is {value}; it must be a whole number, 0 or more"))
}
