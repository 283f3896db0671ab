//! Texts of statements, by their kinds.

use super::Generator;

/// Statements that need nothing and change little.
const QUERIES: [&str; 14] = [
    "SELECT 1",
    "SELECT id, v FROM t_int ORDER BY id",
    "SELECT * FROM t_bool ORDER BY id",
    "SELECT count(*) FROM t_json",
    "TABLE t_uuid",
    "SELECT id FROM t_int WHERE v > 50",
    "SELECT n FROM generate_series(1, 20) n",
    "VALUES (1, 'a'), (2, NULL)",
    "SELECT b FROM other.t_bool",
    "SELECT m, a FROM t_mood",
    "SELECT 'text' AS t, 1.5 AS n, true AS b",
    "",
    "SELECT",
    "SHOW transaction_isolation",
];

/// Statements that fail, each in another place.
const ERRORS: [&str; 10] = [
    "SELECT 1/0",
    "SELECT * FROM missing",
    "INSERT INTO missing VALUES (1, true)",
    "INSERT INTO missing.t_bool VALUES (1, true)",
    "SELEC 1",
    "SELECT fails(3)",
    "INSERT INTO t_bool VALUES (1000, true)",
    "INSERT INTO t_bool (id, nothing) VALUES (1, true)",
    "INSERT INTO t_uuid VALUES (1, 'not one')",
    "COPY missing FROM STDIN",
];

/// Statements that change rows; `{}` is a key.
const INSERTS: [&str; 33] = [
    "INSERT INTO t_bool VALUES ({}, true)",
    "INSERT INTO t_bool VALUES ({}, 'f')",
    "INSERT INTO t_bool (b, id) VALUES (false, {}) RETURNING *",
    "INSERT INTO t_bool (id) VALUES ({})",
    "INSERT INTO t_bool SELECT {}, true",
    "INSERT INTO t_bool VALUES ({}, NULL) ON CONFLICT (id) DO UPDATE SET b = true",
    "INSERT INTO public . \"t_bool\" AS x (id, b) VALUES ({}, 'yes')",
    "INSERT INTO U&\"t\\005fbool\" VALUES ({}, true)",
    "INSERT INTO other.t_bool VALUES ({}, 'text')",
    "INSERT INTO \"T q\" (\"a b\", id) VALUES (true, {})",
    "INSERT INTO \"T q\" SELECT {}, true UNION ALL SELECT {}, false",
    "INSERT INTO t_int (id, v) VALUES ({}, {}), ({}0, NULL)",
    "INSERT INTO t_json VALUES ({}, '{\"a\": [1, \"x\"]}', '[true]')",
    "INSERT INTO t_json (id, j) VALUES ({}, '{\"a\": \"\\\\ \\n\"}')",
    "INSERT INTO public.t_json (id, k) VALUES ({}, '{\"a\": \"\\u00e4\"}')",
    "INSERT INTO t_uuid VALUES ({}, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')",
    "INSERT INTO t_bytes VALUES ({}, '\\x01ff')",
    "INSERT INTO t_text VALUES ({}, 'it''s', E'a\\tb', 'c')",
    "INSERT INTO t_text (id, s) VALUES ({}, U&'d\\0061t'), ({}, E'\\x41\\'')",
    "INSERT INTO t_text (id, s) VALUES ({}, 'ä'), ({}, 'b\\')",
    "/* a /* b */ ; */ INSERT INTO t_text VALUES ({}, $a$b;c$a$, 'x' -- c\n 'y', 'c')",
    "INSERT INTO t_time VALUES ({}, '2024-02-29', '2024-01-31 10:20:30', 1.5, 2)",
    "INSERT INTO t_mood VALUES ({}, 'ok', '{1,2}', true)",
    "INSERT INTO t_mood DEFAULT VALUES",
    "INSERT INTO t_late VALUES ({}, true)",
    "INSERT INTO t_late VALUES ({}, false)",
    "INSERT INTO child VALUES ({}, 2, false)",
    "INSERT INTO t_serial (b) VALUES (true) RETURNING id",
    "UPDATE t_bool SET b = NOT b WHERE id = 1000",
    "UPDATE t_int SET v = {}::int, id = id WHERE id = 5 RETURNING v",
    "DELETE FROM t_int WHERE id = 3",
    "MERGE INTO t_bool USING (VALUES ({})) AS s (k) ON id = k \
     WHEN NOT MATCHED THEN INSERT (id, b) VALUES (k, false)",
    "WITH w AS (INSERT INTO t_int VALUES ({}, 1) RETURNING id) \
     INSERT INTO t_bool SELECT id, true FROM w",
];

