use proptest::prelude::*;

use super::*;

fn read(text: &str) -> EndpointSettings {
    endpoint_settings(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn script(text: &str) -> String {
    read(text).after_connect_script.unwrap_or_default()
}

fn warned(text: &str) -> Vec<String> {
    read(text).warnings.into_iter().map(|warning| warning.subject).collect()
}

#[test]
fn nothing_said_is_what_dms_does() {
    for text in ["", " ", ";", " ; ;", "{}", "\u{feff}{}", "{\"ExecuteTimeout\": null}"] {
        assert_eq!(read(text), EndpointSettings::default(), "{text:?}");
    }
}

#[test]
fn every_typed_setting_in_both_forms() {
    let attributes = "afterConnectScript= SET x = 'a=b' ;EXECUTETIMEOUT=100;ConnectionTimeout=5;\
        mapUnboundedNumericAsString=true;MapBooleanAsBoolean=Y;databaseMode=Babelfish;\
        BabelfishDatabaseName=shop;maxFileSize=512;loadUsingCSV=N;mapJsonbAsClob=TRUE;\
        mapLongVarcharAs=NCLOB;unboundedVarcharMaxSize=10485760;";
    let json = r#"{"AfterConnectScript": " SET x = 'a=b' ;", "ExecuteTimeout": 100,
        "ConnectionTimeout": "5", "MapUnboundedNumericAsString": "true",
        "MapBooleanAsBoolean": true, "DatabaseMode": "babelfish", "BabelfishDatabaseName": "shop",
        "MaxFileSize": 512, "loadUsingCSV": "n", "MapJsonbAsClob": true, "MapLongVarcharAs": "nclob",
        "UnboundedVarcharMaxSize": "10485760"}"#;
    fn given<T>(value: T) -> Setting<T> {
        Setting { value, given: true }
    }
    for text in [attributes, json] {
        let mut settings = read(text);
        settings.warnings.clear();
        let expected = EndpointSettings {
            after_connect_script: Some("SET x = 'a=b'".into()),
            execute_timeout: given(100),
            connection_timeout: given(5),
            map_unbounded_numeric_as_string: given(true),
            map_boolean_as_boolean: given(true),
            database_mode: given(DatabaseMode::Babelfish),
            babelfish_database_name: Some("shop".into()),
            max_file_size: given(512),
            load_using_csv: given(false),
            map_jsonb_as_clob: given(true),
            map_long_varchar_as: given(LongVarchar::Nclob),
            unbounded_varchar_max_size: given(10_485_760),
            warnings: Vec::new(),
        };
        assert_eq!(settings, expected, "{text}");
    }
}

#[test]
fn a_script_ends_at_a_known_setting() {
    for (text, expected) in [
        ("AfterConnectScript=SET a = 1; SET b = 2;", "SET a = 1; SET b = 2"),
        ("AfterConnectScript=SET a=1;SET b='x;y'; executeTimeout = 5", "SET a=1;SET b='x;y'"),
        ("maxFileSize=9;afterConnectScript=SELECT ';';;", "SELECT ';'"),
        ("AfterConnectScript=SELECT 1;capturedDDLs ", "SELECT 1;capturedDDLs"),
        ("AfterConnectScript=", ""),
        ("AfterConnectScript= ; ;", ""),
        ("AfterConnectScript=x;=y", "x;=y"),
    ] {
        assert_eq!(script(text), expected, "{text}");
    }
    assert_eq!(read("AfterConnectScript=SET a=1; ExecuteTimeout=5").execute_timeout.value, 5);
}

#[test]
fn a_misspelt_setting_behind_a_script_is_not_lost_in_it() {
    assert_eq!(warned("AfterConnectScript=SET a=1;executTimeout=5"), ["executTimeout"]);
    assert_eq!(warned("AfterConnectScript=SET a=1; SET b=2"), [""; 0]);
}

#[test]
fn what_has_no_effect_is_named_as_it_is_written() {
    assert_eq!(
        warned(
            "executeTimeout=1;maxFileSize=5;CaptureDDLs=N;slotName=s;retries=3;Password=se=cret"
        ),
        ["maxFileSize", "CaptureDDLs", "slotName", "retries", "Password"]
    );
    assert_eq!(warned(r#"{"captureDDLs": "N", "Tags": [{"a": 1}]}"#), ["Tags", "captureDDLs"]);
    let advice = |text| read(text).warnings.remove(0).to_string();
    assert!(advice("CaptureDDLs=N").contains("source endpoint"));
    assert!(advice("loadUsingCSV=true").contains("migration tool"));
    assert!(advice("serverName=db").contains("target.url"));
    assert!(advice("retries=3").contains("not a known setting"));
    assert!(advice("BabelfishDatabaseName=shop").contains("no effect"));
    assert!(advice("DatabaseMode=babelfish;BabelfishDatabaseName=shop").contains("DO_NOTHING"));
    assert!(!read("Password=hunter2").warnings.iter().any(|w| w.to_string().contains("hunter")));
}

#[test]
fn errors_name_the_setting_the_value_and_what_is_allowed() {
    for (text, parts) in [
        ("executeTimeout=soon", &["\"executeTimeout\" is \"soon\"", "0 to 2147483 seconds"][..]),
        ("executeTimeout=", &["is \"\""]),
        ("executeTimeout=+5", &["is \"+5\""]),
        ("executeTimeout=99999999999999999999", &["2147483"]),
        (r#"{"ExecuteTimeout": 1.5}"#, &["is \"1.5\""]),
        (r#"{"ExecuteTimeout": [1]}"#, &["an array or object"]),
        ("maxFileSize=0", &["1 to 1048576 kilobytes"]),
        ("maxFileSize=1048577", &["1 to 1048576 kilobytes"]),
        ("unboundedVarcharMaxSize=10485761", &["10485760"]),
        ("mapBooleanAsBoolean=1", &["\"1\"", "true, false, Y, N"]),
        ("mapLongVarcharAs=text", &["wstring, clob, nclob"]),
        ("databaseMode=mysql", &["default, babelfish"]),
        ("databaseMode=babelfish", &["BabelfishDatabaseName"]),
        ("databaseMode=babelfish;babelfishDatabaseName=Babelfish_DB", &["not babelfish_db"]),
        ("executeTimeout=1;ExecuteTimeout=1", &["\"ExecuteTimeout\"", "more than once"]),
        ("retries=1;RETRIES=1", &["more than once"]),
        (r#"{"MaxFileSize": 1, "maxFileSize": 1}"#, &["more than once"]),
        (r#"{"MaxFileSize": 1, "MaxFileSize": 1}"#, &["there twice"]),
        ("maxFileSize=1;fast", &["part 2, after \"maxFileSize\", is not of the form name=value"]),
        ("fast", &["part 1 is not"]),
        ("=1", &["part 1 is not"]),
        ("{\"MaxFileSize\": }", &["not valid JSON"]),
        (r#"{"AfterConnectScript": "SELECT '\u0000'"}"#, &["\"AfterConnectScript\"", "U+0000"]),
    ] {
        let message = endpoint_settings(text).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{text}: {message}");
        }
    }
    let message = endpoint_settings("Password=top;secret").unwrap_err().to_string();
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn long_texts_take_linear_time() {
    let text = format!("AfterConnectScript={}", "a;b=c;".repeat(200_000));
    assert!(script(&text).len() > 1_000_000);
    let text: String = (0..50_000).map(|name| format!("n{name}=v;")).collect();
    assert_eq!(read(&text).warnings.len(), 50_000);
}

/// A name in a spelling of its own, and a value that it takes.
fn pair() -> impl Strategy<Value = (usize, String, String)> {
    let values: Vec<(&str, BoxedStrategy<String>)> = vec![
        ("AfterConnectScript", "[a-z]([ -:<-~é]{0,20}[a-z'])?".boxed()),
        ("ExecuteTimeout", (0..=SECONDS_MAX).prop_map(|n| n.to_string()).boxed()),
        ("MaxFileSize", (1_u32..=1_048_576).prop_map(|n| n.to_string()).boxed()),
        ("MapBooleanAsBoolean", any::<bool>().prop_map(|b| b.to_string()).boxed()),
        ("BabelfishDatabaseName", "[a-z]([a-z =]{0,10}[a-z])?".boxed()),
    ];
    (0..values.len(), any::<u32>()).prop_flat_map(move |(index, upper)| {
        let (name, value) = values[index].clone();
        let spelling: String = (0_u32..)
            .zip(name.chars())
            .map(|(at, c)| match upper >> (at % 32) & 1 {
                1 => c.to_ascii_uppercase(),
                _ => c.to_ascii_lowercase(),
            })
            .collect();
        value.prop_map(move |value| (index, spelling.clone(), value))
    })
}

proptest! {
    #[test]
    fn any_text_is_settings_or_an_error(text in any::<String>()) {
        let _ = endpoint_settings(&text);
    }

    #[test]
    fn any_text_near_the_syntax_is_settings_or_an_error(
        text in "(\\{|\"|:|,|=|;| |'|[a-z]|AfterConnectScript|MaxFileSize|Port|1|true){0,40}"
    ) {
        let _ = endpoint_settings(&text);
    }

    #[test]
    fn names_and_values_come_back(
        pairs in prop::collection::vec(pair(), 0..5),
        blank in "[ \t]{0,2}",
        end in "[; ]{0,2}",
    ) {
        let mut pairs = pairs;
        let mut seen = BTreeSet::new();
        pairs.retain(|(index, _, _)| seen.insert(*index));
        let text: Vec<String> = pairs
            .iter()
            .map(|(_, name, value)| format!("{blank}{name}{blank}={blank}{value}{blank}"))
            .collect();
        let object = pairs.iter().map(|(_, name, value)| (name.clone(), Value::from(&**value)));
        let object = Value::Object(object.collect()).to_string();
        for text in [text.join(";") + &end, object] {
            let settings = endpoint_settings(&text).unwrap();
            let values = [
                settings.after_connect_script,
                settings.execute_timeout.given.then(|| settings.execute_timeout.value.to_string()),
                settings.max_file_size.given.then(|| settings.max_file_size.value.to_string()),
                settings
                    .map_boolean_as_boolean
                    .given
                    .then(|| settings.map_boolean_as_boolean.value.to_string()),
                settings.babelfish_database_name,
            ];
            for (index, value) in values.into_iter().enumerate() {
                let given = pairs.iter().find(|(given, _, _)| *given == index);
                prop_assert_eq!(value.as_ref(), given.map(|(_, _, value)| value), "{}", &text);
            }
        }
    }
}
