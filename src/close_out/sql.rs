//! The SQL texts of parking and restoring foreign keys, and the journal that they keep. Pure text:
//! a session of a client can run them as well as the commands do.
//!
//! All of them hold on PostgreSQL 9.4 and later: columns that newer catalogs have are read through
//! `row_to_json`, which gives NULL where there is no such column.

use super::Scope;

/// The key of the advisory lock, one a database, under which parking and restoring happen: the
/// bytes of `dms_fk` and a zero. Whoever holds it may change `dms_proxy.fk_journal`.
pub const ADVISORY_LOCK_KEY: i64 = 0x0064_6D73_5F66_6B00;

/// The columns of the journal, one row a foreign key.
///
/// `state` is `parked` while the constraint is not on its table, and `added` while it is there but
/// not validated as it was before. `join_condition` and `period_condition` say in SQL when a row
/// `p` of the referenced table is the parent of a row `c`.
const JOURNAL: &str = "CREATE TABLE dms_proxy.fk_journal (
    schema_name text NOT NULL,
    table_name text NOT NULL,
    constraint_name text NOT NULL,
    referenced_schema text NOT NULL,
    referenced_table text NOT NULL,
    definition text NOT NULL,
    comment text,
    validated boolean NOT NULL,
    columns text[] NOT NULL,
    join_condition text NOT NULL,
    period_condition text,
    match_full boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('parked', 'added')),
    parked_at timestamp with time zone NOT NULL,
    parked_by text NOT NULL,
    PRIMARY KEY (schema_name, table_name, constraint_name))";

/// Whether the journal `j` (a row of pg_class) is a plain table of somebody whose word the current
/// role can take: what is written in it becomes SQL that this role runs.
const JOURNAL_IS_TRUSTED: &str = "(j.relkind = 'r' AND (
    j.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    OR (SELECT rolsuper FROM pg_roles WHERE oid = j.relowner)
    OR (NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        AND pg_has_role(current_user, j.relowner, 'USAGE'))))";

/// Where the journal is in the catalogs.
const JOURNAL_RELATION: &str = "pg_class j JOIN pg_namespace jn ON jn.oid = j.relnamespace
    WHERE jn.nspname = 'dms_proxy' AND j.relname = 'fk_journal'";

/// An identifier in quotes, whatever it holds.
pub fn quoted_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string constant, whatever it holds and whatever `standard_conforming_strings` is.
pub fn quoted_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A query for the foreign keys of the catalogs, with the columns of the journal and the object
/// ids. Constraints that partitions have from their parent, and those of extensions and of
/// temporary tables, are nobody's to park. `condition` is in terms of its column names, of `t` and
/// `f` (the two tables in pg_class) and of `n` and `fn` (their schemas). The search_path must be
/// `pg_catalog`.
///
/// Source of the join: `RI_Initial_Check` in PostgreSQL's ri_triggers.c, which takes the operators
/// of the constraint, casts to their types, and takes the collation of the referenced column.
pub fn foreign_keys_sql(condition: &str) -> String {
    format!(
        "SELECT c.oid AS constraint_oid, c.conrelid, c.confrelid,
    n.nspname::text AS schema_name, t.relname::text AS table_name,
    c.conname::text AS constraint_name, format('%I.%I', n.nspname, t.relname) AS table_sql,
    format('%I', c.conname) AS name_sql,
    format('%I.%I', fn.nspname, f.relname) AS referenced_sql,
    fn.nspname::text AS referenced_schema, f.relname::text AS referenced_table,
    regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '') AS definition,
    obj_description(c.oid, 'pg_constraint') AS comment,
    c.convalidated AS validated, k.columns, k.join_condition, k.period_condition,
    c.confmatchtype = 'f' AS match_full,
    t.relkind = 'p' AS partitioned, f.relkind = 'p' AS referenced_partitioned
FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_class f ON f.oid = c.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
CROSS JOIN LATERAL (
    SELECT array_agg(format('%I', a.attname) ORDER BY i) AS columns,
        coalesce(string_agg(format('p.%I%s%s OPERATOR(%I.%s) c.%I%s',
            pa.attname, casts.l, casts.collation, opn.nspname, o.oprname, a.attname, casts.r),
            ' AND ' ORDER BY i) FILTER (WHERE NOT casts.period), 'true') AS join_condition,
        max(format('c.%I <@ range_agg(p.%I)', a.attname, pa.attname))
            FILTER (WHERE casts.period) AS period_condition
    FROM generate_subscripts(c.conkey, 1) AS i
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[i]
    JOIN pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = c.confkey[i]
    JOIN pg_operator o ON o.oid = c.conpfeqop[i]
    JOIN pg_namespace opn ON opn.oid = o.oprnamespace
    JOIN pg_type lt ON lt.oid = o.oprleft JOIN pg_type rt ON rt.oid = o.oprright
    CROSS JOIN LATERAL (SELECT
        CASE WHEN lt.typtype = 'p' OR lt.oid = pa.atttypid THEN ''
            ELSE '::' || format_type(lt.oid, -1) END AS l,
        CASE WHEN rt.typtype = 'p' OR rt.oid = a.atttypid THEN ''
            ELSE '::' || format_type(rt.oid, -1) END AS r,
        CASE WHEN pa.attcollation <> a.attcollation AND pa.attcollation <> 0
            AND a.attcollation <> 0 THEN (SELECT format(' COLLATE %I.%I', cn.nspname, co.collname)
                FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                WHERE co.oid = pa.attcollation) ELSE '' END AS collation,
        row_to_json(c)->>'conperiod' IS NOT DISTINCT FROM 'true'
            AND i = array_upper(c.conkey, 1) AS period) casts) k
WHERE c.contype = 'f' AND t.relpersistence <> 't'
    AND coalesce((row_to_json(c)->>'conparentid')::oid, 0::oid) = 0::oid
    AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
        AND e.objid = c.conrelid AND e.deptype = 'e')
    AND ({condition})"
    )
}

