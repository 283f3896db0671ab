use super::*;
use crate::policy::ErrorAction;
use crate::statement::script::{Scratch, Script};
use crate::statement::{Lexing, apply};

fn read(text: &str) -> Result<Config, String> {
    let document = Document::read(text);
    let problems: Vec<String> = (document.problems.iter())
        .map(|(line, key, reason)| format!("line {}: {key}: {reason}", line.unwrap_or_default()))
        .collect();
    if problems.is_empty() { Ok(document.config) } else { Err(problems.join("\n")) }
}

fn error(text: &str) -> String {
    read(text).unwrap_err()
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_known_ones() {
    let message = error("rewrite = \"on\"\n[listen]\nadress = \"127.0.0.1:1\"\n");
    assert!(message.contains("line 3"), "{message}");
    assert!(message.contains("`adress`") && message.contains("`address`"), "{message}");
}

#[test]
fn a_bad_value_is_named_with_what_is_allowed() {
    for (text, allowed) in [
        ("rewrite = \"maybe\"", "`on` or `off`"),
        ("[fk]\nmode = \"drop\"", "`auto`, `replica-role`, `park`, `off`"),
        ("[mapping]\nsource = \"cobol\"", "available: dms"),
        ("[mapping]\nstring_length_factor = 9", "between 1 and 4"),
        ("[target]\nurl = \"db:5432\"", "postgresql://"),
        ("[limits]\nclients = 0", "expected 1 or more"),
    ] {
        let message = error(text);
        assert!(message.contains(allowed), "{text}: {message}");
    }
}

#[test]
fn the_shipped_file_says_what_the_defaults_are() {
    let shipped: Config = read(include_str!("../../proxy.toml")).expect("the shipped file loads");
    assert_eq!(format!("{shipped:?}"), format!("{:?}", Config::default()));
}

fn loaded(files: &[(&str, &str)]) -> Result<Config, String> {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("dms-proxy-config-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).unwrap();
    for (name, text) in files {
        std::fs::write(directory.join(name), text).unwrap();
    }
    let config = Config::load(Some(&directory.join(DEFAULT_FILE))).map_err(|e| e.to_string());
    std::fs::remove_dir_all(directory).unwrap();
    config
}

#[test]
fn quoted_endpoint_settings_act_and_own_keys_beat_them() {
    let toml = "[target]\nconnect_timeout = 3\n[mapping]\nendpoint_settings = \
        'afterConnectScript=SET a = 1;executeTimeout=120;connectionTimeout=9;maxFileSize=5'";
    let config = loaded(&[(DEFAULT_FILE, toml)]).unwrap();
    assert_eq!(config.target.after_connect_script.as_deref(), Some("SET a = 1"));
    assert_eq!((config.target.execute_timeout, config.target.connect_timeout), (120, 3));
    assert!(config.warnings.iter().any(|warning| warning.contains("maxFileSize")));
    let error = error("[mapping]\nendpoint_settings = 'executeTimeout=soon'");
    assert!(error.contains("line 2") && error.contains("executeTimeout"), "{error}");
}

const RULES: &str = r#"{"rules": [
    {"rule-type": "transformation", "rule-id": "7", "rule-name": "t", "rule-target": "column",
     "rule-action": "RULE_ACTION", "value": "x",
     "object-locator": {"schema-name": "s", "table-name": "t", "column-name": "c%"},
     "data-type": {"type": "string", "length": 50}}]}"#;

#[test]
fn quoted_table_mappings_change_types_of_columns() {
    let toml = "[mapping]\ntable_mappings = 'rules.json'";
    let rules = RULES.replace("RULE_ACTION", "change-data-type").replace("\"value\": \"x\",", "");
    let config = loaded(&[(DEFAULT_FILE, toml), ("rules.json", &rules)]).unwrap();
    let mapping = config.mapping().unwrap();
    let sql = b"CREATE TABLE s.t (code INT4, other INT4)";
    let mut scratch = Scratch::default();
    let script = Script::read(sql, Lexing::default(), &mapping, &mut scratch);
    let rewritten = apply(sql, &script.edits);
    assert_eq!(rewritten, b"CREATE TABLE s.t (code VARCHAR(50), other INT4)");
}

