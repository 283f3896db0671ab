use super::dms_row::{Attribute, Native};
use super::*;

fn mapping() -> Mapping {
    Mapping::new(MappingOptions::default()).unwrap()
}

fn number(number: u64) -> Modifiers<'static> {
    Modifiers::List { number: Some(number), text: b"(?)" }
}

fn replaced(mapping: &Mapping, name: &str, modifiers: Modifiers<'_>, place: Place) -> String {
    match mapping.lookup(name.as_bytes(), modifiers, place) {
        Verdict::Replace { text, .. } => text,
        Verdict::Keep => "keep".into(),
        Verdict::Refuse(_) => "refuse".into(),
    }
}

#[test]
fn every_row_can_be_reached() {
    let options = MappingOptions { unbounded_numeric_as_string: true, ..Default::default() };
    let mapping = Mapping::new(options).unwrap();
    for (at, row) in mapping.table.rows().iter().enumerate() {
        let modifiers = match (row.attribute, row.native) {
            (Attribute::Kept, _) => continue,
            (Attribute::Length { min, .. } | Attribute::Scale { min, .. }, _) => number(min),
            (_, Native::Same) => number(9),
            _ => Modifiers::Absent,
        };
        match mapping.lookup(row.dms.to_lowercase().as_bytes(), modifiers, Place::Definition) {
            Verdict::Replace { rule: id, .. } => assert_eq!(usize::from(id.0), at, "{}", row.id),
            other => panic!("{}: {other:?}", row.id),
        }
    }
}

#[test]
fn the_bounds_of_a_range_are_in_it() {
    let mapping = mapping();
    let definition = |name, modifiers| replaced(&mapping, name, modifiers, Place::Definition);
    assert_eq!(definition("STRING", number(1)), "VARCHAR(1)");
    assert_eq!(definition("STRING", number(21_845)), "VARCHAR(21845)");
    assert_eq!(definition("String", number(21_846)), "VARCHAR(65535)");
    assert_eq!(definition("WSTRING", number(2_147_483_647)), "VARCHAR(65535)");
    assert_eq!(definition("wstring", Modifiers::Absent), "VARCHAR(65535)");
    assert_eq!(definition("STRING", number(0)), "refuse");
    assert_eq!(definition("STRING", number(2_147_483_648)), "refuse");
    assert_eq!(definition("STRING", number(u64::MAX)), "refuse");
    assert_eq!(definition("DATETIME", Modifiers::Absent), "TIMESTAMP");
    assert_eq!(definition("DATETIME", number(6)), "TIMESTAMP");
    assert_eq!(definition("DATETIME", number(7)), "VARCHAR(37)");
    assert_eq!(definition("DATETIME", number(10)), "refuse");
}

#[test]
fn types_that_postgresql_has_stay_in_casts() {
    let mapping = mapping();
    for name in ["json", "int4", "bool", "numeric", "time", "date", "varchar", "jsonb", ""] {
        assert_eq!(replaced(&mapping, name, Modifiers::Absent, Place::Cast), "keep", "{name}");
        assert_eq!(replaced(&mapping, name, number(3), Place::Cast), "keep", "{name}");
    }
    assert_eq!(replaced(&mapping, "json", Modifiers::Absent, Place::Definition), "TEXT");
    assert_eq!(replaced(&mapping, "int4", number(11), Place::Definition), "INTEGER");
    assert_eq!(replaced(&mapping, "uint8", Modifiers::Absent, Place::Cast), "BIGINT");
}

#[test]
fn options_change_rows() {
    let options = MappingOptions {
        string_length_factor: 3,
        json: JsonPolicy::Keep,
        unbounded_numeric_as_string: true,
        ..Default::default()
    };
    let mapping = Mapping::new(options).unwrap();
    assert_eq!(replaced(&mapping, "string", number(100), Place::Definition), "VARCHAR(300)");
    assert_eq!(replaced(&mapping, "json", Modifiers::Absent, Place::Definition), "keep");
    assert_eq!(replaced(&mapping, "numeric", Modifiers::Absent, Place::Definition), "VARCHAR");
    assert_eq!(replaced(&mapping, "numeric", number(5), Place::Definition), "keep");
}