/// Settings, those of the proxy among them.
const SETTINGS: [&str; 38] = [
    "SET dms.phase = 'cdc'",
    "SET dms.phase = 'full-load'",
    "SET LOCAL dms.phase = 'cdc'",
    "RESET dms.phase",
    "SET dms.rewrite = 'off'",
    "SET dms.rewrite = 'on'",
    "SET dms.fk = 'off'",
    "SELECT set_config('dms.phase', 'cdc', false)",
    "SELECT set_config('dms.phase', 'full-load', true)",
    "SET search_path = other, public",
    "SET LOCAL search_path = other, public",
    "SET search_path = public",
    "SELECT set_config('search_path', 'other', false)",
    "RESET search_path",
    "RESET ALL",
    "DISCARD ALL",
    "DISCARD PLANS",
    "DISCARD TEMP",
    "SET client_encoding = 'LATIN1'",
    "SET client_encoding = 'UTF8'",
    "SET standard_conforming_strings = off",
    "SET standard_conforming_strings = on",
    "SET datestyle = 'German'",
    "SET session_replication_role = 'origin'",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET application_name = 'one'",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET ROLE NONE",
    "SET timezone = 'Asia/Tokyo'",
    "SET dms.table_prep = 'pass-through'",
    "SET ROLE little",
    "SET LOCAL ROLE little",
    "RESET ROLE",
    "SET SESSION AUTHORIZATION little",
    "RESET SESSION AUTHORIZATION",
    "SELECT sets_phase()",
    "RESET client_encoding",
    "SET LOCAL standard_conforming_strings = off",
];

/// The ends and beginnings of transactions.
const TRANSACTIONS: [&str; 14] = [
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "START TRANSACTION",
    "BEGIN ISOLATION LEVEL SERIALIZABLE",
    "COMMIT AND CHAIN",
    "ROLLBACK AND CHAIN",
    "SAVEPOINT a",
    "SAVEPOINT b",
    "ROLLBACK TO SAVEPOINT a",
    "ROLLBACK TO b",
    "RELEASE SAVEPOINT a",
    "ABORT",
    "END",
];

/// What only makes sense in a transaction.
const IN_TRANSACTION: [&str; 10] = [
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET TRANSACTION READ ONLY",
    "SET LOCAL dms.phase = 'cdc'",
    "SET LOCAL dms.rewrite = 'off'",
    "SAVEPOINT a",
    "ROLLBACK TO a",
    "RELEASE a",
    "LOCK TABLE t_int",
    "SET CONSTRAINTS ALL IMMEDIATE",
    "SET LOCAL search_path = other",
];

/// Definitions, in types that stay as they are.
const DEFINITIONS: [&str; 18] = [
    "CREATE TABLE n_one (id int, b boolean, s varchar(10))",
    "CREATE TABLE IF NOT EXISTS n_one (id int, b boolean, s varchar(10))",
    "CREATE TEMP TABLE t_bool (id int, b boolean)",
    "CREATE TEMP TABLE n_two (id int, b boolean) ON COMMIT DROP",
    "INSERT INTO n_one VALUES (1, true, 'x')",
    "INSERT INTO n_two VALUES (1, true)",
    "DROP TABLE n_one",
    "DROP TABLE IF EXISTS n_one, n_two",
    "DROP TABLE IF EXISTS pg_temp.t_bool",
    "CREATE TABLE n_three AS SELECT id, b FROM t_bool",
    "SELECT id INTO n_three FROM t_bool",
    "ALTER TABLE t_int ADD COLUMN w boolean",
    "ALTER TABLE t_bool RENAME COLUMN b TO c",
    "ALTER TABLE t_bool RENAME TO t_other",
    "ALTER TABLE t_other RENAME TO t_bool",
    "TRUNCATE t_json",
    "CREATE INDEX ON t_int (v)",
    "CREATE OR REPLACE VIEW n_view AS SELECT * FROM t_bool",
];

