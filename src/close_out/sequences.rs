//! Sequences and identities put past the values that a load has brought: a load writes values of
//! its own, and no sequence hears of them. Moves sequences forward only.

use std::collections::BTreeSet;

use serde::Serialize;

use super::elsewhere::CitusNode;
use super::interrupt::note_done;
use super::journal::roll_back_on_error;
use super::strangers::{lock_tables, refuse_code_of_others};
use super::working::{Task, begin_phase};
use super::{CloseOutError, Connection, IS_TABLE, RELATION, SCHEMA, Scope, node};
use crate::parking::spelling::quoted_literal;

/// The first version that has `pg_sequence`.
const PG_SEQUENCE: i32 = 100_000;

const PG_CLASS: &str = "'pg_catalog.pg_class'::pg_catalog.regclass";

/// A sequence and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct SequenceLine {
    /// Its name, qualified and quoted.
    #[serde(rename = "sequence")]
    pub name: String,
    /// The columns that take values from it, as `schema.table.column`.
    pub columns: Vec<String>,
    /// The value that it would have given next.
    pub before: Option<i128>,
    /// The value that it gives next now.
    pub after: Option<i128>,
    /// What became of it.
    pub outcome: SequenceOutcome,
    /// What the target said where it failed.
    pub problem: Option<String>,
    /// What puts it past its columns where the command has not, or gives it more values.
    pub mend: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What became of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SequenceOutcome {
    /// It was moved past the columns.
    Moved,
    /// It was past the columns already.
    Past,
    /// The columns have no values.
    Empty,
    /// It cycles, so no value of it is past anything: left alone.
    Cycles,
    /// No column takes its values: left alone.
    Unused,
    /// It has no value left that the columns do not have: left alone, or moved to its end.
    Exhausted,
    /// It could not be looked at or moved.
    Failed,
}

/// How a sequence counts.
#[derive(Clone, Copy, Debug)]
struct Counting {
    last: i128,
    called: bool,
    increment: i128,
    min: i128,
    max: i128,
}

/// What is to be done with a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SequenceState {
    Past,
    /// The last value, as if it had been given already.
    At(i128),
    Exhausted,
}

impl Counting {
    /// The value that it gives next.
    fn next(&self) -> i128 {
        if self.called { self.last.saturating_add(self.increment) } else { self.last }
    }

    fn has(&self, value: i128) -> bool {
        (self.min..=self.max).contains(&value)
    }

    /// Where it must be to be past the greatest value (the least one if it counts down), on the
    /// values that it would come by anyway: sequences that share a column by their increments keep
    /// their shares.
    fn past(&self, extreme: i128) -> SequenceState {
        let next = self.next();
        let step = self.increment;
        if (step > 0 && next > extreme) || (step < 0 && next < extreme) || step == 0 {
            return if self.has(next) { SequenceState::Past } else { SequenceState::Exhausted };
        }
        let Some(distance) = extreme.checked_sub(self.last) else {
            return SequenceState::Exhausted;
        };
        // The last of its values that is not past the extreme: the next one is.
        let last = self.last + distance / step * step;
        if self.has(last) { SequenceState::At(last) } else { SequenceState::Exhausted }
    }
}

/// A sequence of the catalogs.
struct Sequence {
    name: String,
    columns: Vec<(String, String)>,
}

/// Puts every sequence that a table of the scope takes values from past what its columns hold: those
/// that a column owns, identities, and those that a column's default takes from. With `dry_run`
/// nothing is moved.
///
/// # Errors
/// The sequences cannot be listed, or the connection broke. What is wrong with one of them is in
/// its line.
pub async fn move_sequences(
    target: &Connection,
    scope: &Scope,
    dry_run: bool,
) -> Result<Vec<SequenceLine>, CloseOutError> {
    let mut lines = Vec::new();
    let found = sequences(target, scope).await?;
    begin_phase("sequences", found.iter().map(|_| 1.0));
    for sequence in found {
        let task = Task::begin(sequence.name.clone(), target, 1.0);
        let mut line = SequenceLine {
            name: sequence.name.clone(),
            columns: sequence.columns.iter().map(|(t, c)| format!("{t}.{c}")).collect(),
            before: None,
            after: None,
            outcome: SequenceOutcome::Unused,
            problem: None,
            mend: None,
            took_ms: 0,
        };
        if let Err(error) = move_one(target, &sequence, dry_run, &mut line).await {
            if target.client().is_closed() {
                return Err(error);
            }
            line.outcome = SequenceOutcome::Failed;
            line.problem = Some(error.to_string());
        }
        line.took_ms = task.millis();
        lines.push(line);
    }
    Ok(lines)
}

