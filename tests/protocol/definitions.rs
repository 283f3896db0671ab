//! What stands around the types of a definition follows them: constants in DEFAULT, CHECK and generated
//! expressions, identity columns, foreign keys, routines. The dry run makes of each statement what the wire does.

use dms_proxy::cli::{Input, RewriteOptions, rewrite};
use dms_proxy::config::Config;

use super::policies::session;
use super::terminate::until;
use super::{field, log_in, say};
use crate::support::{Cluster, Database, Frame, Proxy, Wire};

/// The SQLSTATE of an error; empty where there is none.
pub(super) fn sqlstate(frames: &[Frame]) -> String {
    field(frames, b'E', b'C').unwrap_or_default()
}

/// A session by a source and more of a configuration.
pub(super) fn source(name: &str, more: &str) -> (Proxy, Database, Wire) {
    session(&format!("[mapping]\nsource = \"{name}\"\n{more}"))
}

/// Runs statements that must not fail, one by one.
pub(super) fn runs(wire: &mut Wire, statements: &[&str]) {
    for sql in statements {
        let said = say(wire, sql);
        assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
    }
}

/// What the dry run makes of statements.
pub(super) fn dry_run(source: &str, more: &str, statements: &[&str]) -> String {
    let config = format!("[mapping]\nsource = \"{source}\"\n{more}");
    let policy = toml::from_str::<Config>(&config).unwrap().policy().unwrap();
    let script = statements.join(";\n") + ";\n";
    let (mut rewritten, mut said) = (Vec::new(), Vec::new());
    let input = Input { name: source.into(), reader: Box::new(script.as_bytes()) };
    let options = RewriteOptions { explain: true, ..RewriteOptions::default() };
    rewrite(&policy, options, [input], &mut rewritten, &mut said).unwrap();
    String::from_utf8(rewritten).unwrap()
}

/// Statements that the target refuses as they are, that run through the proxy, and whose dry run runs on the
/// target as it is; gives what a query says behind both.
pub(super) fn both_roads(
    name: &str,
    more: &str,
    statements: &[&str],
    query: &str,
) -> Vec<Vec<String>> {
    let (_proxy, database, mut wire) = source(name, more);
    runs(&mut wire, statements);
    let proxied = database.query(query);
    let direct = Cluster::shared().create_database();
    direct.query(&dry_run(name, more, statements));
    assert_eq!(direct.query(query), proxied, "{name}");
    // In the extended protocol.
    let (_proxy, database, mut wire) = source(name, more);
    for sql in statements {
        wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        assert_eq!(sqlstate(&wire.until_ready()), "", "{sql}");
    }
    assert_eq!(database.query(query), proxied, "{name}");
    // All in one text.
    let (_proxy, database, mut wire) = source(name, more);
    runs(&mut wire, &[&statements.join(";")]);
    assert_eq!(database.query(query), proxied, "{name}");
    proxied
}