#[test]
fn rules_that_cannot_be_applied_are_refused_by_their_id() {
    let toml = "[mapping]\ntable_mappings = 'rules.json'";
    let rules = RULES.replace("RULE_ACTION", "data-shuffling");
    let error = loaded(&[(DEFAULT_FILE, toml), ("rules.json", &rules)]).unwrap_err();
    assert!(error.contains("rules.json") && error.contains('7'), "{error}");
    let error = loaded(&[(DEFAULT_FILE, toml)]).unwrap_err();
    assert!(error.contains("rules.json"), "{error}");
}

#[test]
fn names_are_ruled_by_the_file_and_then_by_table_mappings() {
    let toml = "[mapping]\ntable_mappings = 'rules.json'\n[mapping.names]\n\
                schemas = { S = 't' }\ntables = 'lower'";
    let rules = RULES.replace("RULE_ACTION", "add-prefix").replace("\"s\"", "\"%\"");
    let names = loaded(&[(DEFAULT_FILE, toml), ("rules.json", &rules)]).unwrap().names().unwrap();
    assert_eq!((names.schema("S"), names.schema("s")), ("t".into(), "s".into()));
    assert_eq!((names.table("S", "T"), names.column("S", "t", "c1")), ("t".into(), "xc1".into()));
    let settings = r#"{"TargetMetadata": {"TargetSchema": "all"}}"#;
    let toml = "[mapping]\ntask_settings = 'task.json'";
    let names = loaded(&[(DEFAULT_FILE, toml), ("task.json", settings)]).unwrap().names().unwrap();
    assert_eq!(names.schema_of("S", "T"), "all");
}

#[test]
fn what_the_file_says_of_errors_goes_before_task_settings() {
    let settings = r#"{"ErrorBehavior": {"DataErrorPolicy": "LOG_ERROR", "DataErrorEscalationCount": 50,
        "ApplyErrorEscalationCount": 7, "FullLoadIgnoreConflicts": true}}"#;
    let quoted = "[mapping]\ntask_settings = 'task.json'\n[errors]\n";
    let rules = |own: &str| {
        let toml = format!("{quoted}{own}");
        let config = loaded(&[(DEFAULT_FILE, &toml), ("task.json", settings)]).unwrap();
        let rules = config.errors.rules();
        let counts = [rules.escalation.data.count, rules.escalation.apply.count];
        (rules.data, counts, rules.apply.ignores_in_full_load)
    };
    assert_eq!(rules(""), (ErrorAction::LogError, [50, 7], true));
    let own = "data_error_policy = 'stop'\ndata_error_escalation_count = 0\n\
               full_load_ignore_conflicts = false";
    assert_eq!(rules(own), (ErrorAction::Stop, [0, 7], false));
}

#[test]
fn names_that_become_one_are_refused_when_they_are_read() {
    let rule = |id: u32, table: &str| {
        format!(
            r#"{{"rule-type": "transformation", "rule-id": {id}, "rule-target": "table",
                "rule-action": "rename", "value": "c",
                "object-locator": {{"schema-name": "s", "table-name": "{table}"}}}}"#
        )
    };
    let rules = format!("{{\"rules\": [{}, {}]}}", rule(1, "a"), rule(2, "b"));
    let toml = "[mapping]\ntable_mappings = 'rules.json'";
    let error = loaded(&[(DEFAULT_FILE, toml), ("rules.json", &rules)]).unwrap_err();
    assert!(error.contains("rule-id 1") && error.contains("both become \"s\".\"c\""), "{error}");
    let error = loaded(&[(DEFAULT_FILE, "[mapping.names]\ntables = 'low'")]).unwrap_err();
    assert!(error.contains("expected \"keep\", \"lower\", \"upper\" or a table"), "{error}");
}

