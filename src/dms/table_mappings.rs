//! The table mappings of AWS DMS, of which change-data-type rules, rules about names, rules that add or remove
//! columns and keys and rules that mask values are carried out;
//! touches neither files nor the rest of the proxy.

mod additions;
mod columns;
mod masks;
mod names;
mod removals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::Warning;
use super::data_type::{data_type, locator_type, number};
use super::json::{JsonError, json};
use crate::mapping::{
    ColumnMask, ColumnRemoval, NamePattern, NameRule, TableAddition, TableSelection,
};

/// The rules of a table-mapping file that say something to a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableMappings {
    /// The change-data-type rules, the lowest rule-id first; the order of the file means nothing.
    pub column_types: Vec<ColumnTypeRule>,
    /// The tables to which rules about names apply, or do not.
    pub selections: Vec<TableSelection>,
    /// The rules about names with their ids, the lowest first.
    pub names: Vec<(u64, NameRule)>,
    /// Columns and keys that tables get, with the ids of their rules, the lowest first.
    pub additions: Vec<(u64, TableAddition)>,
    /// Columns that do not reach the target, with the ids of their rules, the lowest first.
    pub removals: Vec<(u64, ColumnRemoval)>,
    /// Rules by which values are masked, by their rule-ids.
    pub masks: Vec<(u64, ColumnMask)>,
    /// What the proxy does not act on, and patterns that match more than they seem to.
    pub warnings: Vec<Warning>,
}

/// A change-data-type rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnTypeRule {
    /// `rule-id`, once in a file.
    pub rule_id: u64,
    /// `rule-name`; may be empty.
    pub rule_name: String,
    /// The schemas it speaks of.
    pub schema: NamePattern,
    /// The tables it speaks of.
    pub table: NamePattern,
    /// The columns it speaks of.
    pub column: NamePattern,
    /// Where the rule is only for columns of one DMS type, its name in upper case.
    pub only_type: Option<&'static str>,
    /// The new type, a DMS type such as `STRING(50)`, `NUMERIC(10,2)` or `DATETIME`.
    pub data_type: String,
}

impl ColumnTypeRule {
    /// Whether the rule is for a column of this DMS type: the bare name, in any case.
    pub fn applies(&self, schema: &str, table: &str, column: &str, dms_type: &str) -> bool {
        self.column.matches(column)
            && self.table.matches(table)
            && self.schema.matches(schema)
            && self.only_type.is_none_or(|only| locator_type(dms_type) == Some(only))
    }
}

impl TableMappings {
    /// The rule for a column: of those that apply, the one with the lowest rule-id.
    pub fn column_type(
        &self,
        schema: &str,
        table: &str,
        column: &str,
        dms_type: &str,
    ) -> Option<&ColumnTypeRule> {
        self.column_types.iter().find(|rule| rule.applies(schema, table, column, dms_type))
    }
}

/// Why a table-mapping file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum TableMappingsError {
    /// It is not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is other JSON.
    #[error("table mappings are a JSON object {{\"rules\": [...]}} with an object for each rule")]
    Shape,
    /// Every rule that the proxy cannot carry out, in the order of the file.
    #[error("the table mappings hold rules that cannot be carried out; this version applies \
             change-data-type, add-column, remove-column, include-column, define-primary-key, \
             data-masking rules and rules about names:{}", lines(.0))]
    Rules(Vec<RefusedRule>),
}

/// A rule that the proxy cannot carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRule {
    /// Its place in the file, from 1.
    pub position: usize,
    /// `rule-id` as it is written, if it is there.
    pub rule_id: Option<String>,
    /// `rule-type` and `rule-action`, as far as they are there.
    pub action: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for RefusedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule_id {
            Some(id) => write!(f, "rule-id {id}")?,
            None => write!(f, "rule {} of the file", self.position)?,
        }
        write!(f, " ({}): {}", self.action, self.reason)
    }
}

fn lines(rules: &[RefusedRule]) -> String {
    rules.iter().map(|rule| format!("\n  {rule}")).collect()
}