#[test]
fn defaults_follow_the_type() {
    let mysql = [
        "CREATE TABLE t (k int, a BIT(1) DEFAULT b'0', b TINYINT(1) DEFAULT TRUE NOT NULL, \
         c BIT(8) DEFAULT b'101', d BOOL NOT NULL DEFAULT FALSE, e BIT DEFAULT 1, \
         f BINARY(4) DEFAULT X'00FF', g INT DEFAULT 0x10, h BIT(1) DEFAULT (b'1'))",
        "ALTER TABLE t ADD COLUMN i BIT(1) NOT NULL DEFAULT b'1', ALTER COLUMN a SET DEFAULT b'1'",
        "ALTER TABLE t ALTER b SET DEFAULT false",
        "INSERT INTO t (k) VALUES (1)",
    ];
    let row = ["1", "t", "0", "\\x05", "0", "t", "\\x00ff", "16", "t", "t"];
    assert_eq!(both_roads("mysql", "", &mysql, "TABLE t"), [row]);
    let sqlserver = [
        "CREATE TABLE t (k int, a BIT DEFAULT ((0)), b BIT NOT NULL CONSTRAINT d DEFAULT (CONVERT(bit,(1))), \
         d bit DEFAULT CAST(0 AS bit), e varbinary(4) DEFAULT 0x00, f BIT DEFAULT ('0'), g bit DEFAULT(1))",
        "ALTER TABLE t ADD h \"bit\" NOT NULL DEFAULT ((1)), i bit DEFAULT ((0)) CHECK (i = 0)",
        "INSERT INTO t (k) VALUES (1)",
    ];
    let row = ["1", "f", "t", "f", "\\x00", "f", "t", "t", "f"];
    assert_eq!(both_roads("sqlserver", "", &sqlserver, "TABLE t"), [row]);
    let db2 = [
        "CREATE TABLE t (k int, a CHAR(4) FOR BIT DATA DEFAULT X'00', \
         b VARCHAR(5) FOR BIT DATA DEFAULT BX'01' NOT NULL, c TIMESTAMP(12))",
        "INSERT INTO t (k) VALUES (1)",
    ];
    let row = ["1", "\\x00", "\\x01", "NULL"];
    assert_eq!(both_roads("db2-luw", "", &db2, "TABLE t"), [row]);
    let mysql = [
        r#"CREATE TABLE t (k int, a BINARY(3) NOT NULL DEFAULT '\0\0\0', b VARBINARY(9) DEFAULT '\0a\\\n',
          c BINARY(4) DEFAULT 'ab', d VARBINARY(9) DEFAULT '\x00ff', e BINARY DEFAULT '', f BIT(1) DEFAULT '\0',
          g VARBINARY(5) DEFAULT 'a''b', h VARCHAR(9) DEFAULT '\0', j VARBINARY(3) DEFAULT "\0")"#,
        r"ALTER TABLE t ADD COLUMN i BINARY(2) DEFAULT '\0' NOT NULL",
        "INSERT INTO t (k) VALUES (1)",
    ];
    let bytes = [r"\x000000", r"\x00615c0a", r"\x61620000", r"\x00ff", r"\x00", "f", r"\x612762"];
    let row = [&["1"], &bytes[..], &[r"\0", r"\x00", r"\x0000"]].concat();
    assert_eq!(both_roads("mysql", "", &mysql, "TABLE t"), [row]);
    let oracle = [
        "CREATE TABLE t (k NUMBER(5), a RAW(4) DEFAULT HEXTORAW('00FF'), b NUMBER(1) DEFAULT 0, \
         c boolean DEFAULT 1)",
        "ALTER TABLE t ADD d boolean DEFAULT 0 NOT NULL, ADD CONSTRAINT x CHECK (c = 1 AND d IN (0, 1))",
        "INSERT INTO t (k) VALUES (1)",
    ];
    let row = ["1", "\\x00ff", "0", "t", "f"];
    assert_eq!(both_roads("oracle", "", &oracle, "TABLE t"), [row]);
    let dms = [
        "CREATE TEMP TABLE v (a BOOL DEFAULT 0)",
        "CREATE TABLE t (k int, a BOOL DEFAULT 0, b BOOL DEFAULT (1) CHECK (b = 1), c BYTES DEFAULT X'00')",
        "INSERT INTO t (k) VALUES (1)",
    ];
    assert_eq!(both_roads("dms", "", &dms, "TABLE t"), [["1", "f", "t", "\\x00"]]);
}

#[test]
fn double_quotes_make_constants_to_some_sources() {
    let mysql = [
        "CREATE TABLE t (k int, a VARCHAR(9) NOT NULL DEFAULT \"don't\", b INT DEFAULT \"3\", \
         c ENUM(\"x\",\"y\") DEFAULT \"x\", d BIT(1) DEFAULT \"1\", e VARCHAR(9) DEFAULT (\"a\"\"b\"), \
         f VARCHAR(9) CHECK (f IN (\"p\", 'q') OR f <> \"zz\"), g DATE DEFAULT \"0000-00-00\", i DATETIME DEFAULT 0, \
         h VARCHAR(9) COLLATE \"C\" DEFAULT upper(\"u\"))",
        "ALTER TABLE t ADD COLUMN l VARCHAR(9) DEFAULT \"l\" CHECK (l <> \"m\")",
        "ALTER TABLE t ALTER a SET DEFAULT \"n\", ADD CHECK (a <> \"f\")",
        "INSERT INTO t (k, f) VALUES (1, 'p')",
    ];
    let values = "[values]\nbad_dates = \"null\"\n";
    let row = ["1", "n", "3", "x", "t", "a\"b", "p", "NULL", "NULL", "U", "l"];
    assert_eq!(both_roads("mysql", values, &mysql, "TABLE t"), [row]);
    // A typed constant of another type is one value.
    let oracle = [
        "CREATE TABLE t (k NUMBER(5), a DATE DEFAULT DATE '0000-00-00', b DATE DEFAULT DATE '2024-01-02')",
        "INSERT INTO t VALUES (1, DATE '0000-00-00', DATE '2024-01-03')",
        "INSERT INTO t (k) VALUES (2)",
    ];
    let rows = [["1", "NULL", "2024-01-03 00:00:00"], ["2", "NULL", "2024-01-02 00:00:00"]];
    assert_eq!(both_roads("oracle", values, &oracle, "TABLE t"), rows);
    let ase = [
        "CREATE TABLE t (a char(1) DEFAULT \"Y\" NOT NULL CHECK (a IN (\"Y\", \"N\")), b bit DEFAULT 0 NOT NULL)",
        "INSERT INTO t (b) VALUES (1)",
    ];
    assert_eq!(both_roads("sap-ase", "", &ase, "TABLE t"), [["Y", "t"]]);
    let sqlserver =
        ["CREATE TABLE t (k int, a nvarchar(9) DEFAULT (\"x\"))", "INSERT INTO t VALUES (1)"];
    assert_eq!(both_roads("sqlserver", "", &sqlserver, "TABLE t"), [["1", "x"]]);
    // What may be a column is one, in any case of letters; to other sources it is one always.
    for (name, sql) in [
        ("mysql", "CREATE TABLE u (a int, CHECK (\"A\" <> \"a\"))"),
        ("mysql", "CREATE TABLE u (LIKE t, CHECK (\"other\" > 0))"),
        ("oracle", "CREATE TABLE u (a VARCHAR2(3) DEFAULT \"x\")"),
        ("dms", "CREATE TABLE u (a text DEFAULT \"x\")"),
    ] {
        let (_proxy, _database, mut wire) = source(name, "");
        runs(&mut wire, &["CREATE TABLE t (k int)"]);
        let code = sqlstate(&wire.query(sql).until_ready());
        assert!(["42703", "0A000"].contains(&&*code), "{sql}: {code}");
    }
}

