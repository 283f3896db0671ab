//! A column of decimals that refers to a column of integers gets the type of that: PostgreSQL compares them in
//! no foreign key. Finds the types; changes no text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Needs, Rules, names};
use crate::catalog::{Catalog, Freshness, Name, Relation, RelationColumn};
use crate::mapping::RuleId;
use crate::statement::{DefinedKey, DefinedTable, DefinitionKind, Edit, KeyColumn};
use crate::value::type_oid::{FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC};
use crate::wire::printable;

/// A foreign key of which it is not known whether its columns fit, or of which they do not and stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisfitKey {
    /// Where the column stands.
    pub span: Range<usize>,
    /// Both columns.
    pub text: String,
}

/// The relations that have to be known: those that columns of decimals refer to, and those that get a foreign
/// key.
pub(super) fn needs(definitions: &[DefinedTable], rules: &Rules<'_>, needs: &mut Needs) {
    if rules.policy.mapping.foreign_key_rule().is_none() {
        return;
    }
    for definition in definitions {
        for key in &definition.foreign_keys {
            let alters = definition.kind == DefinitionKind::Alter;
            let is_decimal = |key: &KeyColumn| {
                let column = definition.columns.iter().find(|column| column.name == key.name);
                column.map(RelationColumn::from_text).is_some_and(|column| is_decimal(&column))
            };
            if alters || key.columns.iter().any(is_decimal) {
                needs.relation(&key.parent, Freshness::Exact);
            }
            if alters {
                needs.relation(&definition.name, Freshness::Exact);
            }
        }
    }
}

/// The types of the text as the target gets them: those that the mapping says, and those that foreign keys
/// want; and the foreign keys that may not fit.
pub(super) fn fit(
    edits: &[Edit],
    sql: &[u8],
    definitions: &[DefinedTable],
    catalog: &Catalog,
    rules: &Rules<'_>,
) -> (Vec<Edit>, Vec<MisfitKey>) {
    let mut fitting = KeyFitting {
        sql,
        catalog,
        created: HashMap::new(),
        edits: edits.to_vec(),
        misfits: Vec::new(),
    };
    for definition in definitions {
        fitting.definition(definition, rules.policy.mapping.foreign_key_rule());
    }
    (fitting.edits, fitting.misfits)
}

struct KeyFitting<'f> {
    sql: &'f [u8],
    catalog: &'f Catalog,
    /// The tables that the text has defined so far.
    created: HashMap<Name, Arc<Relation>>,
    edits: Vec<Edit>,
    misfits: Vec<MisfitKey>,
}

