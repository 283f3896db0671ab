//! What every path answers is what `/api/openapi.json` says of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use super::{HttpAnswer, get, get_with, post, proxy};
use crate::protocol::{log_in, say};
use crate::support::Cluster;

/// The description of a proxy.
struct Description(Value);

impl Description {
    /// What is wrong with a value by a schema, each with its place; a schema uses few words, and no others.
    fn complaints(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
        const WORDS: [&str; 10] = [
            "$ref",
            "additionalProperties",
            "description",
            "enum",
            "format",
            "items",
            "minimum",
            "properties",
            "required",
            "type",
        ];
        let words = schema.as_object().unwrap();
        assert!(words.keys().all(|word| WORDS.contains(&word.as_str())), "{schema}");
        if let Some(name) = words.get("$ref") {
            let path = name.as_str().unwrap().trim_start_matches('#');
            let schema = self.0.pointer(path).unwrap_or_else(|| panic!("{path}"));
            return self.complaints(schema, value, place, found);
        }
        let wanted = match &schema["type"] {
            Value::Array(kinds) => kinds.clone(),
            kind => vec![kind.clone()],
        };
        let is_of = |kind: &Value| match kind.as_str().unwrap() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            kind => panic!("{kind}"),
        };
        if !wanted.iter().any(is_of) {
            found.push(format!("{place}: {value} is not of {wanted:?}"));
            return;
        }
        if let Some(values) = schema["enum"].as_array().filter(|all| !all.contains(value)) {
            found.push(format!("{place}: {value} is none of {values:?}"));
        }
        if schema["format"] == "date-time" && value.is_string() && !is_moment(value) {
            found.push(format!("{place}: {value} is no moment in UTC"));
        }
        if schema["minimum"] == 0 && value.as_i64().is_some_and(|number| number < 0) {
            found.push(format!("{place}: {value} is below 0"));
        }
        for (at, item) in value.as_array().into_iter().flatten().enumerate() {
            self.complaints(&schema["items"], item, &format!("{place}[{at}]"), found);
        }
        if let Some(fields) = value.as_object() {
            self.field_complaints(schema, fields, place, found);
        }
    }

    fn field_complaints(
        &self,
        schema: &Value,
        fields: &serde_json::Map<String, Value>,
        place: &str,
        found: &mut Vec<String>,
    ) {
        for name in schema["required"].as_array().unwrap() {
            if !fields.contains_key(name.as_str().unwrap()) {
                found.push(format!("{place}: {name} is missing"));
            }
        }
        for (name, value) in fields {
            let place = format!("{place}.{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(schema), _) => self.complaints(schema, value, &place, found),
                (None, Value::Bool(true)) => {}
                (None, Value::Bool(false)) => found.push(format!("{place} is not described")),
                (None, schema) => self.complaints(schema, value, &place, found),
            }
        }
    }

    fn check(&self, schema: &Value, value: &Value, place: &str) {
        let mut found = Vec::new();
        self.complaints(schema, value, place, &mut found);
        assert!(found.is_empty(), "{}\n{value}", found.join("\n"));
    }

    /// An answer is one of those that its path may give.
    fn check_answer(&self, (method, path): (&str, &str), answer: &HttpAnswer) {
        let described = &self.0["paths"][path][method]["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{method} {path}: {} {}", answer.status, answer.body);
        let Some(contents) = described["content"].as_object() else { return };
        let kind = answer.head.split("content-type: ").nth(1).unwrap();
        let kind = kind.split([';', '\r']).next().unwrap();
        let schema = &contents.get(kind).unwrap_or_else(|| panic!("{path}: {kind}"))["schema"];
        if kind == "application/json" {
            self.check(schema, &answer.json(), path);
        }
    }
}

