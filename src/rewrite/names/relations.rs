//! Relations: which one of the source a name stands for, with a schema or without, and what it is called on
//! the target.

use super::{Placed, Placing, RenamedText, Unplaced};
use crate::catalog::{Catalog, Freshness, Name, Need, Subject};
use crate::mapping::NameRules;
use crate::parking::spelling::quoted_identifier;
use crate::statement::Effects;
use crate::statement::scope::{NameRole, Scopes};
use crate::wire::printable;

/// Where names without a schema are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// It makes no difference.
    Any,
    /// In these schemas of the source, for each schema of the target those that may stand behind it.
    Known(Vec<Vec<String>>),
    /// It has to be asked for.
    Asked,
    /// A statement in front may have changed it.
    Unknown,
}

impl Path {
    /// The path at the start of a text.
    pub(super) fn of(names: &NameRules, catalog: &Catalog) -> Path {
        if names.ignores_schemas() {
            return Path::Any;
        }
        match catalog.search_path() {
            None => Path::Asked,
            Some(schemas) => {
                Path::Known(schemas.iter().map(|schema| names.sources_of(schema)).collect())
            }
        }
    }
}

/// A relation of the source, and what it is called on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source_schema: String,
    pub(super) source_table: String,
    pub(super) target_schema: String,
    pub(super) target_table: String,
    /// The text names the schema.
    pub(super) is_qualified: bool,
}

impl Place {
    pub(super) fn new(names: &NameRules, schema: &str, table: &str, is_qualified: bool) -> Place {
        // The server's own relations are found first, whatever the path is.
        let is_system = !is_qualified && table.starts_with("pg_");
        let schema = if is_system { "pg_catalog" } else { schema };
        Place {
            target_schema: names.schema_of(schema, table).into_owned(),
            target_table: names.table(schema, table).into_owned(),
            source_schema: schema.to_owned(),
            source_table: table.to_owned(),
            is_qualified,
        }
    }

    /// The target's name for a column.
    pub(super) fn column(&self, names: &NameRules, column: &str) -> String {
        names.column(&self.source_schema, &self.source_table, column).into_owned()
    }

    /// Its name on the target and the text's name for it, in quotes, where they differ.
    pub(super) fn new_name(&self) -> Option<(String, String)> {
        let is_other = self.is_renamed(self.is_qualified);
        let table = quoted_identifier(&self.source_table);
        let source = match self.is_qualified {
            true => format!("{}.{table}", quoted_identifier(&self.source_schema)),
            false => table,
        };
        is_other.then(|| (self.target_table.clone(), source))
    }

    /// Whether it is one of the server's own.
    pub(super) fn is_system(&self) -> bool {
        self.source_schema == "pg_catalog" || self.source_schema == "information_schema"
    }

    /// Whether it is called otherwise on the target, or so is its schema, where that `is_named`.
    pub(super) fn is_renamed(&self, is_named: bool) -> bool {
        self.source_table != self.target_table
            || is_named && self.source_schema != self.target_schema
    }

    /// The key by which the catalog knows it.
    pub(super) fn key(&self) -> Name {
        let table = self.target_table.clone().into_bytes();
        match self.is_qualified {
            true => vec![self.target_schema.clone().into_bytes(), table],
            false => vec![table],
        }
    }

    pub(super) fn is_like(&self, other: &Place, names: &NameRules) -> bool {
        self.target_table == other.target_table
            && names.columns_agree(
                (&self.source_schema, &self.source_table),
                (&other.source_schema, &other.source_table),
            )
    }
}

/// What is found behind a name without a schema.
#[derive(Debug)]
pub(super) enum FoundRelation {
    Place(Place),
    /// This has to be known first.
    Needs(Vec<Need>),
    /// A statement in front may have changed the path.
    Unsure,
}

/// Finds what names without a schema stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct RelationFinder<'f> {
    pub(super) names: &'f NameRules,
    pub(super) catalog: &'f Catalog,
    pub(super) path: &'f Path,
}