#[test]
fn defaults_of_arguments_follow_the_type() {
    let query = "SELECT proname::text, pg_get_function_arguments(oid) FROM pg_proc \
                 WHERE pronamespace = 'public'::regnamespace ORDER BY 1";
    let sql = "LANGUAGE sql AS 'SELECT 1'";
    let mysql = [
        format!(
            "CREATE FUNCTION f(b BIT(1) DEFAULT b'1', c BOOL = FALSE, d TINYINT(1) DEFAULT TRUE) RETURNS int {sql}"
        ),
        format!(
            "CREATE OR REPLACE PROCEDURE g(IN b BLOB DEFAULT X'00', v VARCHAR(3) DEFAULT \"x\", \
                 d DATETIME DEFAULT '0000-00-00') {sql}"
        ),
    ];
    let found = both_roads(
        "mysql",
        "[values]\nbad_dates = \"null\"\n",
        &mysql.each_ref().map(String::as_str),
        query,
    );
    let f = "b boolean DEFAULT true, c smallint DEFAULT 0, d smallint DEFAULT 1";
    let g = "IN b bytea DEFAULT '\\x00'::bytea, IN v character varying DEFAULT 'x'::character varying, \
             IN d timestamp without time zone DEFAULT NULL::timestamp without time zone";
    assert_eq!(found, [["f", f], ["g", g]]);
    let sqlserver = [format!(
        "CREATE FUNCTION f(a bit = 0, nvarchar(5) = N'x', c IN varbinary(3) = 0x) RETURNS int {sql}"
    )];
    let f = "a boolean DEFAULT false, character varying DEFAULT 'x'::bpchar, c bytea DEFAULT '\\x'::bytea";
    assert_eq!(
        both_roads("sqlserver", "", &sqlserver.each_ref().map(String::as_str), query),
        [["f", f]]
    );
    let oracle = [format!(
        "CREATE FUNCTION f(a IN NUMBER DEFAULT 0, b IN BOOLEAN DEFAULT 1, c RAW DEFAULT HEXTORAW('0F')) \
         RETURNS NUMBER {sql}"
    )];
    let f = "a numeric DEFAULT 0, b boolean DEFAULT true, c bytea DEFAULT '\\x0f'::bytea";
    assert_eq!(both_roads("oracle", "", &oracle.each_ref().map(String::as_str), query), [["f", f]]);
    let db2 = [format!("CREATE FUNCTION f(CHAR(4) FOR BIT DATA DEFAULT X'00') RETURNS int {sql}")];
    assert_eq!(
        both_roads("db2-luw", "", &db2.each_ref().map(String::as_str), query),
        [["f", "bytea DEFAULT '\\x00'::bytea"]]
    );
}

