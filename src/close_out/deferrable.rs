//! Deferrable keys and exclusion constraints, which the replica role keeps from looking at rows: looked at for
//! real, and what contradicts them counted. Reads, changes nothing.

use serde::Serialize;

use super::journal::roll_back_on_error;
use super::orphans::count_and_samples;
use super::parallel::{Work, in_parallel};
use super::strangers::{lock_tables, refuse_code_of_others};
use super::working::{Task, begin_phase};
use super::{
    CloseOutError, Connection, IS_OWN_TABLE, RELATION, SAMPLES_MAX, SCHEMA, SampleKey, Scope,
};
use crate::parking::spelling::filled;
use crate::parking::trust::FIRST_USER_OID;

/// A deferrable key or exclusion constraint in a report.
#[derive(Clone, Debug, Serialize)]
pub struct DeferrableLine {
    /// Its name, quoted where that is needed.
    pub constraint: String,
    /// Its table, qualified.
    pub table: String,
    /// The name of its table at the source, where that is known and another one.
    pub source: Option<String>,
    /// Rows that it does not allow: of equal keys all but one, of conflicting rows all; none if they could
    /// not be counted.
    pub duplicates: Option<i64>,
    /// Keys of the first of them.
    pub samples: Vec<SampleKey>,
    /// A query for the keys, where there are some.
    pub query: Option<String>,
    /// Why they could not be counted.
    pub problem: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

#[derive(Clone, Debug)]
struct Deferrable {
    name_sql: String,
    table_sql: String,
    is_exclusion: bool,
    is_partitioned: bool,
    nulls_are_equal: bool,
    predicate: Option<String>,
    /// The columns, or expressions, of the index.
    keys: Vec<String>,
    /// The operators of an exclusion constraint.
    operators: Option<Vec<String>>,
    /// What compares is the system's, and expressions were written by a superuser or by this role: their
    /// text was read before the table is locked.
    runs_no_code: bool,
}

/// Looks at all of the scope, as many at a time as there are sessions.
pub(super) async fn deferrable(
    sessions: &[Connection],
    scope: &Scope,
) -> Result<Vec<DeferrableLine>, CloseOutError> {
    fn work(session: Connection, key: Deferrable) -> Work<DeferrableLine> {
        Box::pin(async move {
            let task = Task::begin(format!("{} {}", key.table_sql, key.name_sql), &session, 1.0);
            let found = counted(&session, &key).await;
            let (duplicates, samples, problem) = match found {
                Ok((count, samples)) => (Some(count), samples, None),
                Err(error) => (None, Vec::new(), Some(error.to_string())),
            };
            let query = duplicates.is_some_and(|count| count > 0).then(|| key.query());
            let (constraint, table) = (key.name_sql, key.table_sql);
            let took_ms = task.millis();
            let source = None;
            DeferrableLine {
                constraint,
                table,
                source,
                duplicates,
                samples,
                query,
                problem,
                took_ms,
            }
        })
    }
    let Some(target) = sessions.first() else { return Ok(Vec::new()) };
    let covers = scope.covers(SCHEMA, RELATION);
    let first_user_oid = FIRST_USER_OID.to_string();
    let values = [
        ("is_own_table", IS_OWN_TABLE),
        ("covers", &*covers),
        ("first_user_oid", &*first_user_oid),
    ];
    let rows = target.client().query(&filled(include_str!("deferrable.sql"), &values), &[]).await?;
    let keys = rows.iter().map(|row| {
        Ok(Deferrable {
            name_sql: row.try_get(0)?,
            table_sql: row.try_get(1)?,
            is_exclusion: row.try_get(2)?,
            is_partitioned: row.try_get(3)?,
            nulls_are_equal: row.try_get(4)?,
            predicate: row.try_get(5)?,
            keys: row.try_get(6)?,
            operators: row.try_get(7)?,
            runs_no_code: row.try_get(8)?,
        })
    });
    let keys = keys.collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
    if !keys.is_empty() {
        begin_phase("deferrable constraints", keys.iter().map(|_| 1.0));
    }
    Ok(in_parallel(sessions, keys, work).await)
}

impl Deferrable {
    /// Its rows, with their keys as k1, k2 and so on.
    fn rows(&self) -> String {
        let only = if self.is_partitioned { "" } else { "ONLY " };
        let keys = self.keys.iter().zip(1..).map(|(key, number)| format!("{key} AS k{number}"));
        let keys: Vec<String> = keys.collect();
        let predicate = self.predicate.as_deref().map(|text| format!(" WHERE {text}"));
        format!(
            "SELECT tableoid AS row_table, ctid AS row_place, {} FROM {only}{}{}",
            keys.join(", "),
            self.table_sql,
            predicate.unwrap_or_default()
        )
    }

