//! The dry run makes of a script what the proxy makes of it on the wire, statement by statement.

use dms_proxy::cli::{Input, RewriteOptions, rewrite};
use dms_proxy::config::Config;
use dms_proxy::script::{ClientProgram, SegmentKind, segments};

use super::{Column, MYSQL, ORACLE, SQLSERVER, log_in, script};
use crate::support::{Cluster, Proxy, Recorder};

/// The statements of a script, as its client sends them; COPY left out, whose rows are not sent here.
fn statements(text: &[u8], source: &str) -> Vec<String> {
    let parts = segments(text, ClientProgram::of(source)).into_iter();
    let parts = parts.filter(|part| matches!(part.kind, SegmentKind::Statement { .. }));
    parts
        .map(|part| String::from_utf8(text[part.span].to_vec()).unwrap())
        .filter(|statement| !statement.starts_with("COPY"))
        .collect()
}

/// How many statements both have changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changed {
    statements: usize,
    /// Of how many CREATE TABLEs.
    tables: (usize, usize),
}

/// What the dry run makes of a script: its statements before and after.
fn rewritten(source: &str, config: &str, script: &str) -> (Vec<String>, Vec<String>) {
    let policy = toml::from_str::<Config>(config).unwrap().policy().unwrap();
    let (mut rewritten, mut said) = (Vec::new(), Vec::new());
    let input = Input { name: source.into(), reader: Box::new(script.as_bytes()) };
    let code = rewrite(&policy, RewriteOptions::default(), [input], &mut rewritten, &mut said);
    assert_eq!(code.unwrap(), 0, "{source}: {}", String::from_utf8(said).unwrap());
    let (before, after) = (statements(script.as_bytes(), source), statements(&rewritten, source));
    assert_eq!(before.len(), after.len(), "{source}: {script}");
    (before, after)
}