/// The condition that one end of a foreign key is in the scope, in terms of
/// [`foreign_keys_sql`].
pub fn touches(scope: &Scope) -> String {
    let child = scope.covers("n.nspname::text", "t.relname::text");
    let parent = scope.covers("fn.nspname::text", "f.relname::text");
    format!("{child} OR {parent}")
}

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
    let body = format!(
        "
DECLARE
    caller_level text := pg_catalog.current_setting('client_min_messages');
BEGIN
    {};
EXCEPTION WHEN OTHERS THEN
    PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);
    RAISE WARNING USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM, DETAIL = '{CAUGHT}';
    PERFORM pg_catalog.set_config('client_min_messages', caller_level, true);
END ",
        park_block(&touches(scope)).trim()
    );
    let tag = dollar_tag(&body);
    format!("DO {tag}{body}{tag}")
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
    let body = park_block(condition);
    let tag = dollar_tag(&body);
    format!("DO {tag}{body}{tag}")
}

/// The block of PL/pgSQL that parks.
fn park_block(condition: &str) -> String {
    let keys = foreign_keys_sql(condition);
    format!(
        "
DECLARE
    caller_path text := pg_catalog.current_setting('search_path');
    fk record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF EXISTS ({keys}) THEN
        PERFORM pg_advisory_xact_lock({ADVISORY_LOCK_KEY});
        IF NOT EXISTS (SELECT 1 FROM {JOURNAL_RELATION}) THEN
            IF NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'dms_proxy') THEN
                CREATE SCHEMA dms_proxy;
            END IF;
            {JOURNAL};
        ELSIF NOT EXISTS (SELECT 1 FROM {JOURNAL_RELATION} AND {JOURNAL_IS_TRUSTED}) THEN
            RAISE EXCEPTION 'dms_proxy.fk_journal belongs to another role'
                USING ERRCODE = '42501', HINT = 'Park as the role that owns it.';
        END IF;
        -- Always in the same order, so that two who lock do not wait for each other. A table that
        -- may not be locked by itself is locked when its constraint is dropped.
        FOR fk IN SELECT DISTINCT r.oid, r.oid::regclass AS name, r.relkind FROM pg_class r
            JOIN ({keys}) k ON r.oid IN (k.conrelid, k.confrelid)
            WHERE has_table_privilege(r.oid, 'UPDATE, DELETE, TRUNCATE')
                AND has_schema_privilege(r.relnamespace, 'USAGE') ORDER BY r.oid
        LOOP
            EXECUTE format('LOCK TABLE %s%s IN ACCESS EXCLUSIVE MODE',
                CASE WHEN fk.relkind = 'p' THEN '' ELSE 'ONLY ' END, fk.name);
        END LOOP;
        FOR fk IN SELECT * FROM ({keys}) k ORDER BY schema_name, table_name, constraint_name
        LOOP
            IF EXISTS (SELECT 1 FROM pg_trigger WHERE tgconstraint = fk.constraint_oid
                AND tgenabled <> 'O') THEN
                RAISE EXCEPTION 'triggers of foreign key % on %.% were disabled or changed',
                    fk.constraint_name, fk.schema_name, fk.table_name
                    USING ERRCODE = '55000', HINT = 'Enable them; a restored foreign key has them on.';
            END IF;
            UPDATE dms_proxy.fk_journal j SET referenced_schema = fk.referenced_schema,
                referenced_table = fk.referenced_table, definition = fk.definition,
                comment = fk.comment, validated = fk.validated OR j.state = 'added',
                columns = fk.columns, join_condition = fk.join_condition,
                period_condition = fk.period_condition, match_full = fk.match_full,
                state = 'parked', parked_at = now(), parked_by = session_user
            WHERE j.schema_name = fk.schema_name AND j.table_name = fk.table_name
                AND j.constraint_name = fk.constraint_name;
            IF NOT FOUND THEN
                INSERT INTO dms_proxy.fk_journal (schema_name, table_name, constraint_name,
                    referenced_schema, referenced_table, definition, comment, validated, columns,
                    join_condition, period_condition, match_full, state, parked_at, parked_by)
                VALUES (fk.schema_name, fk.table_name, fk.constraint_name,
                    fk.referenced_schema, fk.referenced_table, fk.definition,
                    fk.comment, fk.validated, fk.columns, fk.join_condition,
                    fk.period_condition, fk.match_full, 'parked', now(), session_user);
            END IF;
            EXECUTE format('ALTER TABLE %I.%I DROP CONSTRAINT %I',
                fk.schema_name, fk.table_name, fk.constraint_name);
        END LOOP;
    END IF;
    PERFORM pg_catalog.set_config('search_path', caller_path, true);
END "
    )
}

