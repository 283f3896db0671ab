use proptest::prelude::*;

use super::*;
use crate::mapping::{Mapping, MappingOptions, Modifiers, NameChange, Place, Verdict};

const ALL: &str = r#"{"rule-type": "selection", "rule-id": "1", "rule-name": "all",
    "rule-action": "include", "object-locator": {"schema-name": "%", "table-name": "%"},
    "filters": []}"#;

fn file(rules: &str) -> String {
    format!("{{\"rules\": [{ALL}, {rules}]}}")
}

fn read(rules: &str) -> TableMappings {
    table_mappings(&file(rules)).unwrap_or_else(|error| panic!("{rules}: {error}"))
}

fn refused(rules: &str) -> Vec<String> {
    match table_mappings(&file(rules)) {
        Err(TableMappingsError::Rules(rules)) => rules.iter().map(RefusedRule::to_string).collect(),
        other => panic!("{rules}: {other:?}"),
    }
}

/// A change-data-type rule for `shop.bill.total`.
fn retype(id: &str, data_type: &str) -> String {
    let name = id.trim_matches('"');
    format!(
        r#"{{"rule-type": "transformation", "rule-id": {id}, "rule-name": "r{name}",
            "rule-target": "column", "rule-action": "change-data-type", "value": null,
            "old-value": null, "object-locator": {{"schema-name": "shop", "table-name": "bill",
            "column-name": "total"}}, "data-type": {data_type}}}"#
    )
}