impl KeyFitting<'_> {
    fn definition(&mut self, definition: &DefinedTable, rule: Option<RuleId>) {
        let before = match definition.kind {
            DefinitionKind::Create { .. } => None,
            DefinitionKind::Alter => self.known(&definition.name),
            DefinitionKind::NotTable => return,
        };
        let mut own = before.unwrap_or_default().behind(definition);
        for key in &definition.foreign_keys {
            for (at, KeyColumn { name, span }) in key.columns.iter().enumerate() {
                let Some(index) = own.position(name) else { continue };
                let Some(column) = own.columns().get(index).cloned() else { continue };
                if !is_decimal(&column) {
                    continue;
                }
                let parent = self.parent(key, at, &own, definition);
                let written = definition.columns.iter().find(|column| column.name == *name);
                let type_span = written.map(|column| &column.type_span);
                let integer = parent.as_ref().and_then(integer_name);
                match (rule, parent) {
                    (Some(rule), Some(parent)) => {
                        if let Some(text) = integer {
                            let place = type_span.unwrap_or(span);
                            self.give(key, place, type_span.is_none(), text, rule);
                            own = with_type(&own, index, parent.column.type_oid);
                        }
                    }
                    (Some(_), None) => self.note_misfit(key, at, span, definition, None),
                    // Types stay, so that the target refuses the key if the parent has integers.
                    (None, _) if integer.is_some() => {
                        self.note_misfit(key, at, span, definition, integer);
                    }
                    (None, _) => {}
                }
            }
        }
        self.created.insert(definition.name.clone(), Arc::new(own));
    }

    fn known(&self, name: &Name) -> Option<Arc<Relation>> {
        let created = self.created.get(name);
        let known = created.or_else(|| self.catalog.relation(&names::target_of(name)));
        known.filter(|relation| !relation.is_missing()).cloned()
    }

    /// The column that a place of a foreign key refers to.
    fn parent(
        &self,
        key: &DefinedKey,
        at: usize,
        own: &Relation,
        definition: &DefinedTable,
    ) -> Option<RelationColumn> {
        let known = self.known(&key.parent);
        let parent = match key.parent == definition.name {
            true => own,
            false => known.as_deref()?,
        };
        let index = match key.parent_columns.get(at) {
            Some(name) => parent.position(name)?,
            None => *parent.primary_key().get(at)?,
        };
        parent.columns().get(index).cloned()
    }

    /// The column gets another type: at `span`, or by an action of its own for the name that stands there.
    fn give(
        &mut self,
        key: &DefinedKey,
        span: &Range<usize>,
        by_action: bool,
        text: &str,
        rule: RuleId,
    ) {
        let edit = if by_action {
            let written = self.sql.get(span.clone());
            let Some(name) = written.and_then(|name| std::str::from_utf8(name).ok()) else {
                return;
            };
            // A value that is not whole is refused, and not rounded.
            let integer = internal_name(text);
            let text = format!(
                "ALTER COLUMN {name} TYPE {text} USING CASE WHEN {name} OPERATOR(pg_catalog.=) \
                 pg_catalog.trunc({name}) THEN {name}::pg_catalog.{integer} ELSE \
                 {name}::pg_catalog.text::pg_catalog.{integer} END, "
            );
            Edit { span: key.action_at..key.action_at, text, rule }
        } else {
            Edit { span: span.clone(), text: text.to_owned(), rule }
        };
        let place = self.edits.partition_point(|known| known.span.start < edit.span.start);
        match self.edits.get_mut(place) {
            Some(known) if known.span == edit.span && !edit.span.is_empty() => *known = edit,
            _ => self.edits.insert(place, edit),
        }
    }

    /// Notes both columns; `integer` is the type of the parent's, where it is known.
    fn note_misfit(
        &mut self,
        key: &DefinedKey,
        at: usize,
        span: &Range<usize>,
        definition: &DefinedTable,
        integer: Option<&str>,
    ) {
        let own = key.columns.get(at).map_or_else(String::new, |column| printable(&column.name));
        let other = key.parent_columns.get(at).map(|name| printable(name));
        let integer = integer.map_or_else(String::new, |name| format!(", which is {name}"));
        let text = format!(
            "{}.{own} refers to {}.{}{integer}",
            printable(&definition.name.join(&b"."[..])),
            printable(&key.parent.join(&b"."[..])),
            other.as_deref().unwrap_or("(its primary key)")
        );
        self.misfits.push(MisfitKey { span: span.clone(), text });
    }
}

/// The table with another type of a column.
fn with_type(relation: &Relation, index: usize, type_oid: u32) -> Relation {
    let mut columns = relation.columns().to_vec();
    if let Some(column) = columns.get_mut(index) {
        let known = Arc::make_mut(&mut column.column);
        (known.type_oid, known.modifier) = (type_oid, -1);
    }
    let key = relation.primary_key().to_vec();
    Relation::new(String::new(), String::new(), columns).with_primary_key(key)
}

/// Whether PostgreSQL compares the column with none of integers in a foreign key.
fn is_decimal(column: &RelationColumn) -> bool {
    matches!(column.column.type_oid, NUMERIC | FLOAT4 | FLOAT8)
}

fn integer_name(column: &RelationColumn) -> Option<&'static str> {
    match column.column.type_oid {
        INT2 => Some("SMALLINT"),
        INT4 => Some("INTEGER"),
        INT8 => Some("BIGINT"),
        _ => None,
    }
}

fn internal_name(integer: &str) -> &'static str {
    match integer {
        "SMALLINT" => "int2",
        "INTEGER" => "int4",
        _ => "int8",
    }
}
