//! Which schemas and tables a command is about. Knows names and how SQL writes them, no target.

use super::spelling::quoted_literal;

/// Schemas and tables; an empty scope is every schema that is the user's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only these schemas; none means all but those of the system and of the proxy.
    pub schemas: Vec<String>,
    /// Only these tables; none means all.
    pub tables: Vec<TableName>,
}

/// The name of a table as a person writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// Its schema; without one, a table of that name in any schema of the scope.
    pub schema: Option<String>,
    /// Its own name.
    pub table: String,
}

impl Scope {
    /// A scope of names as SQL writes them: those without quotes are folded to lower case.
    ///
    /// # Errors
    /// A sentence that quotes the name that cannot be one.
    pub fn parse(schemas: &[String], tables: &[String]) -> Result<Scope, String> {
        let schemas = schemas.iter().map(|text| match names(text)?.as_slice() {
            [schema] => Ok(schema.clone()),
            _ => Err(format!("{text:?} is not the name of one schema")),
        });
        let tables = tables.iter().map(|text| match names(text)?.as_slice() {
            [table] => Ok(TableName { schema: None, table: table.clone() }),
            [schema, table] => Ok(TableName { schema: Some(schema.clone()), table: table.clone() }),
            _ => Err(format!("{text:?} is not a table: [SCHEMA.]TABLE")),
        });
        Ok(Scope {
            schemas: schemas.collect::<Result<_, _>>()?,
            tables: tables.collect::<Result<_, _>>()?,
        })
    }

    /// The condition, in SQL, that a table is in the scope; `schema` and `table` are expressions
    /// of type text.
    pub fn covers(&self, schema: &str, table: &str) -> String {
        let schemas = self.covers_schema(schema);
        if self.tables.is_empty() {
            return schemas;
        }
        let tables = self.tables.iter().map(|name| {
            let own = format!("{table} OPERATOR(pg_catalog.=) {}", quoted_literal(&name.table));
            match &name.schema {
                None => own,
                Some(named) => {
                    format!("({own} AND {schema} OPERATOR(pg_catalog.=) {})", quoted_literal(named))
                }
            }
        });
        format!("({schemas} AND ({}))", tables.collect::<Vec<_>>().join(" OR "))
    }

    /// The condition, in SQL, that a schema is in the scope; `schema` is an expression of type
    /// text.
    pub fn covers_schema(&self, schema: &str) -> String {
        if self.schemas.is_empty() {
            return format!(
                "({schema} OPERATOR(pg_catalog.!~) '^pg_' \
                 AND {schema} OPERATOR(pg_catalog.<>) 'information_schema' \
                 AND {schema} OPERATOR(pg_catalog.<>) 'dms_proxy')"
            );
        }
        let names = self.schemas.iter();
        let names =
            names.map(|name| format!("{schema} OPERATOR(pg_catalog.=) {}", quoted_literal(name)));
        format!("({})", names.collect::<Vec<_>>().join(" OR "))
    }
}

/// The parts of a name with dots, as SQL reads it.
fn names(text: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("{text:?} is not a name: quote it as SQL does");
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let part;
        (part, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_part(quoted).ok_or_else(wrong)?,
            None => {
                let (part, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (part.to_lowercase(), after)
            }
        };
        if part.is_empty() || part.contains('\0') {
            return Err(wrong());
        }
        parts.push(part);
        if rest.is_empty() {
            return Ok(parts);
        }
        rest = rest.strip_prefix('.').ok_or_else(wrong)?;
    }
}

/// A name behind its opening quote, and what follows the closing one.
fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sql_reads_them() {
        let read = |text: &str| names(text);
        assert_eq!(read("Sales"), Ok(vec!["sales".into()]));
        assert_eq!(read("\"Sa.les\".T"), Ok(vec!["Sa.les".into(), "t".into()]));
        assert_eq!(read("\"a\"\"b\""), Ok(vec!["a\"b".into()]));
        for wrong in ["", ".", "a.", "\"a", "\"a\"b", "\"\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(Scope::parse(&["a.b".into()], &[]).is_err());
        assert!(Scope::parse(&[], &["a.b.c".into()]).is_err());
    }

    #[test]
    fn conditions_quote_names() {
        let scope = Scope::parse(&["\"o'hara\"".into()], &["x.t".into(), "u".into()]).unwrap();
        assert_eq!(
            scope.covers("s", "t"),
            "((s OPERATOR(pg_catalog.=) 'o''hara') AND ((t OPERATOR(pg_catalog.=) 't' \
             AND s OPERATOR(pg_catalog.=) 'x') OR t OPERATOR(pg_catalog.=) 'u'))"
        );
        assert!(Scope::default().covers("s", "t").contains("'dms_proxy'"));
    }
}