#[test]
fn overrides_are_checked_when_they_are_read() {
    let error = loaded(&[(DEFAULT_FILE, "[mapping.types]\nUINT8 = 'NUMERIC(20,0'")]).unwrap_err();
    assert!(error.contains("UINT8"), "{error}");
    let config = loaded(&[(DEFAULT_FILE, "[mapping.types]\nUINT8 = 'NUMERIC(20,0)'")]).unwrap();
    assert!(config.mapping().is_ok());
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let toml = "rewrite = 'of'\n[listen]\nadress = 'a'\n[auth]\nmode = 'terminate'\nquery_database = 'd'\n\
        [fk]\nmode = 'REPLICA_ROLE'\n[table_prep]\nmode = 'TRUNCATE_BEFORE_LOUD'\n\
        [mapping.types]\nUINT8 = 'NUMERIC(20,0'\n'a.b.c' = ''\nINT4 = 'BIGINT'\n";
    let error = loaded(&[(DEFAULT_FILE, toml)]).unwrap_err();
    let lines: Vec<&str> =
        error.lines().map(|line| line.split_once("proxy.toml:").unwrap().1).collect();
    let names = "`pass-through`, `do-nothing`, `truncate-before-load`, `drop-and-create`";
    let keys = "`address`, `unix_socket`, `unix_socket_permissions`, `sslmode`, `proxy_protocol`, \
        `proxy_protocol_from`, `sslcert`, `sslkey`, `sslrootcert`";
    let cannot = "cannot be used: ";
    assert_eq!(
        lines[..2],
        [
            "1: rewrite: unknown value `of`, expected `on` or `off`; did you mean `off`?"
                .to_owned(),
            format!(
                "3: listen.adress: unknown key `adress`, expected one of {keys}; did you mean `address`?"
            ),
        ]
    );
    assert_eq!(
        lines[2..5],
        [
            "4: auth.users_file: auth.mode = \"terminate\" needs auth.users_file".to_owned(),
            "6: auth.query_database: auth.query_database needs auth.query_user".to_owned(),
            format!(
                "10: table_prep.mode: unknown value `TRUNCATE_BEFORE_LOUD`, expected one of {names}; did \
             you mean `truncate-before-load`?"
            ),
        ]
    );
    assert!(lines[5].starts_with("12: mapping.types.UINT8: ") && lines[5].contains(cannot));
    assert!(lines[6].starts_with("13: mapping.types.\"a.b.c\": ") && lines[6].contains(cannot));
    assert_eq!(lines.len(), 7, "{error}");
}

#[test]
fn what_a_wrong_key_would_have_said_is_not_missed() {
    let toml = "[listen]\nsslmode = 'require'\nsslcert = 5\n";
    let error = loaded(&[(DEFAULT_FILE, toml)]).unwrap_err();
    assert_eq!(error.lines().count(), 1, "{error}");
    let error = loaded(&[(DEFAULT_FILE, "[listen]\nsslmode = 'require'\n")]).unwrap_err();
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Some(std::path::Path::new("/nowhere/proxy.toml"))).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/proxy.toml: "), "{error}");
}

#[test]
fn no_error_quotes_a_password() {
    for text in [
        "[target]\nurl = \"postgresql://u:geheim@h:port/d\"",
        "[target]\nurl = \"postgresql://u:geheim@h/d?sslmod=require\"",
        "[target]\nurl = \"postgresql://u:geheim@h/d",
        "[target]\nconnect_timeout = \"postgresql://u:geheim@h/d\"",
        "target = \"postgresql://u:geheim@h/d\"",
        "rewrite = \"postgresql://u:geheim@h/d\"",
        "\"postgresql://u:geheim@h/d\" = 1",
    ] {
        let message = error(text);
        assert!(message.starts_with("line ") && !message.contains("geheim"), "{message}");
    }
    let message = error("\n[target]\nurl = \"postgresql://u:geheim@h/d?sslmod=require\"");
    assert!(message.starts_with("line 3: target.url: "), "{message}");
    assert!(message.contains("nearest one is sslmode"), "{message}");
}