/// Reads a whole table-mapping file.
///
/// Selection, parallel load and validation are work of the tool, at its own end: such rules come
/// back as warnings (a selection of all tables passes silently). Tables that are not selected keep their
/// names. What would leave out rows or parts of them is refused: filters and LOB limits.
///
/// # Errors
/// The text is not a table-mapping file, or has rules that cannot be carried out: all are listed.
pub fn table_mappings(text: &str) -> Result<TableMappings, TableMappingsError> {
    let Value::Object(mut document) = json(text)? else { return Err(TableMappingsError::Shape) };
    let Some(Value::Array(rules)) = document.remove("rules") else {
        return Err(TableMappingsError::Shape);
    };
    let mut mappings = TableMappings::default();
    for name in document.into_iter().map(|(name, _)| name) {
        let advice = "is not a part of a table-mapping file and has no effect; check the spelling";
        mappings.warnings.push(Warning::new(name, advice));
    }
    let (mut refused, mut names) = (Vec::new(), BTreeSet::new());
    let mut ids = BTreeMap::new();
    let mut selections = 0;
    for (position, rule) in (1..).zip(&rules) {
        let Value::Object(fields) = rule else { return Err(TableMappingsError::Shape) };
        let rule = RuleObject { fields };
        selections += usize::from(rule.is("selection"));
        let read = rule.id().and_then(|id| match ids.insert(id, position) {
            Some(other) => Err(format!("rule {other} of the file has the same rule-id")),
            None => rule.read(id, &mut mappings),
        });
        if let Err(reason) = read {
            let rule_id = rule.value("rule-id").map(written);
            refused.push(RefusedRule { position, rule_id, action: rule.action(), reason });
        }
        if let Some(name) = rule.value("rule-name").and_then(Value::as_str)
            && !names.insert(name)
        {
            mappings.warnings.push(rule.warning("its rule-name is there more than once"));
        }
    }
    if !refused.is_empty() {
        return Err(TableMappingsError::Rules(refused));
    }
    if selections == 0 {
        let advice = "there is no selection rule, without which DMS itself takes no such file";
        mappings.warnings.push(Warning::new("rules", advice));
    }
    mappings.column_types.sort_by_key(|rule| rule.rule_id);
    mappings.names.sort_by_key(|(id, _)| *id);
    mappings.additions.sort_by_key(|(id, _)| *id);
    mappings.removals.sort_by_key(|(id, _)| *id);
    mappings.masks.sort_by_key(|(id, _)| *id);
    let takes_all = |selection: &TableSelection| {
        !selection.excludes && selection.schema.matches_all() && selection.table.matches_all()
    };
    if mappings.selections.iter().any(takes_all) {
        mappings.selections.retain(|selection| selection.excludes);
    }
    Ok(mappings)
}

/// A value as it is written, strings without their quotes.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One rule of the file.
#[derive(Clone, Copy)]
struct RuleObject<'a> {
    fields: &'a Map<String, Value>,
}