/// Compares both for scripts, statement by statement; gives how many they have changed.
fn compare(source: &str, scripts: &[&str]) -> Changed {
    let config = format!("[mapping]\nsource = \"{source}\"\n");
    let mut all = (Vec::new(), Vec::new());
    for script in scripts {
        let (before, after) = rewritten(source, &config, script);
        all.0.extend(before);
        all.1.extend(after);
    }
    let (before, after) = all;
    let database = Cluster::shared().create_database();
    let recorder = Recorder::start(database.endpoint().address);
    let proxy = Proxy::start_before(recorder.address(), &config, &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let mut changed = Changed::default();
    for (before, after) in before.iter().zip(&after) {
        recorder.take();
        wire.query(before).until_ready();
        let sent = recorder.take();
        let text = [after.as_bytes(), b"\0"].concat();
        // The whole text of a Query.
        let found = sent.windows(text.len()).enumerate().any(|(at, window)| {
            window == text && at.checked_sub(5).is_some_and(|tag| sent[tag] == b'Q')
        });
        assert!(found, "{source}: {before}\nbecomes {after}\nand {}", sent.escape_ascii());
        let (is_table, is_changed) = (before.starts_with("CREATE TABLE"), before != after);
        changed.statements += usize::from(is_changed);
        changed.tables.0 += usize::from(is_table && is_changed);
        changed.tables.1 += usize::from(is_table);
    }
    changed
}

/// A script with the columns of a source, its statements ended as its client wants it.
fn written(columns: &[Column], end: &str, more: &str) -> String {
    script(columns).join(end) + end + more
}

#[test]
fn scripts_of_every_engine_become_what_the_wire_makes_of_them() {
    let oracle = written(
        ORACLE,
        "\n/\n",
        "REM it's\nPROMPT don't\nCREATE TABLE a (b NUMBER(4), c CLOB);\nSET DEFINE OFF\n\
         INSERT INTO a VALUES (1, 'it''s');\nCREATE TABLE c (d CLOB) STORAGE (INITIAL 1);\n",
    );
    let mysql = written(
        MYSQL,
        ";\n",
        "# it's\nCREATE TABLE a (b TINYINT(1), c BIT(1), d TEXT);\nDELIMITER //\n\
         INSERT INTO a VALUES (1, 0, 'it''s')//\nCREATE TABLE c (d INT UNSIGNED) ENGINE=InnoDB//\n",
    );
    let sqlserver = written(
        SQLSERVER,
        "\nGO\n",
        ":setvar x it's\nCREATE TABLE [a] ([b] [bit], c money)\nINSERT INTO a VALUES (1, 2)\n\
         CREATE TABLE b (c datetime2) ON [PRIMARY]\nGO\nSELECT CAST('1' AS bit); SELECT 2\n",
    );
    let sap_ase = "CREATE TABLE a (b bit, c unitext, d univarchar(9))\ngo\nreset\n\
        INSERT INTO a VALUES (1, 'it''s', 'x')\nCREATE TABLE c (d image) lock datarows\ngo 2\n";
    let db2 = "CONNECT TO x;\nCREATE TABLE a (b DBCLOB(9), c GRAPHIC(3));\n--#SET TERMINATOR @\n\
        INSERT INTO a VALUES ('it''s', 'x')@\nCREATE TABLE c (d DECFLOAT) IN y@\n";
    let dms = "\\set x 'it\nCREATE TABLE a (b BOOL, c UINT4);\nINSERT INTO a VALUES (1, 2);\n\
        SET standard_conforming_strings = off;\nINSERT INTO a VALUES ('\\061', 2), (0, 1);\n\
        CREATE TABLE c (d STRING(5), e BYTES(5)); SELECT 'it\\'s', 1::uint1;\n\
        CREATE FUNCTION f(a UINT4) RETURNS UINT4 BEGIN ATOMIC SELECT $1; SELECT 1; END;\n";
    for (source, text, changed) in [
        ("oracle", &*oracle, 4),
        ("mysql", &mysql, 5),
        ("mariadb", &mysql, 5),
        ("sqlserver", &sqlserver, 4),
        ("sap-ase", sap_ase, 3),
        ("db2-luw", db2, 2),
        ("db2-zos", db2, 2),
        ("dms", dms, 6),
        ("postgresql", include_str!("postgresql.sql"), 10),
    ] {
        assert_eq!(compare(source, &[text]).statements, changed, "{source}");
    }
}

/// The statements of a script of `tests/statement` that are not refused, each as a script of its client.
fn cases(name: &str, end: &str) -> Vec<String> {
    let file = format!("{}/tests/statement/{name}.script", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    let cases = text.split("\n====\n").filter_map(|case| case.split_once("\n---\n"));
    let cases = cases.filter(|(_, outcome)| !outcome.contains("-- fault"));
    // What a client would cut in another way, or take for a command of its own.
    let is_one = |sql: &&str| !sql.contains([';', '\n']) && !sql.contains("--");
    cases.map(|(sql, _)| sql).filter(is_one).map(|sql| format!("{sql}{end}")).collect()
}

#[test]
fn every_case_of_a_source_becomes_what_the_wire_makes_of_it() {
    // CREATE TABLEs that both rewrite, of how many.
    const EXPECTED: [(&str, &str, &str, (usize, usize)); 10] = [
        ("oracle", "source_oracle", ";\n", (11, 12)),
        ("mysql", "source_mysql", ";\n", (9, 10)),
        ("mariadb", "source_mysql", ";\n", (9, 10)),
        ("aurora-mysql", "source_mysql", ";\n", (9, 10)),
        ("sqlserver", "source_sqlserver", "\nGO\n", (9, 10)),
        ("sap-ase", "source_sap_ase", "\ngo\n", (4, 4)),
        ("db2-luw", "source_db2_luw", ";\n", (6, 6)),
        ("db2-zos", "source_db2_zos", ";\n", (6, 6)),
        ("postgresql", "source_postgresql", ";\n", (2, 3)),
        ("dms", "create_table", ";\n", (8, 14)),
    ];
    let found = EXPECTED.map(|(source, name, end, _)| {
        let cases = cases(name, end);
        let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
        (source, name, end, compare(source, &cases).tables)
    });
    assert_eq!(found, EXPECTED);
}