#[test]
fn national_constants_go_into_any_type() {
    let statements = [
        "CREATE TABLE t (k int, a bit DEFAULT (N'1'), d datetime NOT NULL DEFAULT N'2020-01-01', v nvarchar(9) DEFAULT N'x ')",
        "INSERT INTO t (k) VALUES (N'1')",
        "INSERT INTO t VALUES (2, N'0', (n'2021-01-01'), N'it''s  ')",
        "INSERT INTO t (k, d) SELECT N'3', N'2022-01-01' UNION ALL SELECT N'4', '2022-01-02'",
        "UPDATE t SET d = N'2023-01-01', v = N'z' WHERE k = 2",
        "INSERT INTO t (k) VALUES (5), (6), (7)",
        "DELETE FROM t WHERE k IN (N'5', N'6') AND a = N'1'",
        "UPDATE t SET k = 8 WHERE N'7' = t.k AND d BETWEEN N'2020-01-01' AND n'2020-01-02' AND v <> N'y'",
        "WITH w AS (SELECT k FROM t WHERE k = N'8') DELETE FROM t USING w WHERE t.k = w.k AND t.k > N'7'",
        "SELECT 1 FROM t JOIN t AS o ON o.k = N'1' WHERE (t.k, t.a) = (N'1', N't')",
    ];
    let found = both_roads(
        "sqlserver",
        "",
        &statements,
        "SELECT k, a, d::date, v || '|' FROM t ORDER BY k",
    );
    assert_eq!(
        found,
        [
            ["1", "t", "2020-01-01", "x |"],
            ["2", "f", "2023-01-01", "z|"],
            ["3", "t", "2022-01-01", "x |"],
            ["4", "t", "2022-01-02", "x |"],
        ]
    );
    // Blanks stay, and so does what is character; a long text is looked at before its values are.
    let (_proxy, database, mut wire) = source("dms", "");
    runs(&mut wire, &["CREATE TABLE t (a int, v text, c char(3), j jsonb)"]);
    let row = "(N'1', N'v ', N'c ', N'{\"a\": \"\\u0000\"}')";
    for rows in [1, 500] {
        runs(&mut wire, &["TRUNCATE t"]);
        runs(&mut wire, &[&format!("INSERT INTO t VALUES {}", vec![row; rows].join(", "))]);
        let query = "SELECT a, v || '|', c || '|', j, count(*) FROM t GROUP BY 1, 2, 3, 4";
        let expected = ["1", "v |", "c|", "{\"a\": \" \"}", &rows.to_string()];
        assert_eq!(database.query(query), [expected]);
    }
}

#[test]
fn checks_and_generated_expressions_follow_the_type() {
    let mysql = [
        "CREATE TABLE t (g INT, h BIT(1) CHECK (h IN (0, 1)), i TINYINT(1) CHECK (i = TRUE OR FALSE <> i), \
         a BIT(1), b TINYINT(1), CONSTRAINT ck CHECK (a = 1 AND (b BETWEEN FALSE AND TRUE)), \
         CHECK (COALESCE(a, 0) = 1 OR (h) <> b'0' OR NOT (t.h = 0)), \
         j INT GENERATED ALWAYS AS (CASE WHEN a = 0 THEN b ELSE g END) STORED, \
         k TINYINT(1) GENERATED ALWAYS AS (g > 3) STORED, \
         l BIT(1) GENERATED ALWAYS AS (CASE WHEN g > 3 THEN 1 ELSE 0 END) STORED, \
         m INT GENERATED ALWAYS AS (CASE h WHEN 1 THEN 10 WHEN 0 THEN 20 END) STORED)",
        "ALTER TABLE t ADD CONSTRAINT x CHECK (a <> 0)",
        "INSERT INTO t (g, h, i, a, b) VALUES (5, 1, 1, 1, 0)",
    ];
    let query = "SELECT g, h, i, a, b, j, k, l, m FROM t";
    let row = ["5", "t", "1", "t", "0", "5", "1", "t", "10"];
    assert_eq!(both_roads("mysql", "", &mysql, query), [row]);
    let (_proxy, database, mut wire) = source("mysql", "");
    runs(&mut wire, &mysql);
    for (row, code) in
        [("9, 0, 1, 1, 1", ""), ("9, 1, 1, 0, 1", "23514"), ("9, 1, 1, 1, 2", "23514")]
    {
        let sql = format!("INSERT INTO t (g, h, i, a, b) VALUES ({row})");
        assert_eq!(sqlstate(&wire.query(sql).until_ready()), code, "{row}");
    }
    assert_eq!(
        database.query("SELECT j, k, l, m FROM t ORDER BY m"),
        [["5", "1", "t", "10"], ["9", "1", "t", "20"]]
    );
    // What is no constant for a column stays the server's.
    for sql in [
        "CREATE TABLE u (a BIT(1) DEFAULT 2)",
        "CREATE TABLE u (a BIT(1) CHECK (a = 1 + 0))",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 3",
    ] {
        assert_ne!(sqlstate(&wire.query(sql).until_ready()), "", "{sql}");
    }
}