/// A dollar quote that does not end inside the text.
fn dollar_tag(text: &str) -> String {
    let mut tag = "$dms_proxy$".to_owned();
    let mut number = 0u64;
    while text.contains(&tag) {
        number += 1;
        tag = format!("$dms_proxy{number}$");
    }
    tag
}

/// Takes the lock of the journal until the transaction ends.
pub fn lock_sql() -> String {
    format!("SELECT pg_catalog.pg_advisory_xact_lock({ADVISORY_LOCK_KEY})")
}

/// Whether there is a journal, whether it can be trusted, and whose it is; no row without one.
pub fn journal_sql() -> String {
    format!(
        "SELECT {JOURNAL_IS_TRUSTED} AS trusted, pg_get_userbyid(j.relowner)::text AS owner
         FROM {JOURNAL_RELATION}"
    )
}

/// The journal's rows with an end in the scope, with the columns of the journal.
pub fn parked_sql(scope: &Scope) -> String {
    let child = scope.covers("j.schema_name", "j.table_name");
    let parent = scope.covers("j.referenced_schema", "j.referenced_table");
    format!("{} WHERE {child} OR {parent} ORDER BY 1, 2, 3", all_parked_sql())
}

/// The query of [`parked_sql`] without its condition.
pub(super) fn all_parked_sql() -> &'static str {
    "SELECT j.*, format('%I.%I', j.schema_name, j.table_name) AS table_sql,
            format('%I', j.constraint_name) AS name_sql,
            format('%I.%I', j.referenced_schema, j.referenced_table) AS referenced_sql,
            j.parked_at::text AS parked_at_text,
            coalesce(t.relkind = 'p', false) AS partitioned,
            coalesce(f.relkind = 'p', false) AS referenced_partitioned
        FROM dms_proxy.fk_journal j
        LEFT JOIN pg_namespace n ON n.nspname = j.schema_name
        LEFT JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = j.table_name
        LEFT JOIN pg_namespace fn ON fn.nspname = j.referenced_schema
        LEFT JOIN pg_class f ON f.relnamespace = fn.oid AND f.relname = j.referenced_table"
}

/// A table's name, qualified and quoted.
pub fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted_identifier(schema), quoted_identifier(table))
}

/// Adds a foreign key to its table, in the words of the journal.
pub fn add_sql(schema: &str, table: &str, constraint: &str, definition: &str) -> String {
    let (table, constraint) = (qualified(schema, table), quoted_identifier(constraint));
    format!("ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")
}

/// Puts the comment of a foreign key back.
pub fn comment_sql(schema: &str, table: &str, constraint: &str, comment: &str) -> String {
    let (table, constraint) = (qualified(schema, table), quoted_identifier(constraint));
    format!("COMMENT ON CONSTRAINT {constraint} ON {table} IS {}", quoted_literal(comment))
}

/// Has the target look at every row of a foreign key that is not valid.
pub fn validate_sql(schema: &str, table: &str, constraint: &str) -> String {
    let (table, constraint) = (qualified(schema, table), quoted_identifier(constraint));
    format!("ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")
}

/// The condition that a row of the journal is the one of this foreign key.
pub fn journal_key(schema: &str, table: &str, constraint: &str) -> String {
    format!(
        "schema_name = {} AND table_name = {} AND constraint_name = {}",
        quoted_literal(schema),
        quoted_literal(table),
        quoted_literal(constraint)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_whatever_is_in_them() {
        assert_eq!(quoted_identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(quoted_literal("o'b"), "'o''b'");
        assert_eq!(quoted_literal("a\\'"), "E'a\\\\'''");
        let scope = Scope::parse(&["\"x$dms_proxy$y\"".into()], &[]).unwrap();
        assert!(park_sql(&scope).starts_with("DO $dms_proxy1$"));
    }

    #[test]
    fn the_key_spells_its_name() {
        assert_eq!(&ADVISORY_LOCK_KEY.to_be_bytes(), b"\0dms_fk\0");
        // What ARCHITECTURE.md says.
        assert_eq!(ADVISORY_LOCK_KEY, 28_267_839_960_279_808);
    }
}
