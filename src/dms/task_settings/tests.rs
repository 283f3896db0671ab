use proptest::prelude::*;

use super::*;

fn read(text: &str) -> TaskSettings {
    task_settings(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn nothing_said_is_what_dms_does() {
    for text in [
        "{}",
        "\u{feff} {}",
        r#"{"FullLoadSettings": {}, "ErrorBehavior": null}"#,
        r#"{"CharacterSetSettings": null, "BeforeImageSettings": null}"#,
        r#"{"CharacterSetSettings": {"CharacterReplacements": null, "CharacterSetSupport": null}}"#,
        r#"{"CharacterSetSettings": {"CharacterReplacements": [], "CharacterSetSupport": {}}}"#,
    ] {
        let settings = read(text);
        assert_eq!((settings.table_prep, settings.lob), (None, None), "{text}");
        assert_eq!(settings.errors, ErrorPolicies::default(), "{text}");
        assert_eq!(settings.characters, CharacterSubstitution::default(), "{text}");
        assert_eq!(settings.warnings, [], "{text}");
    }
}

#[test]
fn a_whole_file_is_read_and_the_rest_named_by_group() {
    let settings = read(
        r#"{
        "TargetMetadata": {"TargetSchema": "", "SupportLobs": true, "FullLobMode": false,
            "LobChunkSize": 64, "LimitedSizeLobMode": true, "LobMaxSize": 100,
            "BatchApplyEnabled": false},
        "FullLoadSettings": {"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD", "CommitRate": 10000,
            "MaxFullLoadSubTasks": 8},
        "Logging": {"EnableLogging": true, "LogComponents": []},
        "ErrorBehavior": {"DataErrorPolicy": "STOP_TASK", "DataErrorEscalationCount": 50,
            "DataTruncationErrorPolicy": "IGNORE_RECORD", "TableErrorPolicy": "STOP_TASK",
            "ApplyErrorDeletePolicy": "SUSPEND_TABLE", "ApplyErrorInsertPolicy": "INSERT_RECORD",
            "ApplyErrorUpdatePolicy": "UPDATE_RECORD", "ApplyErrorEscalationCount": 0,
            "ApplyErrorEscalationPolicy": "LOG_ERROR", "TableErrorEscalationPolicy": "STOP_TASK",
            "FullLoadIgnoreConflicts": true, "EventErrorPolicy": "IGNORE"},
        "ControlTablesSettings": {"ControlSchema": "dms", "StatusTableEnabled": true},
        "CharacterSetSettings": {
            "CharacterReplacements": [
                {"SourceCharacterCodePoint": 35, "TargetCharacterCodePoint": 52}],
            "CharacterSetSupport": {"CharacterSet": "utf-8", "ReplaceWithCharacterCodePoint": "20"}},
        "NewSettings": {"a": 1}, "TTSettings": null, "StreamBufferSettings": 1}"#,
    );
    assert_eq!(settings.table_prep.map(TablePrep::name), Some("truncate-before-load"));
    assert_eq!(settings.lob, Some(LobMode::Limited { max_kilobytes: 100 }));
    assert_eq!(
        settings.errors,
        ErrorPolicies {
            data: Some(ErrorAction::StopTask),
            data_truncation: Some(ErrorAction::IgnoreRecord),
            table: Some(ErrorAction::StopTask),
            apply_delete: Some(ErrorAction::SuspendTable),
            apply_insert: Some(ErrorAction::InsertRecord),
            apply_update: Some(ErrorAction::UpdateRecord),
            data_escalation: QuotedEscalation { action: None, count: Some(50) },
            table_escalation: QuotedEscalation { action: Some(ErrorAction::StopTask), count: None },
            apply_escalation: QuotedEscalation {
                action: Some(ErrorAction::LogError),
                count: Some(0)
            },
            ignores_conflicts: Some(true),
        }
    );
    assert_eq!(settings.control_schema.as_deref(), Some("dms"));
    assert_eq!(settings.characters.replacements, BTreeMap::from([('5', Some('R'))]));
    assert_eq!(
        settings.characters.support,
        Some(CharacterSetSupport { character_set: "UTF-8", replacement: Some(' ') })
    );
    let warnings: Vec<String> = settings.warnings.iter().map(Warning::to_string).collect();
    let starts = [
        "FullLoadSettings: CommitRate, MaxFullLoadSubTasks have no effect",
        "TargetMetadata: BatchApplyEnabled, LobChunkSize, TargetSchema have no effect",
        "ErrorBehavior: EventErrorPolicy have no effect",
        "ControlTablesSettings: StatusTableEnabled have no effect",
        "Logging: EnableLogging, LogComponents have no effect",
        "NewSettings: is not a known group",
        "StreamBufferSettings: ",
    ];
    assert_eq!(warnings.len(), starts.len(), "{warnings:?}");
    for (warning, start) in warnings.iter().zip(starts) {
        assert!(warning.starts_with(start), "{warning}");
    }
}

#[test]
fn one_lob_mode_is_on() {
    let mode = |text: &str| read(&format!("{{\"TargetMetadata\": {{{text}}}}}")).lob;
    for (text, expected) in [
        ("", None),
        (
            r#""SupportLobs": false, "FullLobMode": true, "LimitedSizeLobMode": true"#,
            Some(LobMode::Off),
        ),
        (r#""SupportLobs": true"#, Some(LobMode::Limited { max_kilobytes: 32 })),
        (r#""LobMaxSize": 64"#, Some(LobMode::Limited { max_kilobytes: 64 })),
        (
            r#""FullLobMode": true, "InlineLobMaxSize": 8, "LobMaxSize": 0"#,
            Some(LobMode::Full { inline_max_kilobytes: 8 }),
        ),
        (r#""LimitedSizeLobMode": false"#, Some(LobMode::Full { inline_max_kilobytes: 0 })),
        (r#""fulllobmode": false"#, Some(LobMode::Limited { max_kilobytes: 32 })),
    ] {
        assert_eq!(mode(text), expected, "{text}");
    }
}

#[test]
fn code_points_are_hexadecimal_even_as_numbers() {
    let replaced = |source: &str, target: &str| {
        let settings = read(&format!(
            "{{\"CharacterSetSettings\": {{\"CharacterReplacements\": [{{
                \"SourceCharacterCodePoint\": {source}, \"TargetCharacterCodePoint\": {target}}}]}}}}"
        ));
        settings.characters.replacements.into_iter().next().unwrap()
    };
    assert_eq!(replaced("62", "103"), ('b', Some('\u{103}')));
    assert_eq!(replaced("\"2FB6\"", "\"2fb7\""), ('\u{2fb6}', Some('\u{2fb7}')));
    assert_eq!(replaced("0", "20"), ('\0', Some(' ')));
    assert_eq!(replaced("\"10FFFF\"", "0"), ('\u{10ffff}', None));
}

#[test]
fn of_a_character_that_is_listed_twice_the_last_counts() {
    let settings = read(
        r#"{"CharacterSetSettings": {"CharacterReplacements": [
            {"SourceCharacterCodePoint": 61, "TargetCharacterCodePoint": 62},
            {"SourceCharacterCodePoint": 62, "TargetCharacterCodePoint": 63},
            {"SourceCharacterCodePoint": "61", "TargetCharacterCodePoint": 0}]}}"#,
    );
    assert_eq!(settings.characters.replacements, BTreeMap::from([('a', None), ('b', Some('c'))]));
}

#[test]
fn errors_name_the_setting_the_value_and_what_is_allowed() {
    for (text, parts) in [
        ("[]", &["a JSON object"][..]),
        ("", &["not valid JSON"]),
        (
            r#"{"FullLoadSettings": {"TargetTablePrepMode": "DROP"}}"#,
            &[
                "\"FullLoadSettings.TargetTablePrepMode\" is \"DROP\"",
                "DO_NOTHING, DROP_AND_CREATE, TRUNCATE_BEFORE_LOAD",
            ],
        ),
        (r#"{"FullLoadSettings": []}"#, &["\"FullLoadSettings\" is []", "an object"]),
        (r#"{"ErrorBehavior": {"TableErrorPolicy": "LOG_ERROR"}}"#, &["SUSPEND_TABLE, STOP_TASK"]),
        (r#"{"ErrorBehavior": {"ApplyErrorUpdatePolicy": "INSERT_RECORD"}}"#, &["UPDATE_RECORD"]),
        (r#"{"ErrorBehavior": {"DataErrorPolicy": 1}}"#, &["is 1;"]),
        (r#"{"TargetMetadata": {"SupportLobs": "yes"}}"#, &["true, false"]),
        (r#"{"TargetMetadata": {"LobMaxSize": -1}}"#, &["TargetMetadata.LobMaxSize", "0 to"]),
        (r#"{"TargetMetadata": {"LobMaxSize": 4294967297}}"#, &["0 to 2147483647"]),
        (r#"{"TargetMetadata": {"LobMaxSize": 0}}"#, &["1 to 2147483647 in limited mode"]),
        (
            r#"{"TargetMetadata": {"FullLobMode": true, "LimitedSizeLobMode": true}}"#,
            &["both true"],
        ),
        (
            r#"{"TargetMetadata": {"FullLobMode": false, "LimitedSizeLobMode": false}}"#,
            &["needs one"],
        ),
        (r#"{"TargetMetadata": {"LobMaxSize": 1, "lobMaxSize": 1}}"#, &["more than once"]),
        (r#"{"Logging": {}, "LOGGING": {}}"#, &["more than once"]),
        (r#"{"CharacterSetSettings": {"CharacterReplacements": {}}}"#, &["an array"]),
        (
            r#"{"CharacterSetSettings": {"CharacterReplacements": [{"SourceCharacterCodePoint": 61}]}}"#,
            &["TargetCharacterCodePoint\" is null", "hexadecimal"],
        ),
        (
            r#"{"CharacterSetSettings": {"CharacterReplacements": [{"SourceCharacterCodePoint": 61,
                "TargetCharacterCodePoint": 62, "Columns": "a"}]}}"#,
            &["Columns", "no such setting"],
        ),
        (
            r#"{"CharacterSetSettings": {"CharacterSetSupport": {"CharacterSet": "latin"}}}"#,
            &["\"latin\"", "UTF-8"],
        ),
        (
            r#"{"CharacterSetSettings": {"CharacterSetSupport": {"CharacterSet": "UTF-8"}}}"#,
            &["ReplaceWithCharacterCodePoint\" is null"],
        ),
        (
            r#"{"CharacterSetSettings": {"CharacterSetSupport": {"ReplaceWithCharacterCodePoint": 0}}}"#,
            &["ReplaceWithCharacterCodePoint"],
        ),
    ] {
        let message = task_settings(text).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}

#[test]
fn what_is_no_character_is_refused() {
    for value in [
        "\"D800\"",
        "\"DFFF\"",
        "110000",
        "\"\"",
        "\"+5\"",
        "\" 5\"",
        "-5",
        "1.5",
        "\"U+0041\"",
        "1e3",
        "1e300",
        "true",
    ] {
        let text = format!(
            "{{\"CharacterSetSettings\": {{\"CharacterReplacements\": [{{
                \"SourceCharacterCodePoint\": {value}, \"TargetCharacterCodePoint\": 0}}]}}}}"
        );
        let message = task_settings(&text).unwrap_err().to_string();
        assert!(message.contains("10FFFF"), "{value}: {message}");
    }
}

#[test]
fn every_character_set_is_taken() {
    assert_eq!(CHARACTER_SETS.lines().count(), 231);
    for name in CHARACTER_SETS.lines() {
        let settings = read(&format!(
            "{{\"CharacterSetSettings\": {{\"CharacterSetSupport\":
                {{\"CharacterSet\": \"{name}\", \"ReplaceWithCharacterCodePoint\": 0}}}}}}"
        ));
        let support = settings.characters.support.unwrap();
        assert_eq!((support.character_set, support.replacement), (name, None));
    }
}

proptest! {
    #[test]
    fn any_text_is_settings_or_an_error(text in any::<String>()) {
        let _ = task_settings(&text);
    }

    #[test]
    fn any_json_of_known_names_is_settings_or_an_error(
        group in "(TargetMetadata|ErrorBehavior|CharacterSetSettings|Logging)",
        name in "(LobMaxSize|FullLobMode|DataErrorPolicy|CharacterReplacements|CharacterSetSupport)",
        value in "(null|true|-1|1|1e99|\"\"|\"STOP_TASK\"|\\[\\]|\\[1\\]|\\[\\{\\}\\]|\\{\\}|\\{\"CharacterSet\":1\\})",
    ) {
        let _ = task_settings(&format!("{{\"{group}\": {{\"{name}\": {value}}}}}"));
    }

    #[test]
    fn every_character_is_read_by_its_digits(source in any::<char>(), target in any::<char>()) {
        let text = format!(
            "{{\"CharacterSetSettings\": {{\"CharacterReplacements\": [{{
                \"SourceCharacterCodePoint\": \"{:X}\", \"TargetCharacterCodePoint\": \"{:x}\"}}]}}}}",
            u32::from(source), u32::from(target)
        );
        let expected = BTreeMap::from([(source, (target != '\0').then_some(target))]);
        prop_assert_eq!(read(&text).characters.replacements, expected);
    }
}
