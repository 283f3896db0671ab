//! Transformation rules by which the values of columns are masked; touches nothing but the fields of one rule.

use super::{RuleObject, Warning};
use crate::mapping::{ColumnMask, Mask};

/// The actions, which only columns have.
pub(super) const ACTIONS: &[&str] =
    &["data-masking-digits-mask", "data-masking-digits-randomize", "data-masking-hash-mask"];

impl RuleObject<'_> {
    /// A rule by which values are masked.
    pub(super) fn mask(self, warnings: &mut Vec<Warning>) -> Result<ColumnMask, String> {
        let action = self.text("rule-action")?.unwrap_or_default();
        let mask = match action {
            "data-masking-digits-mask" => {
                match self.text("value")?.unwrap_or_default().as_bytes() {
                    [character @ b'!'..=b'~'] => Mask::Digits(*character),
                    _ => return Err("its value is not one printable ASCII character".into()),
                }
            }
            "data-masking-digits-randomize" => Mask::Randomize,
            _ => Mask::Hash,
        };
        let [schema, table, column] =
            self.columns("masked", &["rule-target", "value"], warnings)?;
        let id = self.value("rule-id").map(super::written).unwrap_or_default();
        Ok(ColumnMask { schema, table, column, mask, origin: format!("rule-id {id}") })
    }
}

#[cfg(test)]
mod tests {
    use crate::dms::table_mappings;
    use crate::mapping::Mask;

    fn read(action: &str, rest: &str) -> Result<Mask, String> {
        let rule = format!(
            r#"{{"rules": [{{"rule-type": "transformation", "rule-id": "4", "rule-name": "n",
                "rule-target": "column", "rule-action": "data-masking-{action}"{rest},
                "object-locator": {{"schema-name": "s", "table-name": "t%", "column-name": "c"}}}}]}}"#
        );
        let mappings = table_mappings(&rule).map_err(|error| error.to_string())?;
        let mask = mappings.masks.into_iter().next().map(|(_, mask)| mask.mask);
        mask.ok_or_else(|| "nothing is masked".to_owned())
    }

    #[test]
    fn masks_are_read() {
        assert_eq!(read("digits-mask", r##", "value": "#""##), Ok(Mask::Digits(b'#')));
        assert_eq!(read("digits-randomize", ""), Ok(Mask::Randomize));
        assert_eq!(read("hash-mask", r#", "value": null"#), Ok(Mask::Hash));
        for value in
            ["", r#", "value": """#, r#", "value": " ""#, r#", "value": "ab""#, r#", "value": "é""#]
        {
            let error = read("digits-mask", value).unwrap_err();
            assert!(error.contains("rule-id 4") && error.contains("printable"), "{error}");
        }
        assert!(read("other", "").is_err());
    }
}
