//! JSON text to a value in which no object names anything twice; touches nothing but serde.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a text is not JSON: line and column, and what is wrong there.
#[derive(Debug, thiserror::Error)]
#[error("not valid JSON: {source}{}", hint(*.typographic_quotes))]
pub struct JsonError {
    source: serde_json::Error,
    typographic_quotes: bool,
}

fn hint(typographic_quotes: bool) -> &'static str {
    // Texts copied from a formatted page have them, and serde's message would not help.
    if typographic_quotes { "; typographic quotes are in the text, JSON takes only \"" } else { "" }
}

/// The value that `text` writes, a byte order mark aside.
///
/// # Errors
/// A text that is not JSON, is nested deeper than 127, or has an object with a repeated name, of
/// which serde_json would keep the last silently.
pub(super) fn json(text: &str) -> Result<Value, JsonError> {
    serde_json::from_str(without_byte_order_mark(text)).map(|UniqueNames(value)| value).map_err(
        |source| JsonError {
            source,
            typographic_quotes: text.contains(['\u{201c}', '\u{201d}', '\u{201e}']),
        },
    )
}

/// `text` without what some editors put before it.
pub(super) fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

struct UniqueNames(Value);

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueNamesVisitor).map(UniqueNames)
    }
}

struct UniqueNamesVisitor;

impl<'de> Visitor<'de> for UniqueNamesVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(UniqueNames(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{name:?} is there twice")));
            }
            let UniqueNames(value) = entries.next_value()?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_text_is_read_as_serde_json_reads_it() {
        let text =
            r#"{"a": [null, true, -1, 18446744073709551615, 1.5, "x\u0000"], "b": {"a": 1}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(json(text).unwrap(), expected);
        assert_eq!(json(&format!("\u{feff}{text}")).unwrap(), expected);
    }

    #[test]
    fn errors_say_where_and_why() {
        for (text, part) in [
            ("{\"a\": 1,\n \"a\": 2}", "\"a\" is there twice at line 2 column 4"),
            (r#"{"x": [{"b": 1, "b": 1}]}"#, "\"b\" is there twice"),
            ("{\u{201c}a\u{201d}: 1}", "typographic quotes"),
            ("{", "line 1"),
            ("{} {}", "trailing characters"),
        ] {
            let message = json(text).unwrap_err().to_string();
            assert!(message.starts_with("not valid JSON: ") && message.contains(part), "{message}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        assert!(json(&"[".repeat(1_000_000)).unwrap_err().to_string().contains("recursion limit"));
    }
}
