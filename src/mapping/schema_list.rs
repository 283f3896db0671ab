//! Lists of schemas as `search_path` has them, under the names of the target. Pure functions of names.

use super::NameRules;

impl NameRules {
    /// The list with the target's names; `None` where no name changes, or where it cannot be read as a list.
    pub fn schema_list(&self, list: &str) -> Option<String> {
        let schemas = schemas_of(list)?;
        let target = |schema: &String| match schema.as_str() {
            "$user" => schema.clone(),
            _ => self.schema(schema).into_owned(),
        };
        let targets: Vec<String> = schemas.iter().map(target).collect();
        let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
        (targets != schemas).then(|| targets.iter().map(quoted).collect::<Vec<_>>().join(", "))
    }
}

/// The names of a list, as PostgreSQL keeps them.
///
/// Source: PostgreSQL, `SplitIdentifierString` in `src/backend/utils/adt/varlena.c`.
fn schemas_of(list: &str) -> Option<Vec<String>> {
    let mut schemas = Vec::new();
    let mut rest = list.trim();
    loop {
        let name = match rest.strip_prefix('"') {
            Some(mut quoted) => {
                let mut name = String::new();
                loop {
                    let (part, behind) = quoted.split_once('"')?;
                    name.push_str(part);
                    match behind.strip_prefix('"') {
                        Some(more) => quoted = more,
                        None => {
                            rest = behind;
                            break;
                        }
                    }
                    name.push('"');
                }
                name
            }
            None => {
                let is_end = |c: char| c == ',' || c.is_ascii_whitespace();
                let (word, behind) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
                rest = behind;
                word.to_ascii_lowercase()
            }
        };
        if name.is_empty() {
            return None;
        }
        schemas.push(name);
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(schemas);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NameChange, NamePattern, NameRule};
    use super::*;

    #[test]
    fn lists_are_renamed_as_the_server_reads_them() {
        let rule = NameRule {
            schema: NamePattern::exact("HR"),
            table: None,
            column: None,
            change: NameChange::Rename("the \"people\"".into()),
            origin: String::new(),
        };
        let rules = NameRules::new(Vec::new(), vec![rule], None).unwrap();
        let list = |text: &str| rules.schema_list(text);
        let people = "\"the \"\"people\"\"\"";
        assert_eq!(list("\"HR\"").as_deref(), Some(people));
        let expected = format!("\"$user\", {people}, \"public\"");
        assert_eq!(list(" \"$user\" ,\"HR\", Public ").as_deref(), Some(expected.as_str()));
        for same in ["HR", "public", "", "\"HR", "\"HR\" x", "\"HR\",", "a,,\"HR\""] {
            assert_eq!(list(same), None, "{same}");
        }
    }
}