fn is_moment(value: &Value) -> bool {
    let shape: String = value.as_str().unwrap().chars().map(digits_alike).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

fn digits_alike(c: char) -> char {
    if c.is_ascii_digit() { '0' } else { c }
}

fn description(address: SocketAddr) -> Description {
    Description(get(address, "/api/openapi.json").json())
}

/// What is asked of a path that is described, with what stands for its parts.
fn asked(path: &str, database: &str) -> String {
    path.replace("{database}", database).replace("{schema}", "public").replace("{table}", "t")
}

/// Asks for every path that is described; the table is there or not.
fn check_all(description: &Description, address: SocketAddr, database: &str) {
    let mut count = 0;
    for (path, methods) in description.0["paths"].as_object().unwrap() {
        if methods.get("get").is_some() && path != "/api/events" {
            description.check_answer(("get", path), &get(address, &asked(path, database)));
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn every_answer_is_as_it_is_described() {
    let database = Cluster::shared().create_database();
    let name = database.endpoint().database.clone();
    let (proxy, address) = proxy("[values]\nsamples = true\n[mapping]\nsource = 'oracle'\n");
    let description = description(address);
    check_all(&description, address, &name);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE public.t (a NUMBER(5), b VARCHAR2(10))");
    say(&mut wire, "INSERT INTO public.t VALUES (1, 'x'), (2, 'y'); SELECT 1/0");
    say(&mut wire, "INSERT INTO public.t VALUES (1, 'x')");
    say(&mut wire, "INSERT INTO public.missing VALUES (1)");
    wire.query("COPY public.t FROM STDIN").until(b'G');
    wire.copy_data(b"3\t\\000\n").copy_done().until_ready();
    say(&mut wire, "BEGIN");
    say(&mut wire, "INSERT INTO public.t VALUES (3, 'z')");
    let one = get(address, &format!("/api/tables/{name}/public/t")).json();
    for list in ["rewrites", "errors", "sessions"] {
        assert!(!one[list].as_array().unwrap().is_empty(), "{list}: {one}");
    }
    check_all(&description, address, &name);
    let check = |path: &str, query: &str, status: u16| {
        let answer = get(address, &format!("{path}{query}"));
        assert_eq!(answer.status, status, "{path}{query}: {}", answer.body);
        description.check_answer(("get", path), &answer);
    };
    let sorts = "name rows bytes errors rewrites ddls rolled_back_rows set_aside_rows rows_per_second \
        bytes_per_second first_seen last_activity";
    for sort in sorts.split_whitespace() {
        check("/api/tables", &format!("?sort={sort}&limit=1"), 200);
    }
    check("/api/tables", "?format=csv", 200);
    // Lines of CSV have what objects have, in an order for people.
    let lines = get(address, "/api/tables?format=csv").body;
    let head = lines.lines().next().unwrap();
    assert!(head.starts_with("database,schema,table,state,"), "{head}");
    let mut columns: Vec<&str> = head.split(',').collect();
    columns.sort_unstable();
    let tables = get(address, "/api/tables").json();
    let fields = tables["tables"][0].as_object().unwrap().keys();
    assert!(fields.eq(columns.iter()), "{head}: {tables}");
    check("/api/tables", "?state=loading,error", 200);
    for wrong in ["?sort=colour", "?limit=few", "?format=xml", "?state=idle,wrong"] {
        check("/api/tables", wrong, 400);
    }
    check("/api/dms/table-statistics", "?max-records=20", 200);
    check("/api/dms/table-statistics", "?max-records=1", 400);
}

#[test]
fn what_is_refused_is_described_too() {
    let directory = std::env::temp_dir().join(format!("dms-proxy-refused-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("token");
    std::fs::write(&file, "sesame\n").unwrap();
    let (_proxy, address) =
        proxy(&format!("anonymous = 'none'\ntoken_file = '{}'\n", file.display()));
    let token = "Authorization: Bearer sesame\r\n";
    let described = get_with(address, "/api/openapi.json", token).json();
    let description = Description(described);
    for (path, methods) in description.0["paths"].as_object().unwrap() {
        let asked = path.replace("{id}", "7");
        if methods.get("get").is_some() {
            description.check_answer(("get", path), &get(address, &asked));
        }
        if methods.get("post").is_some() {
            let json = format!("{token}Content-Type: application/json\r\n");
            let long = format!("{{\"database\":\"{}\"}}", "x".repeat(5000));
            for (headers, body, status) in [
                ("", "{}", 401),
                (token, "{}", 415),
                (&json, "pause it", 400),
                (&json, "[]", 400),
                (&json, "{\"database\":1}", 400),
                (&json, &long, 413),
            ] {
                let answer = post(address, &asked, headers, body);
                assert_eq!(answer.status, status, "{path} {body:.20}: {}", answer.body);
                description.check_answer(("post", path), &answer);
            }
            if !path.ends_with("drain") {
                let answer = post(address, &asked, &json, "{\"database\":\"d\",\"table\":\"t\"}");
                description.check_answer(("post", path), &answer);
            }
        }
    }
    std::fs::remove_dir_all(directory).unwrap();
}

/// Reads events until one of this kind is there, which holds for its data; checks all of them.
fn events(
    description: &Description,
    address: SocketAddr,
    last: &str,
    mut holds: impl FnMut(&str, &Value) -> bool,
) -> (String, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!("GET /api/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{}", text.escape_ascii());
        text.extend_from_slice(&bytes[..count]);
        let Some(end) = text.windows(2).rposition(|two| two == b"\n\n") else { continue };
        let whole = String::from_utf8(text.drain(..end + 2).collect()).unwrap();
        let mut id = String::new();
        let mut kind = String::new();
        for line in whole.lines() {
            if let Some(name) = line.strip_prefix("id: ") {
                name.clone_into(&mut id);
            } else if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut kind);
            } else if let Some(data) = line.strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                let name = kind[..1].to_uppercase() + &kind[1..];
                let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
                description.check(&schema, &data, &kind);
                if holds(&kind, &data) {
                    return (id, data);
                }
            }
        }
    }
}

#[test]
fn events_are_described_and_go_on_where_they_ended() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let description = description(address);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE public.first (a int)");
    let names = |data: &Value| -> Vec<String> {
        let tables = data["tables"].as_array().unwrap().iter();
        tables.map(|table| table["table"].as_str().unwrap().to_owned()).collect()
    };
    let has = |name: &'static str| {
        move |kind: &str, data: &Value| kind == "stats" && names(data).iter().any(|it| it == name)
    };
    let (_, told) = events(&description, address, "", has("first"));
    let id = told["sessions"][0]["id"].as_u64().unwrap();
    // A session that does nothing is told once; the table is, as long as it is fresh.
    let mut count = 0;
    let (last, _) = events(&description, address, "", |kind, data| {
        count += usize::from(kind == "stats");
        count > 1 && kind == "stats" && {
            assert_eq!(data["sessions"], json!([]));
            names(data).is_empty()
        }
    });
    wire.terminate();
    drop(wire);
    let mut other = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut other, "CREATE TABLE public.second (a int)");
    // Whoever comes back gets what is new, and what has gone.
    let mut goes_on = json!(null);
    let mut ended = Vec::new();
    let header = format!("Last-Event-ID: {last}\r\n");
    let (_, stats) = events(&description, address, &header, |kind, data| {
        if kind == "hello" {
            goes_on = data["goes_on"].clone();
        }
        ended.extend(data["ended"].as_array().into_iter().flatten().cloned());
        kind == "stats" && !names(data).is_empty()
    });
    assert_eq!(goes_on, true);
    assert_eq!(names(&stats), ["second"]);
    assert_eq!(ended, [json!(id)]);
    // Of another process, or of long ago, is nothing known.
    let (_, stats) = events(&description, address, "Last-Event-ID: 7\r\n", |kind, data| {
        if kind == "hello" {
            goes_on = data["goes_on"].clone();
        }
        kind == "stats"
    });
    assert_eq!(goes_on, false);
    assert_eq!(names(&stats), ["first", "second"]);
}