#[test]
fn dates_that_do_not_exist_as_defaults() {
    let statements = [
        "CREATE TABLE t (k int, a DATE NOT NULL DEFAULT '0000-00-00', \
         b DATETIME DEFAULT '0000-00-00 00:00:00', c TIMESTAMP DEFAULT DATE '2024-02-30', \
         d DATE DEFAULT CAST('0000-00-00' AS date), e DATE DEFAULT '2024-02-29')",
        "ALTER TABLE t ALTER COLUMN e SET DEFAULT ('2023-02-29')",
        "INSERT INTO t (k, a) VALUES (1, '2024-01-01')",
    ];
    let values = "[values]\nbad_dates = \"null\"\n";
    let found = both_roads("mysql", values, &statements, "SELECT k, a, b, c, d, e FROM t");
    assert_eq!(found, [["1", "2024-01-01", "NULL", "NULL", "NULL", "NULL"]]);
    let (_proxy, _database, mut wire) = source("mysql", "");
    assert_eq!(sqlstate(&wire.query(statements[0]).until_ready()), "22008");
}

#[test]
fn identity_columns_are_integers() {
    let statements = [
        "CREATE TABLE t (a INT GENERATED ALWAYS AS IDENTITY, b NUMBER(5))",
        "CREATE TABLE u (a INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, b NUMBER(5))",
        "CREATE TABLE v (a NUMBER DEFAULT NULL NOT NULL, b NUMBER(19) NOT NULL GENERATED BY DEFAULT AS IDENTITY (START WITH 7))",
        "ALTER TABLE v ADD c NUMBER(6) GENERATED ALWAYS AS IDENTITY",
        "INSERT INTO t (b) VALUES (1)",
        "INSERT INTO v (a) VALUES (1)",
    ];
    let query = "SELECT attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
                 WHERE attidentity <> '' ORDER BY 1, 2";
    assert_eq!(
        both_roads("oracle", "", &statements, query),
        [["t", "a", "bigint"], ["u", "a", "bigint"], ["v", "b", "bigint"], ["v", "c", "integer"]]
    );
    let dms = ["CREATE TABLE t (a NUMERIC(19,0) GENERATED ALWAYS AS IDENTITY, b int)"];
    assert_eq!(both_roads("dms", "", &dms, query), [["t", "a", "bigint"]]);
}

