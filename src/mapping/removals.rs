//! Columns of the source that the target does not have: rules that remove them, or that name those which
//! stay. Pure functions of names; knows no SQL and no target.

use super::NamePattern;

/// A rule by which columns of a table do not reach the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRemoval {
    /// The schemas it is about.
    pub schema: NamePattern,
    /// The tables it is about.
    pub table: NamePattern,
    /// The columns it names.
    pub column: NamePattern,
    /// They stay, and columns that no rule names go.
    pub keeps: bool,
    /// Where it was written, for messages.
    pub origin: String,
}

/// Columns that every table has.
const SYSTEM_COLUMNS: &[&str] = &["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

impl ColumnRemoval {
    /// Of the rules about one table, in their order, the one by which a column goes, if there is one.
    pub(super) fn of_column<'r>(
        rules: impl Iterator<Item = &'r ColumnRemoval>,
        column: &str,
    ) -> Option<&'r ColumnRemoval> {
        let mut only = None;
        for removal in rules {
            if removal.column.matches(column) {
                return (!removal.keeps).then_some(removal);
            }
            if removal.keeps {
                only = only.or(Some(removal));
            }
        }
        only.filter(|_| !SYSTEM_COLUMNS.contains(&column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::NameRules;

    fn rules(removals: &[(&str, bool)]) -> NameRules {
        let pattern = |text: &str| NamePattern::new(text).unwrap();
        let removal = |&(column, keeps): &(&str, bool)| ColumnRemoval {
            schema: pattern("s"),
            table: pattern("t%"),
            column: pattern(column),
            keeps,
            origin: String::new(),
        };
        NameRules::default().with_removals(removals.iter().map(removal).collect())
    }

    #[test]
    fn columns_that_are_removed_go() {
        let rules = rules(&[("a%", false)]);
        let goes = |table, column| rules.removal("s", table, column).is_some();
        assert!(goes("t1", "a") && goes("t2", "ab"));
        assert!(!goes("t1", "b") && !goes("u", "a"));
        assert!(rules.may_remove_from("tx") && !rules.may_remove_from("u"));
        assert!(!rules.is_empty());
        assert!(rules.removals_agree(("s", "t1"), ("s", "t2")));
        assert!(!rules.removals_agree(("s", "t1"), ("s", "u")));
    }

    #[test]
    fn columns_that_are_not_included_go() {
        let rules = rules(&[("a", true), ("b_x", false), ("b%", true)]);
        let goes = |column| rules.removal("s", "t", column).is_some();
        assert!(goes("c") && goes("b1x"));
        assert!(!goes("a") && !goes("b") && !goes("ctid"));
    }
}
