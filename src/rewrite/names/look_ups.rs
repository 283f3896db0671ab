//! Names that are looked up in the catalogs by constants: `relname = 'EMP'`. They become the target's where nothing
//! but catalogs is read and it is certain what they name; all others stay as they are.

use super::relations::{Path, Place};
use super::{Placed, Placing, RenamedText};
use crate::parking::spelling::quoted_literal;
use crate::statement::scope::Comparison;
use crate::statement::script::Statement;

/// Columns of catalogs that hold schemas.
pub(super) const SCHEMAS: &[&[u8]] =
    &[b"nspname", b"table_schema", b"schemaname", b"sequence_schema"];

/// Columns of catalogs that hold tables, views and sequences.
pub(super) const TABLES: &[&[u8]] = &[
    b"relname",
    b"table_name",
    b"tablename",
    b"viewname",
    b"matviewname",
    b"sequencename",
    b"sequence_name",
];

/// Columns of catalogs that hold columns.
pub(super) const COLUMNS: &[&[u8]] = &[b"attname", b"column_name"];

/// A constant that holds a name.
struct LookedUp {
    token: u32,
    name: String,
    by: Comparison,
    /// Its underscores are escaped.
    escapes: bool,
}

impl RenamedText<'_> {
    pub(super) fn replace_look_ups(
        &mut self,
        statement: &Statement,
        at_hand: &Placing,
    ) -> Placed<()> {
        let mut places = at_hand.places.iter().flatten().peekable();
        let is_catalog = |place: &Place| {
            matches!(place.source_schema.as_str(), "pg_catalog" | "information_schema")
        };
        let reads_some = places.peek().is_some();
        if !reads_some || !places.all(is_catalog) {
            return Ok(());
        }
        let (mut schemas, mut tables, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for compared in self.script.compared_columns(statement, self.sql) {
            let Some(column) = self.script.name_part(compared.column, self.sql) else { continue };
            let is_in = |all: &[&[u8]]| all.contains(&&*column);
            let list = match () {
                () if is_in(SCHEMAS) => &mut schemas,
                () if is_in(TABLES) => &mut tables,
                () if is_in(COLUMNS) => &mut columns,
                () => continue,
            };
            for token in compared.constants.step_by(2) {
                let content = self.script.plain_constant(token, self.sql);
                let content = content.as_ref().and_then(|text| std::str::from_utf8(text).ok());
                let Some(content) = content else { continue };
                if let Some(name) = name_in(content, compared.by) {
                    let escapes = content.contains("\\_");
                    list.push(LookedUp { token, name, by: compared.by, escapes });
                }
            }
        }
        let found = self.looked_up_places(&schemas, &tables)?;
        for schema in &schemas {
            let in_it = found.iter().flatten().filter(|place| place.source_schema == schema.name);
            let mut targets: Vec<String> = in_it.map(|place| place.target_schema.clone()).collect();
            targets.dedup();
            let target = match targets.as_slice() {
                [one] => one.clone(),
                _ => self.names.schema(&schema.name).into_owned(),
            };
            self.put_looked_up(schema, &target)?;
        }
        for (table, place) in tables.iter().zip(&found) {
            if let Some(place) = place {
                self.put_looked_up(table, &place.target_table)?;
            }
        }
        for column in &columns {
            let mut targets: Vec<String> = found
                .iter()
                .flatten()
                .map(|place| place.column(self.names, &column.name))
                .collect();
            targets.dedup();
            if let [target] = targets.as_slice() {
                self.put_looked_up(column, target)?;
            }
        }
        self.name_rows(statement, at_hand, &found)
    }

    /// The relations that are looked up, where it is certain which they are.
    fn looked_up_places(
        &mut self,
        schemas: &[LookedUp],
        tables: &[LookedUp],
    ) -> Placed<Vec<Option<Place>>> {
        let mut found = Vec::new();
        for table in tables {
            found.push(match schemas {
                [] if self.path == Path::Unknown => None,
                [] => Some(self.unqualified(table.token, &table.name, false)?),
                [first, others @ ..] => {
                    let place =
                        |schema: &LookedUp| Place::new(self.names, &schema.name, &table.name, true);
                    let one = place(first);
                    let agree = others.iter().all(|other| place(other).is_like(&one, self.names));
                    agree.then_some(one)
                }
            });
        }
        Ok(found)
    }

    fn put_looked_up(&mut self, looked_up: &LookedUp, target: &str) -> Placed<()> {
        let LookedUp { token, name, by, escapes } = looked_up;
        let spelled = match by {
            Comparison::Equality => target.to_owned(),
            _ if !is_plain(target) => return Ok(()),
            Comparison::Like if *escapes => target.replace('_', "\\_"),
            Comparison::Like => target.to_owned(),
            Comparison::Pattern => format!("^({target})$"),
        };
        self.put_constant(*token, name, target, quoted_literal(&spelled))
    }
}

/// The name that a constant looks for, if it is one name.
fn name_in(text: &str, by: Comparison) -> Option<String> {
    match by {
        Comparison::Equality => Some(text.to_owned()),
        Comparison::Like => {
            // An underscore without an escape matches itself, too.
            Some(text.replace("\\_", "_")).filter(|name| is_plain(name))
        }
        Comparison::Pattern => {
            let inside = text.strip_prefix("^(")?.strip_suffix(")$")?;
            is_plain(inside).then(|| inside.to_owned())
        }
    }
}

/// Whether a name means itself in a pattern but for underscores of LIKE.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}
