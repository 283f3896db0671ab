//! What the catalogs answer to a look-up: where replies have the names of the source, the names that it has looked
//! up come back as they were written. Only plain items of the statement's own select list change. A name that is the
//! value of a parameter comes back by a parameter of the proxy's own, behind the client's.

use super::look_up_names::{COLUMNS, Holds, SCHEMAS, TABLES};
use super::look_up_parameters::ComparedParameter;
use super::relations::Place;
use super::{Placed, Placing, RenamedText};
use crate::catalog::NamePair;
use crate::parking::spelling::{quoted_identifier, quoted_literal};
use crate::statement::Replacement;
use crate::statement::scope::{NameRole, OutputColumn, ScopeName};
use crate::statement::script::Statement;

/// Columns that are put back in one item at most.
const CASES_MAX: usize = 1000;

/// What the items of a statement's rows may come back as.
struct RowNames<'a> {
    /// The relations that are looked up by constants.
    found: &'a [Option<Place>],
    compared: &'a [ComparedParameter],
    /// The number of the client's last parameter.
    last: usize,
    /// Parameters whose values come back, in the order of the proxy's own behind them.
    echoed: Vec<usize>,
    /// The columns that the statement compares with tables, and with schemas.
    table_tests: Vec<Vec<u8>>,
    schema_tests: Vec<Vec<u8>>,
}

impl RowNames<'_> {
    /// The numbers of the parameters for such names, and of those by which they come back.
    fn echoed_of(&mut self, holds: Holds) -> Vec<(usize, usize)> {
        let compared = self.compared.iter().filter(|one| one.holds == holds && one.is_equal());
        let mut numbers = Vec::new();
        for ComparedParameter { index, .. } in compared {
            let at = self.echoed.iter().position(|known| known == index);
            let at = at.unwrap_or_else(|| {
                self.echoed.push(*index);
                self.echoed.len() - 1
            });
            numbers.push((index + 1, self.last + at + 1));
        }
        numbers
    }
}

/// Names that come back: the target's, and the source's.
type Pairs = Vec<(String, String)>;