/// What is told to others, and what runs in the server.
const OTHERS: [&str; 18] = [
    "LISTEN here",
    "NOTIFY here, 'said'",
    "UNLISTEN *",
    "SELECT pg_notify('here', 'again')",
    "DO $$ BEGIN INSERT INTO t_bool VALUES (77, true) ON CONFLICT DO NOTHING; END $$",
    "DO $$ BEGIN RAISE NOTICE 'noted'; END $$",
    "EXPLAIN (COSTS off) INSERT INTO t_bool VALUES (2, true)",
    "ANALYZE t_int",
    "COPY t_int TO STDOUT",
    "COPY (SELECT * FROM t_bool ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)",
    "COPY t_int TO STDOUT WITH (FORMAT binary)",
    "VACUUM t_json",
    "CALL commits()",
    "DO $$ BEGIN INSERT INTO t_bool VALUES (78, true) ON CONFLICT DO NOTHING; COMMIT; END $$",
    "DO $$ BEGIN SET LOCAL dms.phase = 'cdc'; END $$",
    "INSERT INTO v_bool VALUES (79, false)",
    "DELETE FROM v_bool WHERE id = 79",
    "SELECT repeat('x', 70000)",
];

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Statements for PREPARE, and the arguments of their EXECUTE.
const PREPARED: [(&str, &str, &str); 5] = [
    ("", "SELECT 'prepared'", ""),
    (" (int, boolean)", "INSERT INTO t_bool VALUES ($1, $2)", "({}, true)"),
    ("", "INSERT INTO t_json (id, j) VALUES ($1, $2)", "({}, '{\"a\": 1}')"),
    (" (int)", "SELECT v FROM t_int WHERE id = $1", "(1)"),
    ("", "INSERT INTO t_uuid VALUES ($1, $2)", "({}, NULL)"),
];

impl Generator {
    /// A text that does not differ by design.
    pub(super) fn pick_text(&mut self, texts: &[&'static str]) -> &'static str {
        loop {
            let text = *self.random.pick(texts);
            let by_design = [
                ("deferred", "t_late VALUES ({}, false)"),
                ("chain", "AND CHAIN"),
                ("commits", "commits()"),
                ("commits", "COMMIT; END"),
            ];
            let is_left_out =
                by_design.iter().any(|(name, part)| text.contains(part) && self.leaves_out(name));
            if !is_left_out {
                return text;
            }
        }
    }

    /// One statement of any kind.
    pub(super) fn statement(&mut self) -> String {
        match self.random.below(100) {
            0..30 => self.insert(),
            30..46 => (*self.random.pick(&QUERIES)).to_owned(),
            46..53 => (*self.random.pick(&ERRORS)).to_owned(),
            53..63 => (*self.random.pick(&SETTINGS)).to_owned(),
            63..74 => self.pick_text(&TRANSACTIONS).to_owned(),
            74..78 => self.in_transaction(),
            78..85 => (*self.random.pick(&DEFINITIONS)).to_owned(),
            85..90 => self.pick_text(&OTHERS).to_owned(),
            90..94 => self.prepare(),
            94..98 => self.cursor(),
            _ => self.end_of_prepared(),
        }
    }

    pub(super) fn in_transaction(&mut self) -> String {
        (*self.random.pick(&IN_TRANSACTION)).to_owned()
    }

    /// A statement that changes rows, its values as constants.
    pub(super) fn insert(&mut self) -> String {
        let key = self.key().to_string();
        self.pick_text(&INSERTS).replace("{}", &key)
    }

    fn prepare(&mut self) -> String {
        if let Some((name, arguments)) = self.by_sql.last().cloned()
            && self.random.one_in(2)
        {
            let key = self.key().to_string();
            return format!("EXECUTE {name}{}", arguments.replace("{}", &key));
        }
        let name = self.name(&NAMES);
        let (types, sql, arguments) = *self.random.pick(&PREPARED);
        self.by_sql.push((name.to_owned(), arguments));
        format!("PREPARE {name}{types} AS {sql}")
    }

    fn end_of_prepared(&mut self) -> String {
        let name = self.name(&NAMES);
        match self.random.below(4) {
            0 => "DEALLOCATE ALL".to_owned(),
            1 => "CLOSE ALL".to_owned(),
            2 => format!("DEALLOCATE {name}"),
            _ => format!("CLOSE {name}"),
        }
    }

    fn cursor(&mut self) -> String {
        if let Some(name) = self.cursors.last().cloned()
            && !self.random.one_in(3)
        {
            let how =
                *self.random.pick(&["FETCH 2 FROM", "FETCH", "FETCH ALL", "MOVE 1 IN", "CLOSE"]);
            return format!("{how} {name}");
        }
        let name = self.name(&NAMES).to_owned();
        let hold = *self.random.pick(&["", "", "", " WITH HOLD"]);
        self.cursors.push(name.clone());
        format!("DECLARE {name} CURSOR{hold} FOR SELECT id FROM t_int ORDER BY id")
    }
}