impl<'a> RuleObject<'a> {
    /// A field that is there and not null: the console of DMS writes nulls.
    fn value(self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn text(self, name: &str) -> Result<Option<&'a str>, String> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{name} is not a text")),
        }
    }

    fn is(self, rule_type: &str) -> bool {
        self.value("rule-type").and_then(Value::as_str) == Some(rule_type)
    }

    fn id(self) -> Result<u64, String> {
        number(self.fields, "rule-id")?.ok_or_else(|| "it has no rule-id".into())
    }

    fn action(self) -> String {
        let words: Vec<String> = ["rule-type", "rule-action"]
            .iter()
            .filter_map(|name| self.value(name).map(written))
            .collect();
        if words.is_empty() { "no rule-type".into() } else { words.join(" ") }
    }

    fn warning(self, advice: &str) -> Warning {
        let id = self.value("rule-id").map(written).unwrap_or_default();
        Warning::new(format!("rule-id {id} ({})", self.action()), advice)
    }

    /// Takes the rule into `mappings`, or says why not.
    fn read(self, id: u64, mappings: &mut TableMappings) -> Result<(), String> {
        match self.text("rule-type")? {
            Some("selection") => self.selection(mappings),
            Some("transformation") => self.transformation(id, mappings),
            Some("table-settings") => self.table_settings(&mut mappings.warnings),
            Some("validation") => {
                let advice = "validation is done by the tool; it has no effect in the proxy";
                mappings.warnings.push(self.warning(advice));
                Ok(())
            }
            Some("object-mapping" | "post-processing") => {
                Err("such rules are not for a PostgreSQL target".into())
            }
            Some(other) => {
                Err(format!("{other:?} is not a rule-type; they are written in lower case"))
            }
            None => Err("it has no rule-type".into()),
        }
    }

    fn locator(self) -> Result<RuleObject<'a>, String> {
        match self.value("object-locator") {
            Some(Value::Object(fields)) => Ok(RuleObject { fields }),
            _ => Err("it has no object-locator".into()),
        }
    }

    fn required(self, name: &str) -> Result<&'a str, String> {
        self.text(name)?.ok_or_else(|| format!("its object-locator has no {name}"))
    }

    fn selection(self, mappings: &mut TableMappings) -> Result<(), String> {
        let locator = self.locator()?;
        let (schema, table) = (locator.required("schema-name")?, locator.required("table-name")?);
        match self.value("filters") {
            None => {}
            Some(Value::Array(filters)) if filters.is_empty() => {}
            Some(_) => return Err("the proxy does not filter rows".into()),
        }
        let advice = match self.text("rule-action")? {
            Some("include") => {
                let selected = self.selected(schema, table, false)?;
                let is_all = selected.schema.matches_all() && selected.table.matches_all();
                mappings.selections.push(selected);
                (!is_all).then_some(
                    "tables are selected by the tool: the proxy passes on every table that \
                     arrives, and renames only those that are selected",
                )
            }
            Some("explicit") if schema.contains('%') || table.contains('%') => {
                return Err("an explicit selection takes exact names, no wildcards".into());
            }
            Some("explicit") => {
                let exact = |text: &str| NamePattern::exact(text);
                let (schema, table) = (exact(schema), exact(table));
                mappings.selections.push(TableSelection { schema, table, excludes: false });
                Some(
                    "tables are selected by the tool: the proxy passes on every table that \
                     arrives, and renames only those that are selected",
                )
            }
            Some("exclude") => {
                mappings.selections.push(self.selected(schema, table, true)?);
                Some(
                    "tables are held back by the tool: the proxy passes on those that arrive, \
                     under the names that they have",
                )
            }
            _ => return Err("a selection is include, explicit or exclude, in lower case".into()),
        };
        if let Some(advice) = advice {
            mappings.warnings.push(self.warning(advice));
        }
        self.warn_of_rest(&["filters", "load-order"], &mut mappings.warnings);
        Ok(())
    }

    fn table_settings(self, warnings: &mut Vec<Warning>) -> Result<(), String> {
        let locator = self.locator()?;
        for name in ["schema-name", "table-name"] {
            if locator.required(name)?.contains('%') {
                return Err("exact schema and table name required".into());
            }
        }
        if let Some(lob) = self.value("lob-settings") {
            // Mode none is that of the task settings; the others change what arrives.
            if lob.get("mode").and_then(Value::as_str) != Some("none") {
                return Err("the proxy has no LOB limit of a table's own".into());
            }
        }
        warnings.push(self.warning("the tool reads the table; it has no effect in the proxy"));
        self.warn_of_rest(&["parallel-load", "lob-settings"], warnings);
        Ok(())
    }

    fn column_type(self, id: u64, warnings: &mut Vec<Warning>) -> Result<ColumnTypeRule, String> {
        match (self.text("rule-action")?, self.text("rule-target")?) {
            (Some("change-data-type"), Some("column")) => {}
            (Some("change-data-type"), _) => {
                return Err("the rule-target of change-data-type is \"column\"".into());
            }
            (Some(action), _) if action.eq_ignore_ascii_case("change-data-type") => {
                return Err("actions are written in lower case".into());
            }
            (Some(_), target) => {
                let target = target.map_or_else(String::new, |target| format!(" of a {target}"));
                return Err(format!("this transformation{target} is not applied"));
            }
            (None, _) => return Err("it has no rule-action".into()),
        }
        let locator = self.locator()?;
        let pattern = |name| NamePattern::new(locator.required(name)?);
        let [schema, table, column] =
            [pattern("schema-name")?, pattern("table-name")?, pattern("column-name")?];
        let only_type = match locator.text("data-type")? {
            None => None,
            Some(name) => Some(locator_type(name).ok_or_else(|| {
                format!("data-type {name:?} of its object-locator is not a DMS type; wildcards are not allowed")
            })?),
        };
        let Some(Value::Object(new)) = self.value("data-type") else {
            return Err("it has no data-type such as {\"type\": \"string\", \"length\": 50}".into());
        };
        let (data_type, unused) = data_type(new)?;
        for name in unused {
            let advice = format!("{name} of its data-type has no effect on {data_type}");
            warnings.push(self.warning(&advice));
        }
        self.warn_of_underscores(&[&schema, &table, &column], warnings);
        self.warn_of_rest(&["rule-target", "data-type"], warnings);
        let known = ["schema-name", "table-name", "column-name", "data-type"];
        locator.warn_of_others(&known, self, warnings);
        let rule_name = self.text("rule-name")?.unwrap_or_default().to_owned();
        Ok(ColumnTypeRule { rule_id: id, rule_name, schema, table, column, only_type, data_type })
    }

    /// Warns of the fields that neither every rule nor this one has.
    fn warn_of_rest(self, own: &[&str], warnings: &mut Vec<Warning>) {
        let common = ["rule-type", "rule-id", "rule-name", "rule-action", "object-locator"];
        self.warn_of_others(&[common.as_slice(), own].concat(), self, warnings);
    }

    /// Warns of the fields that are not `known`, in the name of `rule`. An empty value says nothing.
    fn warn_of_others(self, known: &[&str], rule: RuleObject<'_>, warnings: &mut Vec<Warning>) {
        let says = |value: &Value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        };
        for (name, _) in self.fields.iter().filter(|(_, value)| says(value)) {
            if !known.contains(&name.as_str()) {
                warnings.push(rule.warning(&format!("its {name} has no effect")));
            }
        }
    }
}

#[cfg(test)]
mod tests;