impl RenamedText<'_> {
    /// Whether names in rows of a statement may come back as they were written. Rows that are made one, or
    /// ordered by what they have, would be others.
    pub(super) fn names_rows(&self, statement: &Statement) -> bool {
        let words = ["distinct", "group", "union", "prepare", "declare"];
        self.names.replies_with_source() && !self.script.has_word(statement, self.sql, &words)
    }

    /// `found` are the relations that the statement looks up by constants, `compared` its parameters; gives those
    /// whose values come back, in the order of the proxy's own parameters, and how many the client has.
    pub(super) fn name_rows(
        &mut self,
        statement: &Statement,
        at_hand: &Placing,
        found: &[Option<Place>],
        compared: &[ComparedParameter],
    ) -> Placed<(Vec<usize>, usize)> {
        let roles = self.script.parameter_roles(statement, self.sql);
        let last = roles.iter().map(|role| usize::from(role.number)).max().unwrap_or(0);
        let columns = self.script.compared_columns(statement, self.sql);
        let columns: Vec<u32> =
            columns.iter().filter(|one| !one.is_negated).map(|one| one.column).collect();
        let mut answers = RowNames {
            found,
            compared,
            last,
            echoed: Vec::new(),
            table_tests: self.tests_of(at_hand, &columns, Holds::Tables),
            schema_tests: self.tests_of(at_hand, &columns, Holds::Schemas),
        };
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
                self.name_item(name, label.is_some(), &mut answers)?;
            }
        }
        Ok((answers.echoed, last))
    }

    /// The columns of catalogs that the statement's own query compares with such names, as they are written.
    fn tests_of(&self, at_hand: &Placing, columns: &[u32], holds: Holds) -> Vec<Vec<u8>> {
        let first = at_hand.scopes.queries.first().copied().flatten();
        let names = columns.iter().filter_map(|column| {
            let found = Holds::of(&self.script.name_part(*column, self.sql)?)?;
            let mut names = at_hand.scopes.names.iter();
            let name = names.find(|name| name.tokens.end == column + 1)?;
            let is_it = found == holds && Some(name.block) == first;
            is_it.then(|| self.sql.get(self.tokens_span(&name.tokens)).unwrap_or_default().to_vec())
        });
        let mut tests: Vec<Vec<u8>> = names.collect();
        tests.dedup();
        tests
    }

    /// The tables that the session has named of a schema that is looked up.
    fn cases_of_tables(&self, item: &[u8], tests: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let [test] = tests else { return Vec::new() };
        let mut pairs: Vec<_> = self.catalog.seen_names().qualified().collect();
        pairs.sort();
        pairs.dedup();
        if pairs.len() > CASES_MAX {
            // Of many tables none comes back: the text would be too long.
            return Vec::new();
        }
        let sources = |schema: &str, target: &str| {
            let same = pairs.iter();
            same.filter(|(of, pair)| of.target == schema && pair.target == target).count()
        };
        let certain = pairs.iter().filter(|(of, pair)| {
            pair.target != pair.source && sources(&of.target, &pair.target) == 1
        });
        let case = |(of, pair): &(&NamePair, &NamePair)| {
            let [schema, target, source] =
                [&of.target, &pair.target, &pair.source].map(|name| quoted_literal(name));
            let (of, to) = (format!(" = {schema} AND "), format!(" = {target} THEN {source}"));
            [b" WHEN ", test.as_slice(), of.as_bytes(), item, to.as_bytes()].concat()
        };
        certain.map(case).collect()
    }

    fn name_item(
        &mut self,
        name: &ScopeName,
        has_label: bool,
        answers: &mut RowNames<'_>,
    ) -> Placed<()> {
        let column = self.part(name.tokens.end.saturating_sub(1))?;
        let span = self.tokens_span(&name.tokens);
        let item = self.sql.get(span.clone()).unwrap_or_default();
        let mut cases = Vec::new();
        for (target, source) in self.pairs_for(&column, answers.found) {
            let (target, source) = (quoted_literal(&target), quoted_literal(&source));
            cases.push([b" WHEN ", item, format!(" = {target} THEN {source}").as_bytes()].concat());
        }
        if let Some(holds) = Holds::of(column.as_bytes()) {
            for (number, own) in answers.echoed_of(holds) {
                let echo = format!(" = ${number} THEN ${own}::pg_catalog.name");
                cases.push([b" WHEN ", item, echo.as_bytes()].concat());
            }
            match holds {
                Holds::Columns => cases.extend(self.cases_of_columns(item, &answers.table_tests)),
                Holds::Tables if answers.table_tests.is_empty() => {
                    cases.extend(self.cases_of_tables(item, &answers.schema_tests));
                }
                Holds::Tables | Holds::Schemas => {}
            }
        }
        if cases.is_empty() {
            return Ok(());
        }
        let mut text = [b"CASE".to_vec(), cases.concat()].concat();
        text.extend([b" ELSE ", item, b" END"].concat());
        if !has_label {
            text.extend(format!(" AS {}", quoted_identifier(&column)).into_bytes());
        }
        self.replaced.push(Replacement { span, text });
        Ok(())
    }

    /// The columns that the session has named of tables that are looked up by parameters.
    fn cases_of_columns(&self, item: &[u8], tests: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let [test] = tests else { return Vec::new() };
        let mut cases = Vec::new();
        let seen = self.catalog.seen_names();
        for table in seen.tables() {
            let mut pairs: Vec<_> = seen.columns_of(None, &table).collect();
            pairs.sort();
            pairs.dedup();
            let sources = |target: &str| pairs.iter().filter(|pair| pair.target == target).count();
            for pair in &pairs {
                if pair.target != pair.source && sources(&pair.target) == 1 {
                    let [table, target, source] =
                        [&table, &pair.target, &pair.source].map(|name| quoted_literal(name));
                    let (of, to) =
                        (format!(" = {table} AND "), format!(" = {target} THEN {source}"));
                    let case = [b" WHEN ", test.as_slice(), of.as_bytes(), item, to.as_bytes()];
                    cases.push(case.concat());
                }
            }
        }
        // Of many tables none comes back: the text would be too long.
        if cases.len() > CASES_MAX { Vec::new() } else { cases }
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
