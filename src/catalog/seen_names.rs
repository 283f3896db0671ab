//! What a client's texts have called relations and their columns, and what these are called on the target. Plain
//! data; knows no rules.

use std::collections::HashMap;
use std::sync::Arc;

use super::column_orders::ColumnOrders;
use crate::parking::spelling::quoted_identifier;

/// Columns that are remembered at most.
const COLUMNS_MAX: usize = 20_000;

/// What names of the client's session mean.
#[derive(Debug, Default)]
pub(super) struct SessionNames {
    /// The schemas in which names without one are looked up, for the text at hand.
    pub(super) search_path: Option<Vec<String>>,
    /// What its texts call relations and their columns, where replies want to know.
    pub(super) seen: Arc<SeenNames>,
    /// The columns that its texts have given to tables, until one fails.
    pub(super) orders: ColumnOrders,
}

/// A relation by both of its names, with the columns that texts have named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct NamedRelation {
    /// The schemas, where a text has named it.
    schemas: Option<NamePair>,
    table: NamePair,
    columns: Vec<NamePair>,
}

/// What a thing is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamePair {
    /// On the target.
    pub target: String,
    /// In texts.
    pub source: String,
}

/// Relations that texts of a session have named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenNames {
    /// By their names on the target, without schemas.
    relations: HashMap<String, Vec<NamedRelation>>,
    columns: usize,
}