#[test]
fn bad_options_are_named() {
    let unknown = MappingOptions { source: "informix".into(), ..Default::default() };
    let error = Mapping::new(unknown).unwrap_err().to_string();
    assert!(error.contains("informix") && error.contains("dms"), "{error}");
    for factor in [0, 5] {
        let options = MappingOptions { string_length_factor: factor, ..Default::default() };
        assert_eq!(Mapping::new(options).unwrap_err(), MappingError::LengthFactor(factor));
    }
}

#[test]
fn a_refusal_says_range_and_remedy() {
    let list = Modifiers::List { number: Some(10), text: b"(10)" };
    match mapping().lookup(b"datetime", list, Place::Definition) {
        Verdict::Refuse(Refusal { sqlstate, message, hint }) => {
            assert_eq!(sqlstate, "22023");
            assert!(message.contains("DATETIME(10)") && message.contains("0 and 9"), "{message}");
            assert!(hint.contains("from 0 to 9") && hint.contains("TIMESTAMP"), "{hint}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn tables_hold_every_row_of_every_source() {
    for source in SOURCES {
        let overrides = vec![row("UINT8", "NUMERIC(20,0)")];
        let options = MappingOptions { source: (*source).into(), overrides, ..Default::default() };
        let mapping = Mapping::new(options).unwrap();
        let rows = mapping.rules().len();
        assert_eq!(text_table(&mapping).lines().count(), rows + 1);
        assert_eq!(markdown_table(&mapping).lines().count(), rows + 2);
        let json: serde_json::Value = serde_json::from_str(&json_table(&mapping).unwrap()).unwrap();
        assert_eq!(json.as_array().unwrap().len(), rows);
        let (own, built_in) = mapping.rules().split_last().unwrap();
        assert_eq!((own.source.as_str(), own.target.as_str()), ("here", "NUMERIC(20,0)"));
        for rule in built_in {
            assert!(rule.source.starts_with("https://docs.aws.amazon.com/dms/"), "{}", rule.id);
            assert!(!rule.target.is_empty() && !rule.source_type.is_empty(), "{}", rule.id);
        }
    }
}

/// An override as a configuration has it.
fn row(key: &str, target: &str) -> Override {
    Override {
        scope: OverrideScope::parse(key),
        target: target.to_owned(),
        origin: "here".to_owned(),
    }
}

#[test]
fn a_bad_override_is_named() {
    let error = |key: &str, target: &str| {
        let overrides = vec![row(key, target)];
        Mapping::new(MappingOptions { overrides, ..Default::default() }).unwrap_err().to_string()
    };
    assert_eq!(
        error("UINT8", "int, x int"),
        "the override of UINT8 (here) cannot be used: \"int, x int\" is not one type"
    );
    assert!(error("a.b.c", "").contains("a.b.c"));
    assert!(error("UINT8", "STRING(0)").contains("between 1 and 2147483647"));
    assert!(error("oracle:", "TEXT").contains("no type"));
    let scope = OverrideScope::DmsType("UINT9".into());
    let overrides = vec![Override { scope, target: "TEXT".into(), origin: "here".into() }];
    let error = Mapping::new(MappingOptions { overrides, ..Default::default() }).unwrap_err();
    assert!(error.to_string().contains("\"UINT9\" is not a DMS type"), "{error}");
}

#[test]
fn a_target_in_dms_words_goes_through_the_table() {
    let overrides = vec![row("UINT8", "STRING(20)"), row("BYTES", "bytea"), row("CLOB", "JSON")];
    let options = MappingOptions { overrides, string_length_factor: 3, ..Default::default() };
    let mapping = Mapping::new(options).unwrap();
    assert_eq!(replaced(&mapping, "uint8", Modifiers::Absent, Place::Cast), "VARCHAR(60)");
    assert_eq!(replaced(&mapping, "bytes", number(5), Place::Definition), "bytea");
    assert_eq!(replaced(&mapping, "clob", Modifiers::Absent, Place::Definition), "JSON");
}
