//! What names stand for at a place of a statement: the relations and rows of its query and of those around it.
//! Plain data.

use std::rc::Rc;

use super::RowsSpan;
use super::typed::Typed;

/// The parts of a relation's name.
pub(super) type NameParts = Vec<Vec<u8>>;

/// A column of rows that the text holds.
#[derive(Clone, Debug, Default)]
pub(super) struct RowColumn {
    /// Empty where it has none.
    pub(super) name: Vec<u8>,
    pub(super) typed: Typed,
}

/// Rows that the text holds, and where.
#[derive(Clone, Debug)]
pub(super) struct TextRows {
    pub(super) columns: Vec<RowColumn>,
    pub(super) at: Rc<RowsSpan>,
}

/// What a FROM names.
#[derive(Clone, Debug)]
pub(super) enum FromItem {
    Relation(NameParts),
    Rows(TextRows),
    /// Rows of which nothing is known.
    Opaque,
}

/// A query, as far as its names matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Level {
    /// By the names that columns are qualified with.
    pub(super) items: Vec<(Vec<u8>, FromItem)>,
    /// The queries of its WITH.
    pub(super) with: Vec<(Vec<u8>, FromItem)>,
}

/// What a name of a column stands for.
#[derive(Clone, Debug)]
pub(super) enum Named {
    /// A column of one of these relations.
    Relations(Rc<Vec<NameParts>>, Vec<u8>),
    /// A column of rows.
    Rows(Typed),
    Unknown,
}

/// What a name of one to four parts stands for.
pub(super) fn named(levels: &[Level], mut parts: NameParts) -> Named {
    let Some(column) = parts.pop() else { return Named::Unknown };
    for level in levels.iter().rev() {
        let found = match parts.last() {
            Some(alias) => level.qualified(alias, parts.len() > 1, &column),
            None => level.bare(&column),
        };
        if let Some(found) = found {
            return found;
        }
    }
    Named::Unknown
}

/// What the name of a query of WITH stands for.
pub(super) fn with_query(levels: &[Level], name: &[u8]) -> Option<FromItem> {
    let all = levels.iter().rev().flat_map(|level| level.with.iter().rev());
    all.into_iter().find(|(known, _)| known == name).map(|(_, item)| item.clone())
}

impl Level {
    fn qualified(&self, alias: &[u8], has_schema: bool, column: &[u8]) -> Option<Named> {
        let mut items = self.items.iter().filter(|(known, _)| known == alias);
        let (_, item) = items.next()?;
        Some(match item {
            FromItem::Relation(name) => {
                Named::Relations(Rc::new(vec![name.clone()]), column.to_vec())
            }
            FromItem::Rows(rows) if !has_schema => {
                rows.column(column).map_or(Named::Unknown, Named::Rows)
            }
            _ => Named::Unknown,
        })
    }

    /// A column of rows is the only one of its name, or the server refuses it.
    fn bare(&self, column: &[u8]) -> Option<Named> {
        let mut relations = Vec::new();
        for (_, item) in &self.items {
            match item {
                FromItem::Relation(name) => relations.push(name.clone()),
                FromItem::Rows(rows) => {
                    if let Some(typed) = rows.column(column) {
                        return Some(Named::Rows(typed));
                    }
                }
                FromItem::Opaque => {}
            }
        }
        let found = !relations.is_empty();
        found.then(|| Named::Relations(Rc::new(relations), column.to_vec()))
    }
}

impl TextRows {
    /// The only column of a name.
    fn column(&self, name: &[u8]) -> Option<Typed> {
        let mut columns = self.columns.iter().filter(|column| column.name == name);
        let column = columns.next().filter(|column| !column.name.is_empty())?;
        columns.next().is_none().then(|| column.typed.clone())
    }
}
