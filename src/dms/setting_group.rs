//! One group of task settings: typed values out of an object, and what is not asked for; touches
//! nothing but serde's values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::SettingsError;

/// What a group still holds that is not asked for: its name as written, and its value, by the
/// name in lower case.
pub(super) struct Group<'a> {
    /// The name of the group.
    pub(super) name: &'a str,
    pub(super) entries: BTreeMap<String, (String, Value)>,
}

/// The entries of an object that are not null.
///
/// # Errors
/// Two names that differ only in case.
pub(super) fn entries(
    object: Map<String, Value>,
) -> Result<BTreeMap<String, (String, Value)>, SettingsError> {
    let mut entries = BTreeMap::new();
    for (name, value) in object {
        if entries.insert(name.to_ascii_lowercase(), (name.clone(), value)).is_some() {
            return Err(SettingsError::Repeated(name));
        }
    }
    entries.retain(|_, (_, value)| !value.is_null());
    Ok(entries)
}

impl<'a> Group<'a> {
    pub(super) fn new(name: &'a str, value: Value) -> Result<Group<'a>, SettingsError> {
        match value {
            Value::Object(object) => Ok(Group { name, entries: entries(object)? }),
            other => Err(SettingsError::Value {
                name: name.into(),
                value: other.to_string(),
                allowed: "an object".into(),
            }),
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.entries.remove(&name.to_ascii_lowercase()).map(|(_, value)| value)
    }

    pub(super) fn group<'b>(&mut self, name: &'b str) -> Result<Group<'b>, SettingsError> {
        let value = self.take(name).unwrap_or_else(|| Value::Object(Map::new()));
        Group::new(name, value)
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, SettingsError> {
        self.take(name)
            .map(|value| value.as_bool().ok_or_else(|| self.error(name, &value, "true, false")))
            .transpose()
    }

    pub(super) fn number(&mut self, name: &str, max: u64) -> Result<Option<u32>, SettingsError> {
        self.take(name)
            .map(|value| {
                value
                    .as_u64()
                    .filter(|number| *number <= max)
                    .and_then(|number| u32::try_from(number).ok())
                    .ok_or_else(|| self.error(name, &value, &format!("0 to {max}")))
            })
            .transpose()
    }

    /// A text that says something; an empty one stays where it is.
    pub(super) fn filled_text(&mut self, name: &str) -> Result<Option<String>, SettingsError> {
        let is_empty = |(_, value): &(String, Value)| value.as_str() == Some("");
        if self.entries.get(&name.to_ascii_lowercase()).is_some_and(is_empty) {
            return Ok(None);
        }
        self.take(name)
            .map(|value| match value {
                Value::String(text) => Ok(text),
                other => Err(self.error(name, &other, "the name of a schema")),
            })
            .transpose()
    }

    pub(super) fn one_of<T: Copy>(
        &mut self,
        name: &str,
        values: &[(&str, T)],
    ) -> Result<Option<T>, SettingsError> {
        self.take(name)
            .map(|value| {
                let known = values.iter().find(|(text, _)| value.as_str() == Some(text));
                known.map(|(_, meaning)| *meaning).ok_or_else(|| {
                    let allowed: Vec<&str> = values.iter().map(|(text, _)| *text).collect();
                    self.error(name, &value, &allowed.join(", "))
                })
            })
            .transpose()
    }

    /// A code point in hexadecimal digits, which DMS also writes as a bare number: 62 is U+0062.
    pub(super) fn code_point(&mut self, name: &str) -> Result<char, SettingsError> {
        let value = self.take(name).unwrap_or(Value::Null);
        let digits = match &value {
            // Not the digits of a fraction or an exponent: 1e300 would be one.
            Value::Number(number) => number.as_u64().map_or_else(String::new, |n| n.to_string()),
            Value::String(text) => text.clone(),
            _ => String::new(),
        };
        Some(digits)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(&digits, 16).ok())
            .and_then(char::from_u32)
            .ok_or_else(|| {
                let allowed = "the hexadecimal digits of a character: 0 to D7FF, E000 to 10FFFF";
                self.error(name, &value, allowed)
            })
    }

    pub(super) fn error(&self, name: &str, value: &Value, allowed: &str) -> SettingsError {
        SettingsError::Value {
            name: format!("{}.{name}", self.name),
            value: value.to_string(),
            allowed: allowed.into(),
        }
    }

    /// The names that are left, as written.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.values().map(|(written, _)| written.as_str())
    }

    /// Where every name is known, another one changes what the rest means.
    pub(super) fn refuse_rest(&self) -> Result<(), SettingsError> {
        self.entries.values().next().map_or(Ok(()), |(written, value)| {
            Err(self.error(written, value, "nothing; there is no such setting"))
        })
    }
}
