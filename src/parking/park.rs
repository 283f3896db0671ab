//! The SQL that parks: rows to the journal, constraints dropped.

use super::journal::{ADVISORY_LOCK_KEY, JOURNAL, JOURNAL_IS_TRUSTED, JOURNAL_RELATION};
use super::spelling::{dollar_quoted, filled, quoted_literal};
use super::{Scope, foreign_keys_sql, touches};

/// One statement that parks every foreign key with an end in the scope: its row goes to the
/// journal, then it is dropped, all or nothing. Run again it does nothing, and where there is
/// nothing to park it takes no lock. Needs the owner of the tables that have the constraints, and
/// for the first one CREATE on the database.
///
/// It waits for transactions that use the tables; `lock_timeout` bounds that. Errors: 42501 where a
/// right is missing or the journal is another role's, 2BP01 where something depends on a
/// constraint, 55000 where somebody has disabled triggers of one.
pub fn park_sql(scope: &Scope) -> String {
    park_where(&touches(scope))
}

/// The same with its failure, whatever it is but a cancelled statement, caught and told by a WARNING
/// whose DETAIL is [`CAUGHT`]: the transaction around it goes on, and so does a pipeline.
pub fn park_softly_sql(scope: &Scope) -> String {
    let park = park_block(&touches(scope));
    let values = [("park", park.trim()), ("caught", CAUGHT)];
    format!("DO {}", dollar_quoted(&filled(include_str!("park_softly.sql"), &values)))
}

/// What the DETAIL of the WARNING of [`park_softly_sql`] says.
pub const CAUGHT: &str = "Foreign keys were not parked.";

/// The same for one foreign key.
pub fn park_one_sql(schema: &str, table: &str, constraint: &str) -> String {
    let [schema, table, constraint] = [schema, table, constraint].map(quoted_literal);
    park_where(&format!(
        "n.nspname = {schema} AND t.relname = {table} AND c.conname = {constraint}"
    ))
}

fn park_where(condition: &str) -> String {
    format!("DO {}", dollar_quoted(&park_block(condition)))
}

/// The block of PL/pgSQL that parks.
fn park_block(condition: &str) -> String {
    let values = [
        ("keys", &*foreign_keys_sql(condition)),
        ("advisory_lock_key", &ADVISORY_LOCK_KEY.to_string()),
        ("journal_relation", JOURNAL_RELATION),
        ("journal", JOURNAL),
        ("journal_is_trusted", JOURNAL_IS_TRUSTED),
    ];
    filled(include_str!("park.sql"), &values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_cannot_end_the_block() {
        let scope = Scope::parse(&["\"x$dms_proxy$y\"".into()], &[]).unwrap();
        assert!(park_sql(&scope).starts_with("DO $dms_proxy1$"));
    }
}
