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

/// Compares both for a script; gives how many statements were changed.
fn compare(source: &str, script: &str) -> usize {
    let config = format!("[mapping]\nsource = \"{source}\"\n");
    let policy = toml::from_str::<Config>(&config).unwrap().policy().unwrap();
    let (mut rewritten, mut said) = (Vec::new(), Vec::new());
    let input = Input { name: source.into(), reader: Box::new(script.as_bytes()) };
    let code = rewrite(&policy, RewriteOptions::default(), [input], &mut rewritten, &mut said);
    assert_eq!(code.unwrap(), 0, "{source}: {}", String::from_utf8(said).unwrap());
    let (before, after) = (statements(script.as_bytes(), source), statements(&rewritten, source));
    assert_eq!(before.len(), after.len(), "{source}");

    let database = Cluster::shared().create_database();
    let recorder = Recorder::start(database.endpoint().address);
    let proxy = Proxy::start_before(recorder.address(), &config, &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let mut changed = 0;
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
        changed += usize::from(before != after);
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
        assert_eq!(compare(source, text), changed, "{source}");
    }
}
