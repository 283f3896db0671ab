//! Transformation rules by which columns do not reach the target; touches nothing but the fields of one rule.

use super::{RuleObject, Warning};
use crate::mapping::ColumnRemoval;

impl RuleObject<'_> {
    /// A remove-column or include-column rule.
    pub(super) fn removal(
        self,
        id: u64,
        warnings: &mut Vec<Warning>,
    ) -> Result<ColumnRemoval, String> {
        let action = self.text("rule-action")?.unwrap_or_default();
        let [schema, table, column] = self.columns("removed", &["rule-target"], warnings)?;
        let keeps = action == "include-column";
        Ok(ColumnRemoval { schema, table, column, keeps, origin: format!("rule-id {id}") })
    }
}

#[cfg(test)]
mod tests {
    use crate::dms::table_mappings;
    use crate::mapping::ColumnRemoval;

    fn read(action: &str, target: &str, locator: &str) -> Result<ColumnRemoval, String> {
        let rule = format!(
            r#"{{"rules": [{{"rule-type": "transformation", "rule-id": "4", "rule-name": "n",
                "rule-target": "{target}", "rule-action": "{action}",
                "object-locator": {{"schema-name": "s", "table-name": "t%"{locator}}}}}]}}"#
        );
        let mappings = table_mappings(&rule).map_err(|error| error.to_string())?;
        let removal = mappings.removals.into_iter().next().map(|(_, removal)| removal);
        removal.ok_or_else(|| "nothing is removed".to_owned())
    }

    #[test]
    fn columns_that_go_and_stay_are_read() {
        let column = r#", "column-name": "c[_]1""#;
        let removal = read("remove-column", "column", column).unwrap();
        assert!(!removal.keeps && removal.column.matches("c_1") && removal.table.matches("tx"));
        assert!(read("include-column", "column", column).unwrap().keeps);
        for (target, locator, part) in [
            ("table", column, "rule-target of remove-column"),
            ("column", "", "no column-name"),
            ("column", r#", "column-name": "%", "data-type": "clob""#, "by their type"),
        ] {
            let error = read("remove-column", target, locator).unwrap_err();
            assert!(error.contains("rule-id 4") && error.contains(part), "{error}");
        }
    }
}
