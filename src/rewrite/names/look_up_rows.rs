//! What the catalogs answer to a look-up: where replies have the names of the source, the names that it has looked
//! up come back as they were written. Only plain items of the statement's own select list change.

use super::look_up_names::{COLUMNS, SCHEMAS, TABLES};
use super::relations::Place;
use super::{Placed, Placing, RenamedText};
use crate::parking::spelling::{quoted_identifier, quoted_literal};
use crate::statement::Replacement;
use crate::statement::scope::{NameRole, OutputColumn, ScopeName};
use crate::statement::script::Statement;

/// Names that come back: the target's, and the source's.
type Pairs = Vec<(String, String)>;

impl RenamedText<'_> {
    /// `found` are the relations that the statement looks up.
    pub(super) fn name_rows(
        &mut self,
        statement: &Statement,
        at_hand: &Placing,
        found: &[Option<Place>],
    ) -> Placed<()> {
        // Rows that are made one, or ordered by what they have, would be others.
        let depends = || self.script.has_word(statement, self.sql, &["distinct", "group", "union"]);
        if !self.names.replies_with_source() || found.iter().all(Option::is_none) || depends() {
            return Ok(());
        }
        let first = at_hand.scopes.queries.first().copied().flatten();
        let block = first.and_then(|first| at_hand.scopes.blocks.get(first as usize));
        for output in block.map_or(&[][..], |block| block.outputs.as_slice()) {
            let label = match output {
                OutputColumn::Label(label) => Some(*label),
                _ => None,
            };
            let names = at_hand.scopes.names.iter().enumerate();
            let mut items = names.filter(|(number, name)| match output {
                OutputColumn::Column(column) => *column as usize == *number,
                OutputColumn::Label(label) => {
                    name.role == NameRole::Column
                        && (name.tokens.end == *label || name.tokens.end + 1 == *label)
                }
                _ => false,
            });
            if let Some((_, name)) = items.next()
                && self.script.is_item(&name.tokens, label, self.sql)
            {
                self.name_item(name, label.is_some(), found)?;
            }
        }
        Ok(())
    }

    fn name_item(
        &mut self,
        name: &ScopeName,
        has_label: bool,
        found: &[Option<Place>],
    ) -> Placed<()> {
        let column = self.part(name.tokens.end.saturating_sub(1))?;
        let pairs = self.pairs_for(&column, found);
        if pairs.is_empty() {
            return Ok(());
        }
        let span = self.tokens_span(&name.tokens);
        let item = self.sql.get(span.clone()).unwrap_or_default();
        let mut text = [b"CASE ", item].concat();
        for (target, source) in pairs {
            let (target, source) = (quoted_literal(&target), quoted_literal(&source));
            text.extend(format!(" WHEN {target} THEN {source}").into_bytes());
        }
        text.extend([b" ELSE ", item, b" END"].concat());
        if !has_label {
            text.extend(format!(" AS {}", quoted_identifier(&column)).into_bytes());
        }
        self.replaced.push(Replacement { span, text });
        Ok(())
    }

    /// The names that a column of the catalogs may have for what is looked up, each with one source.
    fn pairs_for(&self, column: &str, found: &[Option<Place>]) -> Pairs {
        let is_in = |all: &[&[u8]]| all.contains(&column.as_bytes());
        let mut pairs = Pairs::new();
        for place in found.iter().flatten() {
            let pair = |target: &String, source: &String| (target.clone(), source.clone());
            match () {
                () if is_in(SCHEMAS) && place.is_qualified => {
                    pairs.push(pair(&place.target_schema, &place.source_schema));
                }
                () if is_in(TABLES) => pairs.push(pair(&place.target_table, &place.source_table)),
                () if is_in(COLUMNS) => {
                    let schema = place.is_qualified.then_some(place.target_schema.as_str());
                    let seen = self.catalog.seen_names().columns_of(schema, &place.target_table);
                    pairs.extend(seen.map(|one| pair(&one.target, &one.source)));
                }
                () => {}
            }
        }
        pairs.sort();
        pairs.dedup();
        let sources = |target: &str| pairs.iter().filter(|(other, _)| other == target).count();
        let certain =
            pairs.iter().filter(|(target, source)| target != source && sources(target) == 1);
        certain.cloned().collect()
    }
}