impl SeenNames {
    /// Notes a relation, and one of its columns.
    pub fn note(&mut self, schemas: Option<NamePair>, table: NamePair, column: Option<NamePair>) {
        let of_name = self.relations.entry(table.target.clone()).or_default();
        let found =
            of_name.iter_mut().find(|known| known.schemas == schemas && known.table == table);
        let relation = match found {
            Some(relation) => relation,
            None => {
                let columns = Vec::new();
                of_name.push(NamedRelation { schemas, table, columns });
                self.columns += 1;
                let Some(last) = of_name.last_mut() else { return };
                last
            }
        };
        if let Some(column) = column.filter(|column| !relation.columns.contains(column)) {
            relation.columns.push(column);
            self.columns += 1;
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }

    /// The names of the relations on the target.
    pub fn tables(&self) -> Vec<String> {
        self.relations.keys().cloned().collect()
    }

    /// Whether it says all of this already.
    pub fn holds(&self, other: &SeenNames) -> bool {
        other.relations.iter().all(|(name, relations)| {
            let known = self.relations.get(name);
            known.is_some_and(|known| {
                relations.iter().all(|relation| {
                    known.iter().any(|known| {
                        known.schemas == relation.schemas
                            && known.table == relation.table
                            && relation.columns.iter().all(|one| known.columns.contains(one))
                    })
                })
            })
        })
    }

    /// The same with what another one says; of too much nothing is kept but that.
    pub fn join(&mut self, other: &SeenNames) {
        if self.columns + other.columns > COLUMNS_MAX {
            *self = other.clone();
            return;
        }
        for relation in other.relations.values().flatten() {
            self.note(relation.schemas.clone(), relation.table.clone(), None);
            for column in &relation.columns {
                let (schemas, table) = (relation.schemas.clone(), relation.table.clone());
                self.note(schemas, table, Some(column.clone()));
            }
        }
    }

    /// The relations that the target knows by a name.
    fn called<'s>(
        &'s self,
        schema: Option<&'s str>,
        table: &str,
    ) -> impl Iterator<Item = &'s NamedRelation> {
        let of_name = self.relations.get(table).into_iter().flatten();
        of_name.filter(move |relation| match (&relation.schemas, schema) {
            (Some(schemas), Some(schema)) => schemas.target == schema,
            _ => true,
        })
    }

    /// Both names of the tables that the target knows by a name.
    pub fn tables_called<'s>(
        &'s self,
        schema: Option<&'s str>,
        table: &str,
    ) -> impl Iterator<Item = &'s NamePair> {
        self.called(schema, table).map(|relation| &relation.table)
    }

    /// Both names of their columns.
    pub fn columns_of<'s>(
        &'s self,
        schema: Option<&'s str>,
        table: &str,
    ) -> impl Iterator<Item = &'s NamePair> {
        self.called(schema, table).flat_map(|relation| &relation.columns)
    }

    /// Whether a text has named a relation so before, and a column of it.
    pub fn knows(
        &self,
        schemas: Option<(&str, &str)>,
        (target, source): (&str, &str),
        column: Option<&str>,
    ) -> bool {
        let is_pair = |pair: &NamePair, (target, source): (&str, &str)| {
            pair.target == target && pair.source == source
        };
        let mut of_name = self.relations.get(target).into_iter().flatten();
        of_name.any(|known| {
            let in_schema = match (&known.schemas, schemas) {
                (Some(known), Some(schemas)) => is_pair(known, schemas),
                (None, None) => true,
                _ => false,
            };
            let has = |column: &str| known.columns.iter().any(|known| known.source == column);
            in_schema && is_pair(&known.table, (target, source)) && column.is_none_or(has)
        })
    }

    /// What texts called a relation of the target, or a column of it, in quotes and with the schema where that is
    /// known; nothing where that is its name on the target. A `schema` or `column` that is empty is none.
    pub fn sources_of(&self, schema: &str, table: &str, column: &str) -> Vec<String> {
        let mut sources = Vec::new();
        for relation in self.called((!schema.is_empty()).then_some(schema), table) {
            let schemas = relation.schemas.as_ref();
            let columns = relation.columns.iter().filter(|pair| pair.target == column);
            let columns: Vec<Option<&NamePair>> = match column {
                "" => vec![None],
                _ => columns.map(Some).collect(),
            };
            for column in columns {
                let pairs = schemas.into_iter().chain([&relation.table]).chain(column);
                let is_other = pairs.clone().any(|pair| pair.source != pair.target);
                let name: Vec<_> = pairs.map(|pair| quoted_identifier(&pair.source)).collect();
                let name = name.join(".");
                if is_other && !sources.contains(&name) {
                    sources.push(name);
                }
            }
        }
        sources
    }

    /// Both names of the relations that texts have named with their schemas, and of these.
    pub fn qualified(&self) -> impl Iterator<Item = (&NamePair, &NamePair)> {
        let relations = self.relations.values().flatten();
        relations.filter_map(|relation| Some((relation.schemas.as_ref()?, &relation.table)))
    }

    /// Both names of the schemas that texts have named.
    pub fn schemas(&self) -> impl Iterator<Item = &NamePair> {
        let relations = self.relations.values().flatten();
        relations.filter_map(|relation| relation.schemas.as_ref())
    }

    /// What it takes in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let relations = self.relations.values().flatten();
        relations.map(|relation| 64 + relation.columns.len() * size_of::<NamePair>() * 2).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_joined() {
        let pair = |target: &str, source: &str| NamePair {
            target: target.to_owned(),
            source: source.to_owned(),
        };
        let (mut all, mut one) = (SeenNames::default(), SeenNames::default());
        one.note(None, pair("t", "T"), Some(pair("a", "A")));
        assert!(!all.holds(&one));
        all.join(&one);
        assert!(all.holds(&one) && all == one);
        all.note(Some(pair("s", "S")), pair("t", "T"), None);
        assert_eq!(all.tables_called(Some("s"), "t").count(), 2);
        assert_eq!(all.columns_of(Some("x"), "t").next(), Some(&pair("a", "A")));
        assert!(
            all.knows(None, ("t", "T"), Some("A")) && all.knows(Some(("s", "S")), ("t", "T"), None)
        );
        assert!(!all.knows(None, ("t", "T"), Some("a")) && !all.knows(None, ("t", "t"), None));
    }

    #[test]
    fn sources_are_names_that_differ() {
        let pair = |target: &str, source: &str| NamePair {
            target: target.to_owned(),
            source: source.to_owned(),
        };
        let mut seen = SeenNames::default();
        seen.note(Some(pair("s", "S")), pair("t", "T"), Some(pair("a", "a")));
        seen.note(Some(pair("s", "s")), pair("t", "t"), Some(pair("a", "a")));
        seen.note(None, pair("u", "U\"x"), Some(pair("b", "B")));
        assert_eq!(seen.sources_of("s", "t", ""), [r#""S"."T""#]);
        assert_eq!(seen.sources_of("s", "t", "a"), [r#""S"."T"."a""#]);
        assert_eq!(seen.sources_of("", "u", ""), [r#""U""x""#]);
        assert_eq!(seen.sources_of("x", "u", "b"), [r#""U""x"."B""#]);
        assert_eq!(seen.sources_of("x", "t", ""), [""; 0]);
        assert_eq!(seen.sources_of("s", "t", "z"), [""; 0]);
    }
}
