//! `dms.notices`: what a client is told of columns of JSON that become text, and where in the answer.

use super::{field, log_in, run, say};
use crate::support::{Cluster, Proxy, Wire, both, transcript};

/// The answers to texts, without the proxy's own notices.
fn without_notices(said: &str) -> String {
    let is_ours = |line: &&str| line.starts_with("NoticeResponse") && line.contains("mapping.json");
    said.lines().filter(|line| !is_ours(line)).map(|line| format!("{line}\n")).collect()
}

/// What of an answer is told: tags of commands, the columns that notices name, errors.
fn told(said: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        match words.next()? {
            "CommandComplete" => Some(words.collect::<Vec<_>>().join(" ")),
            "ErrorResponse" => Some("error".to_owned()),
            "NoticeResponse" if line.contains("mapping.json") => {
                let named = line.split_once("column")?.1.split_once(" of ")?.0;
                let is_name = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\\');
                let words = named.split(' ').skip(1);
                let names: Vec<String> =
                    words.map(|word| word.chars().filter(|c| is_name(*c)).collect()).collect();
                Some(format!("notice {}", names.join(" ")))
            }
            _ => None,
        }
    };
    said.lines().filter_map(line).collect()
}

/// A session through a proxy with this configuration, with parameters of its own.
fn session(config: &str, parameters: &[(&str, &str)], test: impl FnOnce(&mut Wire)) {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start(config, &[]);
    let (mut wire, _) = Wire::log_in(&proxy.endpoint(database.endpoint()), parameters);
    test(&mut wire);
}

#[test]
fn a_notice_stands_in_front_of_the_statement_that_is_complete() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    for (sql, expected) in [
        ("CREATE TABLE a (id int, j json)", &["notice j", "CREATE TABLE"][..]),
        ("CREATE TABLE a2 (j JSON[], b jsonb, \"K\" json)", &["notice j, K", "CREATE TABLE"]),
        ("ALTER TABLE a ADD COLUMN k json, ADD l text", &["notice k", "ALTER TABLE"]),
        ("ALTER TABLE a ADD m text", &["ALTER TABLE"]),
        ("ALTER TABLE a ALTER m TYPE json", &["notice m", "ALTER TABLE"]),
        ("CREATE TABLE IF NOT EXISTS a (n json)", &["CREATE TABLE"]),
        ("ALTER TABLE a ADD IF NOT EXISTS k json", &["ALTER TABLE"]),
        ("ALTER TABLE a ADD IF NOT EXISTS k json, ADD o json", &["notice o", "ALTER TABLE"]),
        ("CREATE TABLE a (j json)", &["error"]),
        ("SELECT '{}'::json", &["SELECT 1"]),
        ("CREATE FUNCTION f(json) RETURNS int LANGUAGE sql AS 'SELECT 1'", &["CREATE FUNCTION"]),
        ("BEGIN", &["BEGIN"]),
        ("CREATE TABLE b (j json)", &["notice j", "CREATE TABLE"]),
        ("CREATE TABLE b (j json)", &["error"]),
        ("CREATE TABLE c (j json)", &["error"]),
        ("ROLLBACK", &["ROLLBACK"]),
        ("CREATE TABLE b (j json)", &["notice j", "CREATE TABLE"]),
        ("DROP TABLE b", &["DROP TABLE"]),
        ("CREATE TEMP TABLE d (j json)", &["notice j", "CREATE TABLE"]),
        ("SET dms.notices = off", &["SET"]),
        ("CREATE TABLE e (j json)", &["CREATE TABLE"]),
        ("SET dms.notices = on", &["SET"]),
        ("CREATE TABLE g (j json)", &["notice j", "CREATE TABLE"]),
    ] {
        assert_eq!(told(&say(&mut wire, sql)), expected, "{sql}");
    }
    for sql in ["DROP TABLE a, a2, d, e, g", "SET dms.notices TO DEFAULT"] {
        assert!(!say(&mut wire, sql).contains("Error"), "{sql}");
    }
    // One statement after the other in one text.
    for (sql, expected) in [
        (
            "CREATE TABLE a (j json); CREATE TABLE b (i int); ALTER TABLE b ADD k json;;SELECT 1",
            &["notice j", "CREATE TABLE", "CREATE TABLE", "notice k", "ALTER TABLE", "SELECT 1"][..],
        ),
        (
            "CREATE TABLE c (j json); CREATE TABLE b (k json)",
            &["notice j", "CREATE TABLE", "error"],
        ),
        (
            "BEGIN; CREATE TABLE c (j json); COMMIT; CREATE TABLE d (k json)",
            &["BEGIN", "notice j", "CREATE TABLE", "COMMIT", "notice k", "CREATE TABLE"],
        ),
    ] {
        assert_eq!(told(&say(&mut wire, sql)), expected, "{sql}");
    }
}