/// The sequences of the scope: with all columns that use them if one of these is in the scope, and
/// those of the scope's schemas that no column uses if the scope names no tables.
async fn sequences(target: &Connection, scope: &Scope) -> Result<Vec<Sequence>, CloseOutError> {
    let covered = scope.covers(SCHEMA, RELATION);
    let unused = if scope.tables.is_empty() { "u.used IS NULL" } else { "false" };
    let unused = format!("{unused} AND {}", scope.covers_schema("sn.nspname::pg_catalog.text"));
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', sn.nspname, s.relname), u.tables, u.names
        FROM pg_catalog.pg_class s
        JOIN pg_catalog.pg_namespace sn ON sn.oid OPERATOR(pg_catalog.=) s.relnamespace
        LEFT JOIN LATERAL (
            SELECT pg_catalog.array_agg(pg_catalog.format('%I.%I', n.nspname, c.relname)
                    ORDER BY n.nspname, c.relname, a.attnum) AS tables,
                pg_catalog.array_agg(pg_catalog.format('%I', a.attname)
                    ORDER BY n.nspname, c.relname, a.attnum) AS names,
                pg_catalog.bool_or({covered}) AS covered, true AS used
            FROM (SELECT d.refobjid AS relation, d.refobjsubid AS attribute
                    FROM pg_catalog.pg_depend d
                    WHERE d.classid OPERATOR(pg_catalog.=) {PG_CLASS}
                    AND d.objid OPERATOR(pg_catalog.=) s.oid
                    AND d.refclassid OPERATOR(pg_catalog.=) {PG_CLASS}
                    AND d.refobjsubid OPERATOR(pg_catalog.>) 0
                    AND (d.deptype OPERATOR(pg_catalog.=) 'a'
                        OR d.deptype OPERATOR(pg_catalog.=) 'i')
                UNION SELECT ad.adrelid, ad.adnum FROM pg_catalog.pg_depend d
                    JOIN pg_catalog.pg_attrdef ad ON ad.oid OPERATOR(pg_catalog.=) d.objid
                    WHERE d.classid
                        OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                    AND d.refclassid OPERATOR(pg_catalog.=) {PG_CLASS}
                    AND d.refobjid OPERATOR(pg_catalog.=) s.oid
                    AND pg_catalog.pg_get_expr(ad.adbin, ad.adrelid)
                        OPERATOR(pg_catalog.~) '^nextval\\(''.*''::regclass\\)$'
                ) uses
            JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) relation
                AND a.attnum OPERATOR(pg_catalog.=) attribute
            JOIN pg_catalog.pg_type ty ON ty.oid OPERATOR(pg_catalog.=) a.atttypid
                AND ty.typcategory OPERATOR(pg_catalog.=) 'N'
            JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) relation
                AND c.relpersistence OPERATOR(pg_catalog.<>) 't' AND {IS_TABLE}
            JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0) u ON true
        WHERE s.relkind OPERATOR(pg_catalog.=) 'S' AND s.relpersistence OPERATOR(pg_catalog.<>) 't'
            AND (u.covered OR ({unused}))
            AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e
                WHERE e.classid OPERATOR(pg_catalog.=) {PG_CLASS}
                AND e.objid OPERATOR(pg_catalog.=) s.oid AND e.deptype OPERATOR(pg_catalog.=) 'e')
        ORDER BY sn.nspname, s.relname"
    );
    let rows = target.client().query(&sql, &[]).await?;
    let sequence = |row: &tokio_postgres::Row| {
        let tables: Option<Vec<String>> = row.try_get(1)?;
        let names: Option<Vec<String>> = row.try_get(2)?;
        let columns = tables.into_iter().flatten().zip(names.into_iter().flatten()).collect();
        Ok(Sequence { name: row.try_get(0)?, columns })
    };
    rows.iter().map(sequence).collect()
}