    fn names(&self, of: &str) -> Vec<String> {
        (1..=self.keys.len()).map(|number| format!("{of}k{number}")).collect()
    }

    /// The keys that contradict it, each with the number of rows that are too many.
    fn query(&self) -> String {
        let (rows, names) = (self.rows(), self.names("a."));
        let list = names.join(", ");
        let Some(operators) = self.operators.as_ref().filter(|_| self.is_exclusion) else {
            let not_null = names.iter().map(|name| format!("{name} IS NOT NULL"));
            let not_null: Vec<String> = not_null.collect();
            let condition = match self.nulls_are_equal {
                true => String::new(),
                false => format!(" WHERE {}", not_null.join(" AND ")),
            };
            return format!(
                "SELECT {list}, pg_catalog.count(*) OPERATOR(pg_catalog.-) 1 AS too_many \
                 FROM ({rows}) a{condition} GROUP BY {list} \
                 HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1"
            );
        };
        let pairs = names.iter().zip(self.names("b.")).zip(operators);
        let pairs: Vec<String> = pairs.map(|((a, b), op)| format!("{a} {op} {b}")).collect();
        format!(
            "SELECT {list}, 1::pg_catalog.int8 AS too_many FROM ({rows}) a WHERE EXISTS (SELECT 1 \
             FROM ({rows}) b WHERE {} AND NOT (a.row_place OPERATOR(pg_catalog.=) b.row_place \
             AND a.row_table OPERATOR(pg_catalog.=) b.row_table))",
            pairs.join(" AND ")
        )
    }

    fn count_sql(&self) -> String {
        let texts = self.names("s.").into_iter().map(|name| {
            format!(
                "CASE WHEN {name} IS NOT NULL THEN \
                 pg_catalog.left(pg_catalog.format('%s', {name}), 200) END"
            )
        });
        let texts: Vec<String> = texts.collect();
        format!(
            "WITH o AS ({}) SELECT (SELECT COALESCE(pg_catalog.sum(o.too_many), 0)::pg_catalog.int8 \
             FROM o), (SELECT pg_catalog.json_agg(pg_catalog.json_build_array({}))::pg_catalog.text \
             FROM (SELECT * FROM o LIMIT {SAMPLES_MAX}) s)",
            self.query(),
            texts.join(", ")
        )
    }
}

async fn counted(
    target: &Connection,
    key: &Deferrable,
) -> Result<(i64, Vec<SampleKey>), CloseOutError> {
    if !key.runs_no_code {
        return Err(CloseOutError::Refused(
            "not looked at: it compares by what others have made".into(),
        ));
    }
    let client = target.client();
    client.batch_execute("BEGIN READ ONLY").await?;
    let row = async {
        lock_tables(target, &[&key.table_sql]).await?;
        refuse_code_of_others(target, &[&key.table_sql]).await?;
        let row = client.query_one(&key.count_sql(), &[]).await?;
        client.batch_execute("COMMIT").await?;
        Ok(row)
    };
    count_and_samples(&roll_back_on_error(target, row.await).await?)
}
