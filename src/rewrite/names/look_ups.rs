//! Look-ups in the catalogs: `relname = 'EMP'`, `relname = $1`. Their names become the target's where nothing but
//! catalogs is read and it is certain what they name; all others stay as they are.

use super::look_up_names::{Holds, LookUps, LookedUp, WrittenAt};
use super::look_up_parameters::{ComparedParameter, NameParameters};
use super::relations::Place;
use super::{Placed, Placing, RenamedText, Unplaced};
use crate::parking::spelling::quoted_literal;
use crate::statement::script::Statement;

impl RenamedText<'_> {
    pub(super) fn replace_look_ups(
        &mut self,
        statement: &Statement,
        at_hand: &Placing,
    ) -> Placed<()> {
        let reads_catalogs = self.reads_catalogs(at_hand);
        let look_ups = match reads_catalogs {
            true => self.look_ups(statement),
            false => LookUps::default(),
        };
        let (compared, named) = self.name_parameters(statement, reads_catalogs);
        let has_parameters = !compared.is_empty() || !named.are_none();
        if look_ups == LookUps::default() && !has_parameters {
            return Ok(());
        }
        let unknown = |holds| compared.iter().any(|one: &ComparedParameter| one.holds == holds);
        // What a constant stands for may depend on what a parameter says.
        let mut certain = look_ups.clone();
        if unknown(Holds::Schemas) && !self.names.ignores_schemas() {
            (certain.tables, certain.columns) = (Vec::new(), Vec::new());
        }
        if unknown(Holds::Tables) || named.has_relations() {
            certain.columns = Vec::new();
        }
        let found = certain.places(self.finder()).map_err(|needs| {
            self.needs.extend(needs);
            Unplaced::Ask
        })?;
        for renaming in certain.renamings(&found, self.names) {
            if let WrittenAt::Constant(token) = renaming.at {
                let spelled = quoted_literal(&renaming.spelled);
                self.put_constant(token, &renaming.source, &renaming.target, spelled)?;
            }
        }
        let (echoed, count) = match self.names_rows(statement) {
            true => self.name_rows(statement, at_hand, &found, &compared)?,
            false => (Vec::new(), 0),
        };
        if has_parameters {
            let parameters = NameParameters::new(look_ups, compared, named);
            self.noted.parameters = Some(parameters.echoing(echoed, count));
        }
        Ok(())
    }

    /// The names that the constants of a statement look up.
    fn look_ups(&self, statement: &Statement) -> LookUps {
        let mut look_ups = LookUps::default();
        for compared in self.script.compared_columns(statement, self.sql) {
            let column = self.script.name_part(compared.column, self.sql);
            let Some(holds) = column.and_then(|column| Holds::of(&column)) else { continue };
            for token in compared.values {
                let content = self.script.plain_constant(token, self.sql);
                let content = content.as_ref().and_then(|text| std::str::from_utf8(text).ok());
                let Some(content) = content else { continue };
                let at = WrittenAt::Constant(token);
                let one = LookedUp::read(content, at, compared.by, compared.is_negated);
                look_ups.list(holds).extend(one);
            }
        }
        look_ups
    }

    /// Whether a statement reads the server's own relations and no others.
    fn reads_catalogs(&self, at_hand: &Placing) -> bool {
        let mut places = at_hand.places.iter().flatten().peekable();
        let is_catalog = |place: &Place| {
            matches!(place.source_schema.as_str(), "pg_catalog" | "information_schema")
        };
        places.peek().is_some() && places.all(is_catalog)
    }
}
