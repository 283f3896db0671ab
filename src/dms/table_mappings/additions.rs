//! Transformation rules by which tables get columns and keys; touches nothing but the fields of one rule.

use serde_json::Value;

use super::{RuleObject, Warning};
use crate::dms::data_type::data_type;
use crate::dms::expression::row_expression;
use crate::mapping::{AddedColumn, AddedKey, AddedPart, NamePattern, TableAddition};

impl RuleObject<'_> {
    /// An add-column or define-primary-key rule.
    pub(super) fn addition(
        self,
        id: u64,
        warnings: &mut Vec<Warning>,
    ) -> Result<TableAddition, String> {
        let locator = self.locator()?;
        let pattern = |name| NamePattern::new(locator.required(name)?);
        let (schema, table) = (pattern("schema-name")?, pattern("table-name")?);
        self.warn_of_underscores(&[&schema, &table], warnings);
        let adds = match (self.text("rule-action")?, self.text("rule-target")?) {
            (Some("add-column"), Some("column")) => {
                self.warn_of_rest(&["rule-target", "value", "data-type", "expression"], warnings);
                AddedPart::Column(self.added_column(warnings)?)
            }
            (Some("define-primary-key"), Some("table")) => {
                if schema.literal().is_none() || table.literal().is_none() {
                    return Err("define-primary-key takes exact names, no wildcards".into());
                }
                self.warn_of_rest(&["rule-target", "primary-key-def"], warnings);
                AddedPart::Key(self.added_key()?)
            }
            (Some("add-column"), _) => {
                return Err("the rule-target of add-column is \"column\"".into());
            }
            _ => return Err("the rule-target of define-primary-key is \"table\"".into()),
        };
        locator.warn_of_others(&["schema-name", "table-name"], self, warnings);
        Ok(TableAddition { schema, table, adds, origin: format!("rule-id {id}") })
    }

    fn added_column(self, warnings: &mut Vec<Warning>) -> Result<AddedColumn, String> {
        let filled = |name: &str| match self.text(name)? {
            Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
            _ => Err(format!("it has no {name}")),
        };
        let name = filled("value")?;
        let value = row_expression(&filled("expression")?)?;
        let Some(Value::Object(fields)) = self.value("data-type") else {
            return Err("it has no data-type such as {\"type\": \"string\", \"length\": 50}".into());
        };
        let (data_type, unused) = data_type(fields)?;
        for name in unused {
            let advice = format!("{name} of its data-type has no effect on {data_type}");
            warnings.push(self.warning(&advice));
        }
        Ok(AddedColumn { name, data_type, value })
    }

    fn added_key(self) -> Result<AddedKey, String> {
        let Some(Value::Object(fields)) = self.value("primary-key-def") else {
            return Err("it has no primary-key-def".into());
        };
        let definition = RuleObject { fields };
        let is_unique = match definition.text("origin")? {
            None | Some("primary-key") => false,
            Some("unique-index") => true,
            Some(other) => {
                return Err(format!("{other:?} is not an origin: primary-key or unique-index"));
            }
        };
        let name = match definition.text("name")? {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => return Err("its primary-key-def has no name".into()),
        };
        let Some(Value::Array(columns)) = definition.value("columns") else {
            return Err("its primary-key-def has no columns".into());
        };
        let columns: Option<Vec<String>> =
            columns.iter().map(|column| column.as_str().map(str::to_owned)).collect();
        let columns = columns.filter(|columns| !columns.is_empty());
        let columns = columns.ok_or("the columns of its primary-key-def are a list of names")?;
        let known = ["name", "origin", "columns"];
        match fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(other) => Err(format!("{other:?} is not a part of a primary-key-def")),
            None => Ok(AddedKey { name, is_unique, columns }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dms::table_mappings;

    fn read(target: &str, action: &str, table: &str, rest: &str) -> Result<TableAddition, String> {
        let rule = format!(
            r#"{{"rules": [{{"rule-type": "transformation", "rule-id": "4", "rule-name": "n",
                "rule-target": "{target}", "rule-action": "{action}",
                "object-locator": {{"schema-name": "s", "table-name": "{table}"}}, {rest}}}]}}"#
        );
        let mappings = table_mappings(&rule).map_err(|error| error.to_string())?;
        let addition = mappings.additions.into_iter().next().map(|(_, addition)| addition);
        addition.ok_or_else(|| "nothing is added".to_owned())
    }

    #[test]
    fn columns_and_keys_are_read() {
        let rest =
            r#""value": "c", "expression": "'x'", "data-type": {"type": "string", "length": 5}"#;
        let added = read("column", "add-column", "t%", rest).unwrap();
        let AddedPart::Column(column) = added.adds else { panic!("no column") };
        assert_eq!((column.name.as_str(), column.data_type.as_str()), ("c", "STRING(5)"));
        assert!(column.value.is_text && added.table.matches("t1"));
        let rest = r#""primary-key-def": {"name": "k", "columns": ["b", "a"]}"#;
        let added = read("table", "define-primary-key", "t[_]1", rest).unwrap();
        let AddedPart::Key(key) = added.adds else { panic!("no key") };
        assert_eq!((key.is_unique, key.columns), (false, vec!["b".to_owned(), "a".to_owned()]));
    }

    #[test]
    fn rules_that_say_too_little_are_refused() {
        let string = r#""data-type": {"type": "string", "length": 5}"#;
        for (target, action, table, rest, part) in [
            ("table", "add-column", "t", string.to_owned(), "rule-target of add-column"),
            ("column", "add-column", "t", string.to_owned(), "it has no value"),
            ("column", "add-column", "t", r#""value": "c""#.to_owned(), "it has no expression"),
            (
                "column",
                "add-column",
                "t",
                r#""value": "c", "expression": "1""#.to_owned(),
                "it has no data-type",
            ),
            (
                "column",
                "add-column",
                "t",
                format!(r#""value": "c", "expression": "random()", {string}"#),
                "the function random",
            ),
            ("column", "define-primary-key", "t", string.to_owned(), "rule-target of define"),
            ("table", "define-primary-key", "t%", string.to_owned(), "no wildcards"),
            ("table", "define-primary-key", "t", string.to_owned(), "no primary-key-def"),
            (
                "table",
                "define-primary-key",
                "t",
                r#""primary-key-def": {"name": "k", "columns": []}"#.to_owned(),
                "a list of names",
            ),
            (
                "table",
                "define-primary-key",
                "t",
                r#""primary-key-def": {"name": "k", "origin": "x", "columns": ["a"]}"#.to_owned(),
                "is not an origin",
            ),
        ] {
            let error = read(target, action, table, &rest).unwrap_err();
            assert!(error.contains("rule-id 4") && error.contains(part), "{error}");
        }
    }
}