#[test]
fn clauses_of_identity_columns_are_those_of_postgresql() {
    let query = "SELECT c.relname::text, format_type(a.atttypid, -1), attidentity::text, seqstart::text, \
                 seqincrement::text, seqmax = CASE seqtypid::regtype::text WHEN 'bigint' THEN 9223372036854775807 \
                 WHEN 'integer' THEN 2147483647 ELSE 32767 END, seqcycle, seqcache::text \
                 FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_sequence \
                 ON seqrelid = pg_get_serial_sequence(quote_ident(c.relname), attname)::regclass WHERE attidentity <> '' ORDER BY 1";
    let oracle = [
        "CREATE TABLE a (id NUMBER GENERATED BY DEFAULT ON NULL AS IDENTITY, b NUMBER(5))",
        "CREATE TABLE b (id INT GENERATED AS IDENTITY, b NUMBER(5))",
        "CREATE TABLE c (b NUMBER(5), id NUMBER(6) NOT NULL GENERATED ALWAYS AS IDENTITY START WITH 3 NOCACHE)",
        "CREATE TABLE d (\"ID\" NUMBER(19) GENERATED BY DEFAULT ON NULL AS IDENTITY MINVALUE 1 \
         MAXVALUE 9999999999999999999999999999 INCREMENT BY 2 START WITH 1 CACHE 20 NOORDER NOCYCLE NOKEEP NOSCALE \
         NOT NULL, b NUMBER(5))",
        "CREATE TABLE e (b NUMBER(5))",
        "ALTER TABLE e ADD id NUMBER(4) GENERATED BY DEFAULT ON NULL FOR INSERT ONLY AS IDENTITY (CYCLE ORDER)",
        "CREATE TABLE f (id NUMBER GENERATED ALWAYS AS IDENTITY (START WITH -7 INCREMENT BY -1 NOMAXVALUE MINVALUE -9), b NUMBER(5))",
        "INSERT INTO a (b) VALUES (1)",
        "INSERT INTO d (b) VALUES (1)",
    ];
    assert_eq!(
        both_roads("oracle", "", &oracle, query),
        [
            ["a", "bigint", "d", "1", "1", "t", "f", "1"],
            ["b", "bigint", "a", "1", "1", "t", "f", "1"],
            ["c", "integer", "a", "3", "1", "t", "f", "1"],
            ["d", "bigint", "d", "1", "2", "t", "f", "20"],
            ["e", "smallint", "d", "1", "1", "t", "t", "1"],
            ["f", "bigint", "a", "-7", "-1", "f", "f", "1"],
        ]
    );
    let db2 = [
        "CREATE TABLE a (id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY (START WITH 1, INCREMENT BY 1, NO CACHE), b int)",
        "CREATE TABLE b (id DECIMAL(12,0) GENERATED BY DEFAULT AS IDENTITY ( START WITH +5 , INCREMENT BY +1 , \
         MINVALUE +1 , MAXVALUE +99999999999999999999 , NO CYCLE , CACHE 20 , NO ORDER ), b int)",
    ];
    assert_eq!(
        both_roads("db2-luw", "", &db2, query),
        [
            ["a", "bigint", "a", "1", "1", "t", "f", "1"],
            ["b", "bigint", "d", "5", "1", "t", "f", "20"],
        ]
    );
    // What is PostgreSQL's already stays, and so does what is not known; NULL is refused where Oracle makes a number.
    let (_proxy, _database, mut wire) = source("oracle", "");
    runs(
        &mut wire,
        &["CREATE TABLE t (id INT GENERATED BY DEFAULT ON NULL AS IDENTITY, b NUMBER(5))"],
    );
    let code = sqlstate(&wire.query("INSERT INTO t VALUES (NULL, 1)").until_ready());
    assert_eq!(code, "23502");
    for (name, clause) in [
        ("oracle", "GENERATED ALWAYS AS IDENTITY (START WITH 5 MAXVALUE 900 NO CYCLE)"),
        ("oracle", "GENERATED ALWAYS AS IDENTITY (START WITH 5, UNHEARD OF)"),
        ("dms", "GENERATED BY DEFAULT ON NULL AS IDENTITY"),
        ("postgresql", "GENERATED AS IDENTITY"),
    ] {
        let sql = format!("CREATE TABLE t (id int8 {clause})");
        assert!(dry_run(name, "", &[&sql]).contains(clause), "{name}: {clause}");
    }
}

#[test]
fn foreign_keys_take_the_types_of_their_parents() {
    let statements = [
        "CREATE TABLE p (id NUMBER(6) PRIMARY KEY, parent NUMBER REFERENCES p)",
        "CREATE TABLE c (id NUMBER(9), p_id NUMBER, q NUMBER NOT NULL REFERENCES p (id), \
         CONSTRAINT pk PRIMARY KEY (id, q), CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE CASCADE)",
        "CREATE TABLE d (a NUMBER, b NUMBER, c NUMBER(4), FOREIGN KEY (a, b) REFERENCES c)",
        "CREATE TABLE e (a NUMBER, b NUMBER)",
        "ALTER TABLE e ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES p (id)",
        "ALTER TABLE e ADD z NUMBER REFERENCES p",
        "CREATE TABLE n (id NUMBER PRIMARY KEY)",
        "CREATE TABLE o (id NUMBER(3) REFERENCES n, m NUMBER REFERENCES n)",
    ];
    let query = "SELECT attrelid::regclass::text || '.' || attname, format_type(atttypid, atttypmod) \
                 FROM pg_attribute WHERE attrelid::regclass::text = ANY ('{p,c,d,e,o}') AND attnum > 0 \
                 ORDER BY 1";
    let expected = [
        ["c.id", "integer"],
        ["c.p_id", "integer"],
        ["c.q", "integer"],
        ["d.a", "integer"],
        ["d.b", "integer"],
        ["d.c", "smallint"],
        ["e.a", "integer"],
        ["e.b", "numeric(38,10)"],
        ["e.z", "integer"],
        ["o.id", "smallint"],
        ["o.m", "numeric(38,10)"],
        ["p.id", "integer"],
        ["p.parent", "integer"],
    ];
    assert_eq!(both_roads("oracle", "", &statements, query), expected);
    // A value that is not whole is refused, and not rounded.
    let (_proxy, database, mut wire) = source("oracle", "");
    runs(&mut wire, &["CREATE TABLE p (id NUMBER(6) PRIMARY KEY); CREATE TABLE e (a NUMBER)"]);
    runs(&mut wire, &["INSERT INTO p VALUES (1)", "INSERT INTO e VALUES (1.5)"]);
    let add = "ALTER TABLE e ADD FOREIGN KEY (a) REFERENCES p";
    assert_eq!(sqlstate(&wire.query(add).until_ready()), "22P02");
    assert_eq!(database.query("SELECT a::text FROM e"), [["1.5000000000"]]);
    database.query("UPDATE e SET a = 1");
    runs(&mut wire, &[add]);
    assert_eq!(database.query("SELECT a, pg_typeof(a)::text FROM e"), [["1", "integer"]]);
    // The types of PostgreSQL's own scripts stay.
    let (_proxy, _database, mut wire) = source("postgresql", "");
    runs(&mut wire, &["CREATE TABLE p (id int PRIMARY KEY)"]);
    let sql = "CREATE TABLE c (id numeric REFERENCES p)";
    assert_eq!(sqlstate(&wire.query(sql).until_ready()), "42804");
}

