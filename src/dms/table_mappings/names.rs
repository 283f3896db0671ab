//! Transformation rules about names, and the selections that they go by; touches nothing but the fields of
//! one rule.

use super::{NameRule, RuleObject, TableMappings, TableSelection, Warning, masks};
use crate::mapping::{NameChange, NamePattern};

/// Actions that change a name.
const ACTIONS: &[&str] = &[
    "rename",
    "convert-lowercase",
    "convert-uppercase",
    "add-prefix",
    "remove-prefix",
    "replace-prefix",
    "add-suffix",
    "remove-suffix",
    "replace-suffix",
];

impl RuleObject<'_> {
    /// A transformation: a rule about types, about names, or one without effect.
    pub(super) fn transformation(
        self,
        id: u64,
        mappings: &mut TableMappings,
    ) -> Result<(), String> {
        let (action, target) = (self.text("rule-action")?, self.text("rule-target")?);
        if let (Some(action), Some(target)) = (action, target) {
            if matches!(target, "table-tablespace" | "index-tablespace") {
                let advice = "tablespaces are those of an Oracle target; it has no effect";
                mappings.warnings.push(self.warning(advice));
                return Ok(());
            }
            if action == "add-before-image-columns" && target == "column" {
                let advice = "before-images are in the changes that a tool reads at its source; \
                              it has no effect in the proxy";
                mappings.warnings.push(self.warning(advice));
                return Ok(());
            }
            if ACTIONS.contains(&action) {
                let rule = self.name_rule(id, action, target, &mut mappings.warnings)?;
                mappings.names.push((id, rule));
                return Ok(());
            }
        }
        if action == Some("add-column") || action == Some("define-primary-key") {
            let addition = self.addition(id, &mut mappings.warnings)?;
            mappings.additions.push((id, addition));
            return Ok(());
        }
        if action == Some("remove-column") || action == Some("include-column") {
            let removal = self.removal(id, &mut mappings.warnings)?;
            mappings.removals.push((id, removal));
            return Ok(());
        }
        if action.is_some_and(|action| masks::ACTIONS.contains(&action)) {
            let mask = self.mask(&mut mappings.warnings)?;
            mappings.masks.push((id, mask));
            return Ok(());
        }
        let rule = self.column_type(id, &mut mappings.warnings)?;
        mappings.column_types.push(rule);
        Ok(())
    }

    fn name_rule(
        self,
        id: u64,
        action: &str,
        target: &str,
        warnings: &mut Vec<Warning>,
    ) -> Result<NameRule, String> {
        let locator = self.locator()?;
        let pattern = |name| NamePattern::new(locator.required(name)?);
        let schema = pattern("schema-name")?;
        let (table, column) = match target {
            "schema" => (None, None),
            "table" => (Some(pattern("table-name")?), None),
            "column" => (Some(pattern("table-name")?), Some(pattern("column-name")?)),
            other => {
                let known = "it is \"schema\", \"table\" or \"column\"";
                return Err(format!("{other:?} is not a rule-target of {action}; {known}"));
            }
        };
        if locator.text("data-type")?.is_some_and(|name| !name.is_empty()) {
            return Err("names are not changed by the type of their columns".into());
        }
        let change = self.change(action)?;
        let patterns = [Some(&schema), table.as_ref(), column.as_ref()];
        self.warn_of_underscores(&patterns.into_iter().flatten().collect::<Vec<_>>(), warnings);
        self.warn_of_rest(&["rule-target", "value", "old-value"], warnings);
        let known = ["schema-name", "table-name", "column-name", "data-type"];
        locator.warn_of_others(&known, self, warnings);
        Ok(NameRule { schema, table, column, change, origin: format!("rule-id {id}") })
    }

    fn change(self, action: &str) -> Result<NameChange, String> {
        if self.value("expression").is_some() {
            return Err("names are not made by expressions; give the new name as its value".into());
        }
        let value = |name: &str| match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(format!("it has no {name}")),
        };
        let replaced = || self.text("value").map(|new| new.unwrap_or_default().to_owned());
        Ok(match action {
            "rename" => NameChange::Rename(value("value")?),
            "convert-lowercase" => NameChange::Lowercase,
            "convert-uppercase" => NameChange::Uppercase,
            "add-prefix" => NameChange::AddPrefix(value("value")?),
            "remove-prefix" => NameChange::RemovePrefix(value("value")?),
            "replace-prefix" => NameChange::ReplacePrefix(value("old-value")?, replaced()?),
            "add-suffix" => NameChange::AddSuffix(value("value")?),
            "remove-suffix" => NameChange::RemoveSuffix(value("value")?),
            _ => NameChange::ReplaceSuffix(value("old-value")?, replaced()?),
        })
    }

    /// The tables that a selection names; `None` for one that is not a pattern.
    pub(super) fn selected(
        self,
        schema: &str,
        table: &str,
        excludes: bool,
    ) -> Result<TableSelection, String> {
        let (schema, table) = (NamePattern::new(schema)?, NamePattern::new(table)?);
        Ok(TableSelection { schema, table, excludes })
    }

    pub(super) fn warn_of_underscores(
        self,
        patterns: &[&NamePattern],
        warnings: &mut Vec<Warning>,
    ) {
        let bare: Vec<String> = patterns
            .iter()
            .filter(|pattern| pattern.has_bare_underscore())
            .map(|pattern| format!("{:?}", pattern.to_string()))
            .collect();
        if !bare.is_empty() {
            let advice = "an _ stands for any one character; [_] is an underscore and no other";
            warnings.push(self.warning(&format!("in {} {advice}", bare.join(", "))));
        }
    }
}
