//! The columns that a transformation rule names; touches nothing but the fields of one rule.

use super::{RuleObject, Warning};
use crate::mapping::NamePattern;

impl RuleObject<'_> {
    /// The schema, the table and the column that a rule about columns alone names. `done` says what it does to
    /// them; `fields` are those that it has, `rule-target` among them.
    pub(super) fn columns(
        self,
        done: &str,
        fields: &[&str],
        warnings: &mut Vec<Warning>,
    ) -> Result<[NamePattern; 3], String> {
        let action = self.text("rule-action")?.unwrap_or_default();
        if self.text("rule-target")? != Some("column") {
            return Err(format!("the rule-target of {action} is \"column\""));
        }
        let locator = self.locator()?;
        let pattern = |name| NamePattern::new(locator.required(name)?);
        let patterns = [pattern("schema-name")?, pattern("table-name")?, pattern("column-name")?];
        if locator.text("data-type")?.is_some_and(|name| !name.is_empty()) {
            return Err(format!("columns are not {done} by their type; name them"));
        }
        self.warn_of_underscores(&patterns.each_ref(), warnings);
        self.warn_of_rest(fields, warnings);
        let known = ["schema-name", "table-name", "column-name", "data-type"];
        locator.warn_of_others(&known, self, warnings);
        Ok(patterns)
    }
}