#[test]
fn routines_are_found_with_their_own_types_or_the_mapped_ones() {
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE SCHEMA s; CREATE FUNCTION f(json) RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION s.g(a json, OUT b json, c int) LANGUAGE sql AS 'SELECT $1';
         CREATE PROCEDURE p(json) LANGUAGE sql AS 'SELECT 1'",
    );
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    runs(&mut wire, &["CREATE FUNCTION mapped(json) RETURNS json LANGUAGE sql AS 'SELECT $1'"]);
    for sql in [
        "GRANT EXECUTE ON FUNCTION f(json), mapped(json) TO public",
        "REVOKE ALL ON FUNCTION s.g(a json, c int) FROM public",
        "COMMENT ON FUNCTION f(json) IS 'x'",
        "COMMENT ON FUNCTION s.g(json, OUT b json, c integer) IS 'x'",
        "ALTER FUNCTION f(json) COST 5",
        "ALTER FUNCTION mapped(json) COST 5",
        "ALTER ROUTINE public.f (json) STABLE",
        "ALTER PROCEDURE p(json) RENAME TO q",
        "DROP PROCEDURE q(json)",
        "DROP FUNCTION IF EXISTS s.g(json, int), f(json)",
        "DROP FUNCTION mapped(json)",
    ] {
        if !sql.contains("DROP") && !sql.contains("RENAME") {
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
            assert_eq!(sqlstate(&wire.until_ready()), "", "{sql}");
        }
        assert_eq!(sqlstate(&wire.query(sql).until_ready()), "", "{sql}");
    }
    let left = "SELECT count(*) FROM pg_proc WHERE proname IN ('f', 'g', 'p', 'q', 'mapped')";
    assert_eq!(database.query(left), [["0"]]);
    // Types that PostgreSQL does not have are the mapped ones.
    let (_proxy, _database, mut wire) = source("sqlserver", "");
    runs(
        &mut wire,
        &["CREATE FUNCTION f(a int, b varbinary(4), c bit) RETURNS int LANGUAGE sql AS 'SELECT 1'"],
    );
    runs(
        &mut wire,
        &["CREATE FUNCTION g(a INOUT varbinary(4), OUT bit) LANGUAGE sql AS 'SELECT $1, true'"],
    );
    for sql in [
        "COMMENT ON FUNCTION f(int, varbinary(4), bit) IS 'x'",
        "GRANT EXECUTE ON FUNCTION f(a IN int, b varbinary(4), c bit) TO public",
        "ALTER FUNCTION g(a IN OUT varbinary(4), OUT bit) COST 5",
        "DROP FUNCTION f(int, varbinary(4), bit), g(varbinary(4))",
    ] {
        runs(&mut wire, &[sql]);
    }
    // In one text with what creates it.
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    let sql = "CREATE FUNCTION h(json) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
               COMMENT ON FUNCTION h(json) IS 'x'; DROP FUNCTION h(json)";
    runs(&mut wire, &[sql]);
}