async fn move_one(
    target: &Connection,
    sequence: &Sequence,
    dry_run: bool,
    line: &mut SequenceLine,
) -> Result<(), CloseOutError> {
    let (counting, cycles, type_name) = counting(target, &sequence.name).await?;
    line.before = Some(counting.next());
    line.after = line.before;
    if sequence.columns.is_empty() {
        return Ok(());
    }
    if cycles {
        line.outcome = SequenceOutcome::Cycles;
        return Ok(());
    }
    let Some(extreme) = extreme(target, sequence, counting.increment > 0).await? else {
        line.outcome = SequenceOutcome::Empty;
        return Ok(());
    };
    match counting.past(extreme) {
        SequenceState::Past => line.outcome = SequenceOutcome::Past,
        SequenceState::Exhausted => {
            line.outcome = SequenceOutcome::Exhausted;
            line.mend = more_values(sequence, counting, &type_name);
        }
        SequenceState::At(last) => {
            line.mend = Some(set_sql(sequence, last, counting.increment > 0));
            if !dry_run {
                set(target, sequence, last, counting.increment > 0).await?;
                line.mend = None;
            }
            let after = Counting { last, called: true, ..counting }.next();
            if !dry_run {
                note_done(format!("moved sequence {}, which gives {after} next", sequence.name));
            }
            line.after = Some(after);
            let left = counting.has(after);
            if left {
                line.outcome = SequenceOutcome::Moved;
            } else {
                line.outcome = SequenceOutcome::Exhausted;
                line.mend = more_values(sequence, counting, &type_name);
            }
        }
    }
    Ok(())
}

