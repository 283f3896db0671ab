//! Columns that have to agree: those that a statement makes with the rules and with each other, and those
//! of both sides of a join.

use super::{Placed, Placing, RenamedText, Unplaced};
use crate::parking::spelling::quoted_identifier;
use crate::rewrite::names::found::NamesFound;
use crate::rewrite::names::relations::Place;
use crate::statement::Replacement;
use crate::statement::scope::{NameRole, OutputColumn, SourceKind};

impl RenamedText<'_> {
    /// Checks what a statement makes: no two columns of one name, and no column whose name a query gives
    /// other than the rules do.
    pub(super) fn check_new_columns(&mut self, at_hand: &Placing) -> Placed<()> {
        self.check_naturals(at_hand)?;
        self.check_implied(at_hand)?;
        let mut seen: Vec<(u32, String, String)> = Vec::new();
        for name in &at_hand.scopes.names {
            let NameRole::NewColumnOf(relation) = name.role else {
                continue;
            };
            if self.removed.holds(&self.script.token_span(name.tokens.start, self.sql)) {
                continue;
            }
            let Some(Some(place)) = at_hand.places.get(relation as usize) else { continue };
            let source = self.part(name.tokens.start)?;
            let target = place.column(self.names, &source);
            let other = seen.iter().find(|(of, new, _)| *of == relation && *new == target);
            if let Some((_, _, other)) = other.filter(|(_, _, other)| *other != source) {
                let span = self.script.token_span(name.tokens.start, self.sql);
                let message =
                    format!("columns \"{other}\" and \"{source}\" both become \"{target}\"");
                let hint = "Name one of them by a rule of its own.";
                return Err(self.error("42701", &span, message, hint));
            }
            seen.push((relation, target, source));
        }
        Ok(())
    }

    /// NATURAL JOIN compares the columns whose names are the same, which rules may change.
    fn check_naturals(&self, at_hand: &Placing) -> Placed<()> {
        for block in at_hand.scopes.blocks.iter().filter(|block| block.is_natural) {
            let mut first: Option<&Place> = None;
            for source in &block.sources {
                let SourceKind::Relation(relation) = source.of else { continue };
                let Some(Some(place)) = at_hand.places.get(relation as usize) else { continue };
                let first = *first.get_or_insert(place);
                let agrees = self.names.columns_agree(
                    (&first.source_schema, &first.source_table),
                    (&place.source_schema, &place.source_table),
                );
                if !agrees {
                    let name = at_hand.scopes.names.get(relation as usize);
                    let token = name.map_or(0, |name| name.tokens.start);
                    let hint = "Its columns are renamed by other rules than those it is joined \
                                with. Write the join with ON.";
                    return Err(self.refusal(token, "stands in a NATURAL JOIN", hint));
                }
            }
        }
        Ok(())
    }

    /// Columns of a relation that have their names from the query that defines it.
    fn check_implied(&mut self, at_hand: &Placing) -> Placed<()> {
        for implied in &at_hand.scopes.implied {
            let Some(Some(place)) = at_hand.places.get(implied.relation as usize) else { continue };
            match implied.output {
                OutputColumn::Label(token) => {
                    let source = self.part(token)?;
                    self.check_kept(token, place, &source)?;
                    let target = place.column(self.names, &source);
                    self.put(token, &source, &target)?;
                }
                OutputColumn::Column(number) => {
                    let Some(name) = at_hand.scopes.names.get(number as usize) else { continue };
                    let parts: Vec<u32> = name.tokens.clone().step_by(2).collect();
                    let Some((last, qualifier)) = parts.split_last() else { continue };
                    let source = self.part(*last)?;
                    let found = match qualifier {
                        [] => self.bare(at_hand, name.block, number as usize, &source)?,
                        _ => self.qualified(at_hand, name.block, qualifier, &source)?,
                    };
                    self.check_kept(*last, place, &source)?;
                    let given = self.decided(*last, found, &source)?;
                    let target = place.column(self.names, &source);
                    if given != target {
                        self.put_label(*last, &target)?;
                    }
                }
                OutputColumn::Star(_) => {
                    let agrees = self.stars_agree(at_hand, implied.block, place);
                    if !agrees {
                        let name = at_hand.scopes.names.get(implied.relation as usize);
                        return Err(self.other_name(name.map_or(0, |name| name.tokens.start)));
                    }
                }
                OutputColumn::Unnamed => {}
            }
        }
        Ok(())
    }

    /// Names an output, which is a plain column, as the relation wants it.
    fn put_label(&mut self, token: u32, target: &str) -> Placed<()> {
        if !self.script.ends_item(token, self.sql) {
            return Err(self.other_name(token));
        }
        let at = self.script.token_span(token, self.sql).end;
        let text = format!(" AS {}", quoted_identifier(target)).into_bytes();
        self.replaced.push(Replacement { span: at..at, text });
        Ok(())
    }

    fn check_kept(&self, token: u32, place: &Place, column: &str) -> Placed<()> {
        match self.names.removal(&place.source_schema, &place.source_table, column) {
            Some(removal) => Err(self.uses_removed(token, &removal.origin)),
            None => Ok(()),
        }
    }

    fn other_name(&self, token: u32) -> Unplaced {
        let hint = "The rules give its columns other names than the query that defines it. Name \
                    them one by one, with AS.";
        self.refusal(token, "has columns with names of a query", hint)
    }

    /// Whether the columns of all relations that a block reads from are renamed as those of another one.
    fn stars_agree(&self, at_hand: &Placing, block: u32, place: &Place) -> bool {
        let Some(block) = at_hand.scopes.blocks.get(block as usize) else { return true };
        let loses = self.removal_from(place).is_some();
        block.sources.iter().all(|source| match source.of {
            SourceKind::Relation(relation) => {
                let other = at_hand.places.get(relation as usize).and_then(Option::as_ref);
                other.is_none_or(|other| {
                    let other = (other.source_schema.as_str(), other.source_table.as_str());
                    let place = (place.source_schema.as_str(), place.source_table.as_str());
                    self.names.columns_agree(other, place)
                        && (!loses || self.names.removals_agree(other, place))
                })
            }
            SourceKind::Query(_) => false,
            SourceKind::Rows => !loses,
            SourceKind::Joined(_) => true,
        })
    }

    /// A column of the first sources of a block that has one name in all of them.
    pub(super) fn shared(
        &mut self,
        at_hand: &Placing,
        block: u32,
        sources: u32,
        token: u32,
        column: &str,
    ) -> Placed<String> {
        let mut found = NamesFound::default();
        if let Some(block) = at_hand.scopes.blocks.get(block as usize) {
            for source in block.sources.iter().take(sources as usize) {
                found.add(self.in_source(at_hand, block, source, column)?);
            }
        }
        if let Some(origin) = found.removed {
            return Err(self.uses_removed(token, &origin));
        }
        found.certain.append(&mut found.possible);
        found.certain.sort();
        found.certain.dedup();
        self.decided(token, found, column)
    }
}