#[test]
fn a_notice_has_the_columns_and_the_setting() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    let frames = wire.query("CREATE TABLE public.a (j json)").until_ready();
    let of_notice = |code| field(&frames, b'N', code).unwrap_or_default();
    assert_eq!((of_notice(b'S'), of_notice(b'C')), ("NOTICE".into(), "00000".into()));
    let message = "column \"j\" of \"public\".\"a\" has the type TEXT on the target in place of JSON, as \
                   AWS DMS makes it";
    assert_eq!(of_notice(b'M'), message);
    assert!(of_notice(b'H').contains("mapping.json = \"keep\""), "{frames:?}");
    assert!(of_notice(b'H').contains("dms.notices = off"), "{frames:?}");
}

#[test]
fn by_the_extended_protocol_it_comes_with_the_execute() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    wire.parse("s", "CREATE TABLE a (j json)", &[]).sync();
    assert!(!transcript(&wire.until_ready()).contains("Notice"));
    wire.bind("p", "s", &[], &[], 0).describe(b'P', "p").sync();
    assert!(!transcript(&wire.until_ready()).contains("Notice"));
    for expected in [&["notice j", "CREATE TABLE"][..], &["error"]] {
        wire.bind("p", "s", &[], &[], 0).execute("p", 0).sync();
        assert_eq!(told(&transcript(&wire.until_ready())), expected);
    }
    // Pipelined, each at its own place.
    for sql in ["DROP TABLE a", "CREATE TABLE a (j json)", "ALTER TABLE a ADD k json", "SELECT 1"] {
        wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0);
    }
    let said = transcript(&wire.sync().until_ready());
    let expected =
        ["DROP TABLE", "notice j", "CREATE TABLE", "notice k", "ALTER TABLE", "SELECT 1"];
    assert_eq!(told(&said), expected, "{said}");
}

#[test]
fn apart_from_notices_the_answers_are_the_servers() {
    const TEXTS: &[&str] = &[
        "CREATE TABLE a (j json); CREATE TABLE IF NOT EXISTS a (j json); SELECT 1",
        "BEGIN; ALTER TABLE a ADD IF NOT EXISTS j json; ALTER TABLE a ADD k json; COMMIT",
        "CREATE TABLE b (j json); SELECT 1/0",
        "DO $$ BEGIN CREATE TABLE c (j json); RAISE NOTICE 'made'; END $$",
        "CREATE TABLE IF NOT EXISTS a (j json, CHECK (j IS NOT NULL)); DROP TABLE a",
    ];
    for by_parse in [false, true] {
        both(|endpoint| {
            let mut wire = log_in(endpoint);
            let mut said = String::new();
            for text in TEXTS {
                let texts: Vec<&str> = match by_parse && !text.starts_with("DO") {
                    true => text.split("; ").collect(),
                    false => vec![text],
                };
                for text in texts {
                    said += &without_notices(&run(&mut wire, text, by_parse));
                }
            }
            said
        });
    }
}

#[test]
fn a_configuration_decides_who_is_told() {
    let create = "CREATE TABLE a (j json)";
    let quiet = |wire: &mut Wire| assert_eq!(told(&say(wire, create)), ["CREATE TABLE"]);
    session("notices = \"off\"", &[], quiet);
    session("notices = \"off\"", &[("options", "-c dms.notices=on")], |wire| {
        assert_eq!(told(&say(wire, create)), ["notice j", "CREATE TABLE"]);
    });
    session("", &[("options", "-c dms.notices=off")], quiet);
    session("", &[("options", "-c dms.rewrite=off")], quiet);
    session("mapping.json = \"keep\"", &[], quiet);
    session("mapping.source = \"postgresql\"", &[], quiet);
    // A type that an override names is not the setting's to keep.
    session("mapping.types.json = \"text\"", &[], quiet);
    let mysql = "CREATE TABLE a (id INT, j JSON)";
    session("mapping.source = \"mysql\"", &[], |wire| {
        assert_eq!(told(&say(wire, mysql)), ["notice j", "CREATE TABLE"]);
    });
}

#[test]
fn names_are_those_of_the_statement() {
    let rules = r#"{"rules": [{"rule-type": "transformation", "rule-id": "1", "rule-name": "1",
        "rule-target": "column", "rule-action": "rename", "value": "document", "object-locator":
        {"schema-name": "public", "table-name": "%", "column-name": "doc"}}]}"#;
    let file = std::env::temp_dir().join(format!("notices-{}.json", std::process::id()));
    std::fs::write(&file, rules).unwrap();
    session(&format!("[mapping]\ntable_mappings = {file:?}\n"), &[], |wire| {
        let said = say(wire, "CREATE TABLE b (i int); CREATE TABLE public.a (doc json, k json)");
        assert_eq!(told(&said), ["CREATE TABLE", "notice doc, k", "CREATE TABLE"]);
        wire.parse("", "CREATE TABLE c (doc json)", &[]).bind("", "", &[], &[], 0).execute("", 0);
        let said = transcript(&wire.sync().until_ready());
        assert_eq!(told(&said), ["notice doc", "CREATE TABLE"]);
        assert!(say(wire, "INSERT INTO a (doc) VALUES ('{}')").contains("INSERT 0 1"));
    });
}