fn selection(rest: &str) -> String {
    format!(r#"{{"rule-type": "selection", "rule-id": 9, "rule-name": "s", {rest}}}"#)
}

fn transformation(rest: &str) -> String {
    format!(r#"{{"rule-type": "transformation", "rule-id": 9, "rule-name": "t", {rest}}}"#)
}

#[test]
fn a_rule_is_read_whole() {
    let mappings = read(
        r#"{"rule-type": "transformation", "rule-id": "7", "rule-name": "times",
            "rule-target": "column", "rule-action": "change-data-type",
            "object-locator": {"schema-name": "shop", "table-name": "bill[_]%",
            "column-name": "%", "data-type": "datetime"},
            "data-type": {"type": "DateTime", "length": "", "precision": null, "scale": "6"}}"#,
    );
    assert_eq!(mappings.warnings, []);
    let pattern = |text| NamePattern::new(text).unwrap();
    let expected = ColumnTypeRule {
        rule_id: 7,
        rule_name: "times".into(),
        schema: pattern("shop"),
        table: pattern("bill[_]%"),
        column: pattern("%"),
        only_type: Some("DATETIME"),
        data_type: "DATETIME(6)".into(),
    };
    assert_eq!(mappings.column_types, [expected]);
    let rule = |table, dms_type| mappings.column_type("shop", table, "at", dms_type).is_some();
    assert!(rule("bill_1", "DateTime") && !rule("billX1", "DATETIME") && !rule("bill_1", "DATE"));
}

#[test]
fn the_lowest_id_wins_wherever_it_stands() {
    let rules = ["10", "\"9\"", "11"].map(|id| retype(id, r#"{"type": "date"}"#)).join(",");
    let mappings = read(&rules);
    let ids: Vec<u64> = mappings.column_types.iter().map(|rule| rule.rule_id).collect();
    assert_eq!(ids, [9, 10, 11]);
    assert_eq!(mappings.column_type("shop", "bill", "total", "INT4").unwrap().rule_id, 9);
    for (schema, table, column) in
        [("Shop", "bill", "total"), ("shop", "Bill", "total"), ("shop", "bill", "Total")]
    {
        assert_eq!(mappings.column_type(schema, table, column, "INT4"), None);
    }
}

#[test]
fn types_come_out_as_the_type_table_spells_them() {
    let mapping = Mapping::new(MappingOptions::default()).unwrap();
    for (written, expected) in [
        (r#"{"type": "string", "length": 50}"#, "STRING(50)"),
        (r#"{"type": "WString", "length": "2147483647"}"#, "WSTRING(2147483647)"),
        (r#"{"type": "string", "length": ""}"#, "STRING"),
        (r#"{"type": "numeric", "precision": 10, "scale": 2}"#, "NUMERIC(10,2)"),
        (r#"{"type": "numeric", "precision": "10", "scale": "0"}"#, "NUMERIC(10,0)"),
        (r#"{"type": "numeric", "precision": 10, "scale": ""}"#, "NUMERIC(10)"),
        (r#"{"type": "numeric"}"#, "NUMERIC"),
        (r#"{"type": "datetime"}"#, "DATETIME"),
        (r#"{"type": "datetime", "scale": 0}"#, "DATETIME(0)"),
        (r#"{"type": "datetime", "precision": 6}"#, "DATETIME(6)"),
        (r#"{"type": "datetime", "scale": 9}"#, "DATETIME(9)"),
        (r#"{"type": "bytes", "length": 16}"#, "BYTES"),
        (r#"{"type": "boolean"}"#, "BOOLEAN"),
        (r#"{"type": "uint8"}"#, "UINT8"),
    ] {
        let mappings = read(&retype("2", written));
        let [rule] = mappings.column_types.as_slice() else { panic!("{written}") };
        assert_eq!((rule.data_type.as_str(), mappings.warnings.len()), (expected, 0), "{written}");
        let (name, list) = expected.split_at(expected.find('(').unwrap_or(expected.len()));
        let modifiers = match list.as_bytes() {
            [] => Modifiers::Absent,
            text => Modifiers::List { number: list[1..list.len() - 1].parse().ok(), text },
        };
        assert!(mapping.names(name.as_bytes()), "{name}");
        let verdict = mapping.lookup(name.as_bytes(), modifiers, Place::Definition);
        assert!(!matches!(verdict, Verdict::Refuse { .. }), "{expected}");
    }
}

#[test]
fn types_that_cannot_be_are_refused() {
    for (written, part) in [
        (
            r#"{"type": "varchar", "length": 5}"#,
            "\"varchar\" is not a DMS type; allowed: bytes, date",
        ),
        (r#"{"type": "map"}"#, "\"map\" is not a DMS type"),
        (r#"{"type": 4}"#, "has no type"),
        (r#"{"length": 4}"#, "has no type"),
        ("\"string\"", "no data-type such as"),
        ("null", "no data-type such as"),
        (r#"{"type": "string", "length": 0}"#, "1 to 2147483647"),
        (r#"{"type": "string", "length": 2147483648}"#, "1 to 2147483647"),
        (r#"{"type": "string", "length": "5 "}"#, "length is \"5 \""),
        (r#"{"type": "string", "length": -1}"#, "length is -1"),
        (r#"{"type": "string", "length": 1.5}"#, "length is 1.5"),
        (r#"{"type": "string", "length": "99999999999999999999"}"#, "length is"),
        (r#"{"type": "string", "size": 5}"#, "\"size\" is not a part"),
        (r#"{"type": "datetime", "scale": 10}"#, "scale 10 of DATETIME is out of range: 0 to 9"),
        (r#"{"type": "datetime", "precision": 10}"#, "0 to 9"),
        (r#"{"type": "numeric", "scale": 2}"#, "no precision"),
        (r#"{"type": "numeric", "precision": 0}"#, "1 to 1000"),
        (r#"{"type": "numeric", "precision": 2, "scale": 3}"#, "scale 3 of NUMERIC"),
    ] {
        let message = refused(&retype("2", written)).join("\n");
        assert!(message.contains(part), "{written}: {message}");
    }
}

#[test]
fn what_means_less_than_it_seems_to_is_warned_of() {
    let locator = r#""object-locator": {"schema-name": "s", "table-name": "%"}"#;
    for (rule, part) in [
        (retype("2", r#"{"type": "int4", "length": 5}"#), "length of its data-type has no effect"),
        (
            retype("2", r#"{"type": "datetime", "scale": 3, "precision": 23}"#),
            "precision of its data-type has no effect on DATETIME(3)",
        ),
        (retype("2", r#"{"type": "date"}"#).replace("bill", "a_b"), "in \"a_b\" an _ stands for"),
        (retype("2", r#"{"type": "date"}, "expression": "$x""#), "its expression has no effect"),
        (retype("1000", r#"{"type": "date"}"#).replace("r1000", "all"), "rule-name is there more"),
        (selection(&format!(r#""rule-action": "include", {locator}"#)), "selected by the tool"),
        (
            selection(
                r#""rule-action": "explicit", "load-order": 2,
                    "object-locator": {"schema-name": "s", "table-name": "a_b[c"}"#,
            ),
            "rule-id 9 (selection explicit): tables are selected by the tool",
        ),
        (
            r#"{"rule-type": "table-settings", "rule-id": 3, "rule-name": "p",
                "object-locator": {"schema-name": "s", "table-name": "t"},
                "parallel-load": {"type": "ranges"}, "lob-settings": {"mode": "none"}}"#
                .into(),
            "rule-id 3 (table-settings): the tool reads the table",
        ),
        (
            r#"{"rule-type": "validation", "rule-id": 3, "rule-name": "v",
                "rule-action": "override-validation-function"}"#
                .into(),
            "validation is done by the tool",
        ),
    ] {
        let warnings = read(&rule).warnings;
        let [warning] = warnings.as_slice() else { panic!("{rule}: {warnings:?}") };
        assert!(warning.to_string().contains(part), "{warning}");
    }
}

#[test]
fn every_rule_that_cannot_be_carried_out_is_listed() {
    let column = r#""rule-target": "column", "object-locator":
        {"schema-name": "s", "table-name": "t", "column-name": "c"}"#;
    let rules = [
        r#"{"rule-type": "selection", "rule-id": "2", "rule-action": "exclude",
            "object-locator": {"schema-name": "s", "table-name": "TMP[_"}}"#
            .into(),
        format!(
            r#"{{"rule-type": "transformation", "rule-id": "3", "rule-action": "data-shuffling", {column}}}"#
        ),
        retype("4", r#"{"type": "date"}"#),
        format!(
            r#"{{"rule-type": "transformation", "rule-id": 5, "rule-action": "data-masking-digits-mask", {column}}}"#
        ),
        r#"{"rule-type": "object-mapping", "rule-id": "6", "rule-action": "map-record-to-record"}"#
            .into(),
        "{}".into(),
    ];
    let error = table_mappings(&file(&rules.join(","))).unwrap_err();
    let message = error.to_string();
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 6, "{message}");
    assert!(
        lines[0].ends_with(
            "applies change-data-type, add-column, remove-column, include-column, \
             define-primary-key, data-masking rules and rules about names:"
        ),
        "{message}"
    );
    for (line, part) in lines[1..].iter().zip([
        "  rule-id 2 (selection exclude): ",
        "  rule-id 3 (transformation data-shuffling): this transformation of a column is not applied",
        "  rule-id 5 (transformation data-masking-digits-mask): ",
        "  rule-id 6 (object-mapping map-record-to-record): ",
        "  rule 7 of the file (no rule-type): it has no rule-id",
    ]) {
        assert!(line.starts_with(part), "{message}");
    }
    assert_eq!(message.matches("rule-id 4").count(), 0);
}

#[test]
fn every_other_action_is_refused() {
    for action in [
        "define-primary-key",
        "add-column",
        "data-masking-digits-mask",
        "data-shuffling",
        "Change-Data-Type",
    ] {
        for target in ["schema", "table", "column"] {
            let rule = transformation(&format!(
                r#""rule-target": "{target}", "rule-action": "{action}", "object-locator":
                    {{"schema-name": "s", "table-name": "t", "column-name": "c"}},
                    "data-type": {{"type": "date"}}"#
            ));
            let lines = refused(&rule);
            let start = format!("rule-id 9 (transformation {action}): ");
            assert!(lines.len() == 1 && lines[0].starts_with(&start), "{lines:?}");
        }
    }
}

/// A rule about names, with what it says beside its action.
fn named(id: u32, target: &str, action: &str, rest: &str) -> String {
    format!(
        r#"{{"rule-type": "transformation", "rule-id": "{id}", "rule-name": "n{id}",
            "rule-target": "{target}", "rule-action": "{action}",
            "object-locator": {{"schema-name": "S%", "table-name": "T", "column-name": "C"}}{rest}}}"#
    )
}

#[test]
fn rules_about_names_are_read_in_the_order_of_their_ids() {
    let text = |text: &str| text.to_owned();
    let old_new = r#", "old-value": "a", "value": "b""#;
    let rules = [
        named(9, "schema", "rename", r#", "value": "x""#),
        named(8, "table", "convert-lowercase", ""),
        named(7, "column", "replace-prefix", old_new),
        named(6, "table", "add-suffix", r#", "value": "_s""#),
        named(5, "column", "remove-prefix", r#", "value": "p_""#),
    ];
    let mappings = read(&rules.join(","));
    let changes: Vec<_> =
        mappings.names.iter().map(|(id, rule)| (*id, rule.change.clone())).collect();
    let expected = [
        (5, NameChange::RemovePrefix(text("p_"))),
        (6, NameChange::AddSuffix(text("_s"))),
        (7, NameChange::ReplacePrefix(text("a"), text("b"))),
        (8, NameChange::Lowercase),
        (9, NameChange::Rename(text("x"))),
    ];
    assert_eq!(changes, expected);
    let patterns: Vec<_> = mappings
        .names
        .iter()
        .map(|(_, rule)| (rule.table.is_some(), rule.column.is_some()))
        .collect();
    let [schema, table, column] = [(false, false), (true, false), (true, true)];
    assert_eq!(patterns, [column, table, column, table, schema]);
}

#[test]
fn rules_about_names_that_say_too_little_are_refused() {
    for (rule, part) in [
        (named(9, "schema", "rename", ""), "it has no value"),
        (named(9, "table", "replace-suffix", r#", "value": "b""#), "it has no old-value"),
        (named(9, "view", "rename", r#", "value": "b""#), "is not a rule-target of rename"),
        (
            named(9, "table", "rename", r#", "expression": "$x""#),
            "names are not made by expressions",
        ),
        (named(9, "table", "Rename", r#", "value": "b""#), "is not applied"),
    ] {
        let lines = refused(&rule);
        assert!(lines.len() == 1 && lines[0].contains(part), "{rule}: {lines:?}");
    }
}

#[test]
fn what_has_no_effect_on_names_is_warned_of() {
    for (rule, part) in [
        (named(9, "table-tablespace", "rename", r#", "value": "b""#), "tablespaces are those"),
        (named(9, "column", "add-before-image-columns", ""), "before-images are in the changes"),
        (
            selection(
                r#""rule-action": "exclude", "object-locator": {"schema-name": "s", "table-name": "t"}"#,
            ),
            "tables are held back by the tool",
        ),
        (named(9, "table", "convert-uppercase", "").replace("\"T\"", "\"a_b\""), "an _ stands for"),
    ] {
        let warnings = read(&rule).warnings;
        let [warning] = warnings.as_slice() else { panic!("{rule}: {warnings:?}") };
        assert!(warning.to_string().contains(part), "{warning}");
    }
}

#[test]
fn what_would_change_the_rows_that_arrive_is_refused() {
    let locator = r#""object-locator": {"schema-name": "s", "table-name": "%"}"#;
    let filter = r#""filters": [{"filter-type": "source", "column-name": "c", "filter-conditions":
        [{"filter-operator": "eq", "value": "1"}]}]"#;
    let table = |settings: &str, table: &str| {
        format!(
            r#"{{"rule-type": "table-settings", "rule-id": 9, "object-locator":
                {{"schema-name": "s", "table-name": "{table}"}}, {settings}}}"#
        )
    };
    let retyped = retype("9", r#"{"type": "date"}"#);
    for (rule, part) in [
        (selection(&format!(r#""rule-action": "include", {locator}, {filter}"#)), "filter rows"),
        (selection(&format!(r#""rule-action": "Include", {locator}"#)), "in lower case"),
        (selection(&format!(r#""rule-action": "explicit", {locator}"#)), "no wildcards"),
        (selection(r#""rule-action": "include""#), "no object-locator"),
        (
            selection(r#""rule-action": "include", "object-locator": {"schema-name": "s"}"#),
            "no table-name",
        ),
        (table(r#""lob-settings": {"mode": "limited", "bulk-max-size": "64"}"#, "t"), "LOB limit"),
        (table(r#""lob-settings": {"bulk-max-size": "64"}"#, "t"), "LOB limit"),
        (table(r#""parallel-load": {}"#, "t%"), "exact schema and table name required"),
        (retyped.replace("\"column\"", "\"table\""), "the rule-target of change-data-type"),
        (retyped.replace("column-name", "column"), "its object-locator has no column-name"),
        (retyped.replace("\"bill\"", "4"), "table-name is not a text"),
        (retyped.replace("bill", "a[b"), "has a [ that no ] ends"),
        (
            retyped.replace("\"total\"", "\"%\", \"data-type\": \"date%\""),
            "\"date%\" of its object-locator is not a DMS type; wildcards are not allowed",
        ),
        (retyped.replace("transformation", "Transformation"), "is not a rule-type"),
        (retyped.replace("\"rule-id\": 9", "\"rule-id\": \"x\""), "rule-id is \"x\""),
        (
            retyped.replace("\"rule-id\": 9", "\"rule-id\": \"1\""),
            "rule 1 of the file has the same",
        ),
    ] {
        let lines = refused(&rule);
        assert!(lines.len() == 1 && lines[0].contains(part), "{rule}: {lines:?}");
    }
}

#[test]
fn the_document_around_the_rules() {
    for text in ["[]", "{}", r#"{"rules": {}}"#, r#"{"rules": [1]}"#, r#"{"Rules": []}"#] {
        let error = table_mappings(text).unwrap_err();
        assert!(matches!(error, TableMappingsError::Shape), "{text}: {error}");
        assert!(error.to_string().contains("{\"rules\": [...]}"), "{error}");
    }
    assert!(matches!(table_mappings("").unwrap_err(), TableMappingsError::Json(_)));
    let warnings = table_mappings(r#"{"rules": [], "version": 1}"#).unwrap().warnings;
    let subjects: Vec<&str> = warnings.iter().map(|warning| warning.subject.as_str()).collect();
    assert_eq!(subjects, ["version", "rules"]);
    assert_eq!(
        table_mappings(&format!("{{\"rules\": [{ALL}]}}")).unwrap(),
        TableMappings::default()
    );
}

#[test]
fn long_files_take_linear_time() {
    let rules: Vec<String> =
        (2..20_000).map(|id| retype(&id.to_string(), r#"{"type": "date"}"#)).collect();
    assert_eq!(read(&rules.join(",")).column_types.len(), 19_998);
    let rules = vec![selection("\"a\": 1"); 20_000];
    assert_eq!(refused(&rules.join(",")).len(), 20_000);
}

fn any_json() -> impl Strategy<Value = Value> {
    let words =
        ["selection", "transformation", "include", "change-data-type", "column", "%", "[", "1"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    let names = [
        "rules",
        "rule-type",
        "rule-id",
        "rule-name",
        "rule-action",
        "rule-target",
        "object-locator",
        "schema-name",
        "table-name",
        "column-name",
        "data-type",
        "type",
        "filters",
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(names.to_vec()), inner, 0..10)
                .prop_map(|map| map
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_mappings_or_an_error(text in any::<String>()) {
        let _ = table_mappings(&text);
    }

    #[test]
    fn any_rules_are_mappings_or_an_error(rules in prop::collection::vec(any_json(), 0..4)) {
        let _ = table_mappings(&serde_json::json!({ "rules": rules }).to_string());
    }

    #[test]
    fn every_rule_is_carried_out_warned_of_or_refused(kinds in prop::collection::vec(0..4_usize, 1..12)) {
        let rules: Vec<String> = (2..).zip(&kinds).map(|(id, kind)| match kind {
            0 => retype(&format!("{id}"), r#"{"type": "date"}"#),
            1 => format!(r#"{{"rule-type": "validation", "rule-id": {id}}}"#),
            2 => format!(r#"{{"rule-type": "transformation", "rule-id": {id}, "rule-action": "rename"}}"#),
            _ => format!(r#"{{"rule-type": "selection", "rule-id": {id}, "rule-action": "exclude",
                "object-locator": {{"schema-name": "s", "table-name": "["}}}}"#),
        }).collect();
        let count = |low, high| kinds.iter().filter(|kind| (low..=high).contains(*kind)).count();
        match table_mappings(&file(&rules.join(","))) {
            Ok(mappings) => {
                prop_assert_eq!(count(2, 3), 0);
                prop_assert_eq!(mappings.column_types.len(), count(0, 0));
                prop_assert_eq!(mappings.warnings.len(), count(1, 1));
            }
            Err(TableMappingsError::Rules(refused)) => {
                prop_assert!(!refused.is_empty());
                prop_assert_eq!(refused.len(), count(2, 3));
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