#[test]
fn types_of_sources_in_unusual_places() {
    let query = "SELECT attrelid::regclass::text || '.' || attname, format_type(atttypid, atttypmod) \
                 FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum";
    let sqlserver = [
        "CREATE TYPE phone FROM nvarchar(25) NOT NULL",
        "CREATE TABLE t (a \"int\", b sysname, c \"nvarchar\"(50), d phone, e \"datetime2\"(7), f json)",
    ];
    assert_eq!(
        both_roads("sqlserver", "", &sqlserver, query),
        [
            ["t.a", "integer"],
            ["t.b", "character varying(128)"],
            ["t.c", "character varying(50)"],
            ["t.d", "character varying(25)"],
            ["t.e", "character varying(37)"],
            ["t.f", "text"],
        ]
    );
    let mysql = ["CREATE TABLE t (a ENUM(\"x\",\"long\"\"er\") NOT NULL, b SET(\"x\", 'yz'))"];
    assert_eq!(
        both_roads("mysql", "", &mysql, query),
        [["t.a", "character varying(7)"], ["t.b", "character varying(4)"],]
    );
    let (_proxy, _database, mut wire) = source("dms", "unknown = \"error\"\n");
    for (sql, code) in [
        ("CREATE TABLE t (a \"Mood\")", "0A000"),
        ("CREATE TABLE t (a s.mood)", "0A000"),
        ("CREATE TABLE t (a \"int4\", b \"char\", c pg_catalog.int8)", ""),
        ("ALTER TABLE t ADD d \"mood\"", "0A000"),
    ] {
        assert_eq!(sqlstate(&wire.query(sql).until_ready()), code, "{sql}");
    }
    let (_proxy, _database, mut wire) = source("sqlserver", "unknown = \"error\"\n");
    for sql in ["CREATE TABLE t (a [Flag])", "CREATE TABLE t (a [dbo].[Flag])"] {
        assert_eq!(sqlstate(&wire.query(sql).until_ready()), "0A000", "{sql}");
    }
}

#[test]
fn what_was_read_in_front_of_an_odd_spot_is_rewritten() {
    let config = "[mapping]\nsource = \"mysql\"\n";
    let (proxy, _database, mut wire) = session(config);
    let sql = "CREATE TABLE t (\n  a INT UNSIGNED,\n  b TINYTEXT,\n)";
    let said = wire.query(sql).until_ready();
    assert_eq!(sqlstate(&said), "42601");
    // The position is that of the parenthesis in the client's own text.
    assert_eq!(super::position(&said), sql.find(')').map(|at| at + 1));
    until("the place is logged", || proxy.log().contains("line=3 column=13"));
    let rewritten = dry_run("mysql", "", &[sql]);
    assert!(rewritten.contains("a BIGINT") && rewritten.contains("b VARCHAR(255)"), "{rewritten}");
}

/// A source, a statement that PostgreSQL refuses as it is, and the defaults of the table behind it.
const OTHER_CLAUSES: &[(&str, &str, &str)] = &[
    (
        "db2-luw",
        "CREATE TABLE t (a INTEGER NOT NULL WITH DEFAULT 7, b VARCHAR(5) WITH DEFAULT 'x')",
        "7|x",
    ),
    (
        "db2-zos",
        "CREATE TABLE t (a SMALLINT WITH DEFAULT -1 NOT NULL, b CHAR(1) WITH DEFAULT NULL)",
        "-1|NULL",
    ),
    (
        "sqlserver",
        "CREATE TABLE t (a money NOT NULL DEFAULT $5, b money CONSTRAINT d DEFAULT (($0.25)))",
        "5.0000|0.2500",
    ),
    ("sap-ase", "CREATE TABLE t (a money DEFAULT -$2, b int DEFAULT 3)", "-2.0000|3"),
    (
        "sqlserver",
        "ALTER TABLE u ADD a int DEFAULT 4, b nvarchar(5) DEFAULT 'y', CONSTRAINT k CHECK (a > 0)",
        "4|y",
    ),
    ("sap-ase", "ALTER TABLE u ADD a int DEFAULT 4, b univarchar(5) DEFAULT 'y'", "4|y"),
];

#[test]
fn clauses_of_a_source_that_have_one_meaning_are_written_as_postgresql_has_them() {
    for (source, sql, defaults) in OTHER_CLAUSES {
        for by_parse in [false, true] {
            let database = Cluster::shared().create_database();
            database.query("CREATE TABLE u (id int)");
            let table = if sql.contains("TABLE u") { "u" } else { "t" };
            let plain = sql
                .replace("univarchar", "varchar")
                .replace("nvarchar", "varchar")
                .replace("money", "numeric");
            let said = super::run(&mut log_in(database.endpoint()), &plain, by_parse);
            assert!(said.contains("ErrorResponse"), "{sql}: {said}");
            let proxy = Proxy::start(&format!("mapping.source = \"{source}\"\n"), &[]);
            let mut wire = log_in(&proxy.endpoint(database.endpoint()));
            let said = super::run(&mut wire, sql, by_parse);
            assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
            let stored = format!("INSERT INTO {table} DEFAULT VALUES RETURNING a, b");
            assert_eq!(database.query(&stored).concat().join("|"), *defaults, "{source}: {sql}");
        }
    }
}