/// What gives a sequence more values: its own bound taken away, or else a greater type for it and its columns. None where
/// its type is the greatest already.
fn more_values(sequence: &Sequence, counting: Counting, type_name: &str) -> Option<String> {
    let (least, greatest) = match type_name {
        "smallint" => (i128::from(i16::MIN), i128::from(i16::MAX)),
        "integer" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let name = &sequence.name;
    if counting.increment > 0 && counting.max < greatest {
        return Some(format!("ALTER SEQUENCE {name} NO MAXVALUE"));
    }
    if counting.increment < 0 && counting.min > least {
        return Some(format!("ALTER SEQUENCE {name} MINVALUE {least}"));
    }
    let columns = sequence
        .columns
        .iter()
        .map(|(table, column)| format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE bigint"));
    let statements = columns.chain([format!("ALTER SEQUENCE {name} AS bigint")]);
    (type_name != "bigint").then(|| statements.collect::<Vec<_>>().join("; "))
}

/// Where a sequence is, how it counts, whether it cycles, and its type.
async fn counting(
    target: &Connection,
    name: &str,
) -> Result<(Counting, bool, String), CloseOutError> {
    let sql = if target.version() >= PG_SEQUENCE {
        format!(
            "SELECT s.last_value, s.is_called, q.seqincrement, q.seqmin, q.seqmax, q.seqcycle,
                 pg_catalog.format_type(q.seqtypid, NULL)
             FROM {name} s, pg_catalog.pg_sequence q
             WHERE q.seqrelid OPERATOR(pg_catalog.=) {}::pg_catalog.regclass",
            quoted_literal(name)
        )
    } else {
        format!(
            "SELECT last_value, is_called, increment_by, min_value, max_value, is_cycled, 'bigint'
             FROM {name}"
        )
    };
    let row = target.client().query_one(&sql, &[]).await?;
    let number = |column| row.try_get::<_, i64>(column).map(i128::from);
    let counting = Counting {
        last: number(0)?,
        called: row.try_get(1)?,
        increment: number(2)?,
        min: number(3)?,
        max: number(4)?,
    };
    Ok((counting, row.try_get(5)?, row.try_get(6)?))
}

/// The greatest or the least value in the columns of a sequence, away from zero to the next whole
/// number; none if they are empty.
async fn extreme(
    target: &Connection,
    sequence: &Sequence,
    greatest: bool,
) -> Result<Option<i128>, CloseOutError> {
    let (of_column, round, of_all) =
        if greatest { ("max", "ceil", "GREATEST") } else { ("min", "floor", "LEAST") };
    let node = node(target).await?;
    let columns = sequence.columns.iter().map(|(table, column)| {
        let within = node.map_or_else(String::new, |node| within(column, node));
        format!(
            "(SELECT pg_catalog.{round}(pg_catalog.{of_column}({column})::pg_catalog.numeric) \
             FROM {table}{within})"
        )
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {of_all}({columns})::pg_catalog.text");
    let client = target.client();
    let tables: BTreeSet<&str> = sequence.columns.iter().map(|(table, _)| &**table).collect();
    let tables: Vec<&str> = tables.into_iter().collect();
    client.batch_execute("BEGIN READ ONLY").await?;
    let row = async {
        lock_tables(target, &tables).await?;
        refuse_code_of_others(target, &tables).await?;
        let row = client.query_one(&sql, &[]).await?;
        client.batch_execute("COMMIT").await?;
        Ok(row)
    };
    let value: Option<String> = roll_back_on_error(target, row.await).await?.try_get(0)?;
    let Some(text) = value else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        CloseOutError::Refused(format!("{text} in {} is no whole number", sequence.name))
    })
}

/// The condition that a value of the column may come from a sequence of this node: other nodes of Citus
/// give values in ranges of their own.
fn within(column: &str, node: CitusNode) -> String {
    let (low, high) = node.values();
    let value = format!("{column}::pg_catalog.numeric");
    let below = format!("{value} OPERATOR(pg_catalog.<=) '{high}'::pg_catalog.numeric");
    match node.group {
        0 => format!(" WHERE {below}"),
        _ => {
            format!(" WHERE {below} AND {value} OPERATOR(pg_catalog.>) '{low}'::pg_catalog.numeric")
        }
    }
}

/// Moves a sequence; another session may have taken values meanwhile, and it is never moved back.
async fn set(
    target: &Connection,
    sequence: &Sequence,
    last: i128,
    greatest: bool,
) -> Result<(), CloseOutError> {
    target.client().query_one(&set_sql(sequence, last, greatest), &[]).await?;
    Ok(())
}

fn set_sql(sequence: &Sequence, last: i128, greatest: bool) -> String {
    let farther = if greatest { "GREATEST" } else { "LEAST" };
    let name = &sequence.name;
    let literal = quoted_literal(name);
    format!(
        "SELECT pg_catalog.setval({literal}::pg_catalog.regclass, \
         {farther}(({last})::pg_catalog.int8, s.last_value)) FROM {name} s"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(last: i128, called: bool, increment: i128) -> Counting {
        Counting { last, called, increment, min: -1000, max: 1000 }
    }

    #[test]
    fn sequences_come_past_the_extreme_on_their_own_steps() {
        assert_eq!(counting(1, false, 1).past(7), SequenceState::At(7));
        assert_eq!(counting(1, false, 1).past(1), SequenceState::At(1));
        assert_eq!(counting(1, false, 1).past(0), SequenceState::Past);
        assert_eq!(counting(7, true, 1).past(7), SequenceState::Past);
        assert_eq!(counting(8, false, 1).past(7), SequenceState::Past);
        assert_eq!(counting(7, false, 1).past(7), SequenceState::At(7));
        assert_eq!(counting(1, false, 10).past(25), SequenceState::At(21));
        assert_eq!(counting(1, false, 10).past(31), SequenceState::At(31));
        assert_eq!(counting(3, true, 10).past(25), SequenceState::At(23));
        assert_eq!(counting(-1, false, -1).past(-5), SequenceState::At(-5));
        assert_eq!(counting(-1, false, -10).past(-25), SequenceState::At(-21));
        assert_eq!(counting(-40, true, -10).past(-25), SequenceState::Past);
        assert_eq!(counting(5, true, -10).past(20), SequenceState::Past);
    }

    #[test]
    fn a_sequence_that_cannot_come_past_is_exhausted() {
        assert_eq!(counting(1, false, 1).past(1000), SequenceState::At(1000));
        assert_eq!(counting(1, false, 1).past(1001), SequenceState::Exhausted);
        assert_eq!(counting(1, false, 600).past(700), SequenceState::At(601));
        assert_eq!(counting(-1, false, -1).past(-1001), SequenceState::Exhausted);
        assert_eq!(counting(1000, true, 1).past(5), SequenceState::Exhausted);
    }
}