impl RelationFinder<'_> {
    /// The relation of a name with its schema, or without.
    pub(super) fn relation(&self, parts: &[String]) -> Option<FoundRelation> {
        match parts {
            [] => None,
            [table] => Some(self.unqualified(table, false)),
            [.., schema, table] => {
                Some(FoundRelation::Place(Place::new(self.names, schema, table, true)))
            }
        }
    }

    pub(super) fn unqualified(&self, table: &str, is_new: bool) -> FoundRelation {
        if table.starts_with("pg_") {
            return FoundRelation::Place(Place::new(self.names, "pg_catalog", table, false));
        }
        let candidates = match self.path {
            Path::Any => {
                return FoundRelation::Place(Place::new(self.names, "public", table, false));
            }
            Path::Known(schemas) => self.candidates(schemas, table),
            Path::Asked => {
                let freshness = Freshness::Exact;
                return FoundRelation::Needs(vec![Need {
                    subject: Subject::SearchPath,
                    freshness,
                }]);
            }
            Path::Unknown => return FoundRelation::Unsure,
        };
        let Some(first) = candidates.first() else {
            // There is no schema to look in: the server says so.
            return FoundRelation::Place(Place::new(self.names, "pg_catalog", table, false));
        };
        if is_new || candidates.iter().all(|place| place.is_like(first, self.names)) {
            return FoundRelation::Place(first.clone());
        }
        self.existing(&candidates, first)
    }

    /// What a name may stand for, in the order of the path.
    fn candidates(&self, schemas: &[Vec<String>], table: &str) -> Vec<Place> {
        let place = |schema: &String| Place::new(self.names, schema, table, false);
        schemas.iter().flatten().map(place).collect()
    }

    /// The first of these that is there.
    fn existing(&self, candidates: &[Place], first: &Place) -> FoundRelation {
        let (mut found, mut needs) = (None, Vec::new());
        for place in candidates {
            let (schema, table) = (place.target_schema.clone(), place.target_table.clone());
            let key: Name = vec![schema.into_bytes(), table.into_bytes()];
            match self.catalog.relation(&key) {
                None => {
                    let (subject, freshness) = (Subject::Relation(key), Freshness::MayBeOld);
                    needs.push(Need { subject, freshness });
                }
                Some(relation) if !relation.is_missing() && found.is_none() => found = Some(place),
                Some(_) => {}
            }
        }
        match needs.is_empty() {
            true => FoundRelation::Place(found.unwrap_or(first).clone()),
            false => FoundRelation::Needs(needs),
        }
    }
}

impl RenamedText<'_> {
    /// Finds the relations of a statement.
    pub(super) fn place_relations(&mut self, at_hand: &mut Placing) -> Placed<()> {
        for number in 0..at_hand.scopes.names.len() {
            let Some(name) = at_hand.scopes.names.get(number) else { continue };
            let role = name.role;
            let mut parts: Vec<u32> = name.tokens.clone().step_by(2).collect();
            match role {
                NameRole::Relation | NameRole::NewRelation => {}
                NameRole::RelationColumn => drop(parts.pop()),
                _ => continue,
            }
            let place = match parts.as_slice() {
                [.., schema, table] => {
                    let (schema, table) = (self.part(*schema)?, self.part(*table)?);
                    Place::new(self.names, &schema, &table, true)
                }
                [table] => {
                    let is_new = role == NameRole::NewRelation;
                    let source = self.part(*table)?;
                    self.unqualified(*table, &source, is_new)?
                }
                [] => continue,
            };
            if let Some(slot) = at_hand.places.get_mut(number) {
                *slot = Some(place);
            }
        }
        Ok(())
    }

    /// The relation that a name without a schema stands for.
    pub(super) fn unqualified(&mut self, token: u32, table: &str, is_new: bool) -> Placed<Place> {
        match self.finder().unqualified(table, is_new) {
            FoundRelation::Place(place) => Ok(place),
            FoundRelation::Needs(needs) => {
                self.needs.extend(needs);
                Err(Unplaced::Ask)
            }
            FoundRelation::Unsure => {
                let hint = "A statement in front of it may have changed search_path. Write the \
                            name with its schema, or send the statements in texts of their own.";
                Err(self.refusal(token, "may be in any schema", hint))
            }
        }
    }

    pub(super) fn finder(&self) -> RelationFinder<'_> {
        RelationFinder { names: self.names, catalog: self.catalog, path: &self.path }
    }

    /// Code and `set_config` may change the path, and the end of a transaction takes a change back.
    pub(super) fn follow_effects(&mut self, effects: Effects) {
        let hides = effects.changes_lexing() || effects.touches_settings();
        let takes_back = effects.ends_transaction() && self.path_is_set;
        if self.path != Path::Any && (hides || takes_back) {
            self.path = Path::Unknown;
        }
    }

    /// What SET search_path makes of the path for the statements behind it.
    pub(super) fn follow_path(&mut self, scopes: &Scopes) -> Placed<()> {
        if self.path == Path::Any {
            return Ok(());
        }
        let Some(first) = scopes.names.first() else { return Ok(()) };
        if !self.script.sets_path(first.tokens.start, self.sql) {
            return Ok(());
        }
        let mut schemas = Vec::new();
        for name in scopes.names.iter().filter(|name| name.role == NameRole::Schema) {
            let token = name.tokens.start;
            let schema = match self.script.plain_constant(token, self.sql) {
                Some(constant) => printable(&constant),
                None => self.part(token)?,
            };
            schemas.push(vec![schema]);
        }
        self.path_is_set = true;
        self.path = if schemas.is_empty() { Path::Unknown } else { Path::Known(schemas) };
        Ok(())
    }
}
