//! Which rules mask the values of which columns. Pure functions of names; knows no values.

use super::{ColumnMask, NameRules};

impl NameRules {
    /// The same with rules by which values are masked; an earlier one goes before a later one.
    pub fn with_masks(self, masks: Vec<ColumnMask>) -> NameRules {
        NameRules { masks, ..self }
    }

    /// Whether there are any.
    pub fn masks_any(&self) -> bool {
        !self.masks.is_empty()
    }

    /// Whether a table of this name may have columns that are masked.
    pub fn may_mask_in(&self, table: &str) -> bool {
        self.masks.iter().any(|mask| mask.table.matches(table))
    }

    /// The rules by which values of a table are masked.
    pub fn masks_in(&self, schema: &str, table: &str) -> impl Iterator<Item = &ColumnMask> {
        let selected = !self.masks.is_empty() && self.selects(schema, table);
        self.masks.iter().filter(move |mask| {
            selected && mask.table.matches(table) && mask.schema.matches(schema)
        })
    }

    /// The rule by which the values of a column are masked.
    pub fn mask(&self, schema: &str, table: &str, column: &str) -> Option<&ColumnMask> {
        self.masks_in(schema, table).find(|mask| mask.column.matches(column))
    }

    /// The same for a column that is known by the target's name alone.
    ///
    /// # Errors
    /// A rule that may be about it, or not: several columns of the source may be called like that.
    pub fn mask_of_target(
        &self,
        schema: &str,
        table: &str,
        target: &str,
    ) -> Result<Option<&ColumnMask>, &ColumnMask> {
        let renames = self.renames_columns_of(schema, table);
        for mask in self.masks_in(schema, table) {
            let is_it = match mask.column.literal() {
                Some(source) => self.column(schema, table, &source) == target,
                None if renames && !mask.column.matches_all() => return Err(mask),
                None => mask.column.matches(target),
            };
            if is_it {
                return Ok(Some(mask));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mask, NameChange, NamePattern, NameRule};

    fn pattern(text: &str) -> NamePattern {
        NamePattern::new(text).unwrap()
    }

    fn rules(columns: &[&str], lower: bool) -> NameRules {
        let mask = |column: &&str| ColumnMask {
            schema: pattern("S"),
            table: pattern("T%"),
            column: pattern(column),
            mask: Mask::Hash,
            origin: (*column).to_owned(),
        };
        let rule = NameRule {
            schema: pattern("S"),
            table: Some(pattern("%")),
            column: Some(pattern("%")),
            change: NameChange::Lowercase,
            origin: String::new(),
        };
        let rules = NameRules::new(Vec::new(), lower.then_some(rule).into_iter().collect(), None);
        rules.unwrap().with_masks(columns.iter().map(mask).collect())
    }

    #[test]
    fn columns_are_found_by_either_name() {
        let one = rules(&["NO"], true);
        assert!(one.mask("S", "T", "NO").is_some() && one.mask("S", "T", "no").is_none());
        assert!(one.mask("S", "U", "NO").is_none() && one.may_mask_in("TX") && !one.is_empty());
        assert!(one.mask_of_target("S", "T", "no").unwrap().is_some());
        assert!(one.mask_of_target("S", "T", "x").unwrap().is_none());
        assert!(rules(&["%"], true).mask_of_target("S", "T", "x").unwrap().is_some());
        assert_eq!(rules(&["N%"], true).mask_of_target("S", "T", "x").unwrap_err().origin, "N%");
        assert!(rules(&["N%"], false).mask_of_target("S", "T", "x").unwrap().is_none());
    }
}
