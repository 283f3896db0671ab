//! What a client's texts have called relations and their columns, and what these are called on the target. Plain
//! data; knows no rules.

use std::collections::HashMap;
use std::sync::Arc;

use super::column_orders::ColumnOrders;

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
    }
}
