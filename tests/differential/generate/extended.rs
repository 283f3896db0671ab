//! Messages of the extended protocol, and FunctionCall.

use super::Generator;
use crate::differential::message::{Message, Value};

/// A statement that has been prepared, perhaps.
#[derive(Clone)]
pub(super) struct Prepared {
    name: String,
    parameters: Parameters,
}

/// What a Bind has to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parameters {
    None,
    Key,
    /// A key and a value for this column.
    KeyAnd(Column),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Int,
    Bool,
    Json,
    Uuid,
    Bytes,
    Text,
    Date,
    Mood,
}

const COLUMNS: [(Column, &str, u32); 8] = [
    (Column::Int, "t_int (id, v)", 23),
    (Column::Bool, "t_bool (id, b)", 16),
    (Column::Json, "t_json (id, j)", 114),
    (Column::Uuid, "t_uuid", 2950),
    (Column::Bytes, "t_bytes", 17),
    (Column::Text, "t_text (id, s)", 1043),
    (Column::Date, "t_time (id, d)", 1082),
    (Column::Mood, "t_mood (id, m)", 0),
];

const OID_INT4: u32 = 23;

/// Functions of `pg_catalog` by their oids, in this order: `int4pl`, `int4div`, `textlen`,
/// `octet_length` of a bytea, `jsonb_typeof`, and none.
const FUNCTIONS: [u32; 6] = [177, 154, 1257, 720, 3210, 4];

const STATEMENT_NAMES: [&str; 9] = ["", "", "", "", "s1", "s2", "s3", "s1", "S_1"];
const PORTAL_NAMES: [&str; 9] = ["", "", "", "", "", "", "p1", "p2", "p1"];

impl Generator {
    /// Some messages of the extended protocol, and perhaps a Sync.
    pub(super) fn pipeline(&mut self) {
        for _ in 0..1 + self.random.below(4) {
            match self.random.below(20) {
                0..9 => self.whole(),
                9..13 => self.again(),
                13..15 => self.portal_goes_on(),
                15 => self.close(),
                16 => self.parse_of_an_insert(),
                17 => self.describe(),
                18 => self.broken(),
                _ if self.random.one_in(2) => self.simple_query(),
                _ => self.copy_by_execute(),
            }
            if self.random.one_in(10) {
                self.say(Message::Flush);
                self.maybe_wait(2);
            }
        }
        self.maybe_sync();
    }

    pub(super) fn maybe_sync(&mut self) {
        if !self.random.one_in(6) {
            self.say(Message::Sync);
            self.maybe_wait(2);
        }
    }

    pub(super) fn parse(&mut self, name: &str, sql: &str, types: &[u32]) {
        self.in_pipeline = true;
        let (name, sql) = (name.to_owned(), self.encoded(sql));
        self.say(Message::Parse { name, sql, types: types.to_vec() });
    }

    fn bind(&mut self, portal: &str, statement: &str, values: Vec<Value>) {
        self.in_pipeline = true;
        if !portal.is_empty() && self.leaves_out("taken-portals") {
            self.say(Message::Close { kind: b'P', name: portal.to_owned() });
        }
        let binary_result = self.random.one_in(6);
        let (portal, statement) = (portal.to_owned(), statement.to_owned());
        self.say(Message::Bind { portal, statement, values, binary_result });
    }

    pub(super) fn execute(&mut self, portal: &str) {
        self.in_pipeline = true;
        let rows_max = [0, 0, 0, 0, 1, 3][self.random.below(6)];
        self.say(Message::Execute { portal: portal.to_owned(), rows_max });
    }

    /// A statement that is prepared and executed, by no name.
    pub(super) fn execute_text(&mut self, sql: &str) {
        self.parse("", sql, &[]);
        self.bind("", "", Vec::new());
        self.say(Message::Execute { portal: String::new(), rows_max: 0 });
    }

    pub(super) fn parse_of_an_insert(&mut self) {
        let name = *self.random.pick(&["i1", "i2", ""]);
        self.prepare_insert(name);
    }

    fn prepare_insert(&mut self, name: &str) {
        let (column, table, oid) = *self.random.pick(&COLUMNS);
        let types = match self.random.below(3) {
            0 if oid != 0 => vec![OID_INT4, oid],
            _ => Vec::new(),
        };
        let returning = *self.random.pick(&["", "", "", " RETURNING *"]);
        self.parse(name, &format!("INSERT INTO {table} VALUES ($1, $2){returning}"), &types);
        self.remember(name, Parameters::KeyAnd(column));
    }

    fn remember(&mut self, name: &str, parameters: Parameters) {
        self.statements.retain(|known| known.name != name);
        self.statements.push(Prepared { name: name.to_owned(), parameters });
    }

    fn values(&mut self, parameters: Parameters) -> Vec<Value> {
        let key = self.key();
        let key = match self.random.one_in(3) {
            true => Value::Binary(key.to_be_bytes().to_vec()),
            false => Value::Text(key.to_string().into_bytes()),
        };
        match parameters {
            Parameters::None => Vec::new(),
            Parameters::Key => vec![key],
            Parameters::KeyAnd(_) if self.random.one_in(8) => vec![key, Value::Null],
            Parameters::KeyAnd(column) => vec![key, self.value(column)],
        }
    }

    /// Without a byte 0, for where it meets a statement that was not meant: that would be mended.
    fn value(&mut self, column: Column) -> Value {
        if column == Column::Json && self.random.one_in(40) {
            // Longer than what is read at once.
            return Value::Text(format!("[{}1]", "1, ".repeat(30_000)).into_bytes());
        }
        let binary = self.random.one_in(3);
        let text = |text: &str| Value::Text(text.as_bytes().to_vec());
        match (column, binary) {
            (Column::Int, true) => Value::Binary(0x0101_0107_u32.to_be_bytes().to_vec()),
            (Column::Int, false) => text("7"),
            (Column::Bool, true) => Value::Binary(vec![1]),
            (Column::Bool, false) => text(self.random.pick::<&str>(&["true", "f", "yes", "0"])),
            (Column::Json, true) => Value::Binary(b"{\"b\": null}".to_vec()),
            (Column::Json, false) => text("{\"a\": [1, \"x\"]}"),
            (Column::Uuid, true) => Value::Binary((1..17).collect()),
            (Column::Uuid, false) => text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            (Column::Bytes, true) => Value::Binary(vec![1, 2, 0xff]),
            (Column::Bytes, false) => text("\\x01ff"),
            (Column::Text, true) => Value::Binary(b"as it is".to_vec()),
            (Column::Text, false) => text("it's"),
            (Column::Date, true) => Value::Binary(0x0101_0107_u32.to_be_bytes().to_vec()),
            (Column::Date, false) => text("2024-02-29"),
            (Column::Mood, _) => {
                text(self.random.pick::<&str>(&["ok", "sad", "happy", "none of them"]))
            }
        }
    }

    /// A statement from its Parse to its Execute.
    fn whole(&mut self) {
        let name = self.name(&STATEMENT_NAMES);
        let portal = self.name(&PORTAL_NAMES);
        if !name.is_empty() && !self.random.one_in(8) {
            // Otherwise the name would be taken.
            self.say(Message::Close { kind: b'S', name: name.to_owned() });
        }
        match self.random.below(10) {
            0..4 => self.prepare_insert(name),
            4 => {
                self.parse(name, "SELECT id, v FROM t_int WHERE id <= $1 ORDER BY id", &[]);
                self.remember(name, Parameters::Key);
            }
            5 | 6 => {
                self.parse(name, "SELECT id, v FROM t_int ORDER BY id", &[]);
                self.remember(name, Parameters::None);
            }
            _ => {
                let mut sql = self.statement();
                if self.random.one_in(30) {
                    sql = format!("{sql}; {}", self.statement());
                }
                self.parse(name, &sql, &[]);
                self.remember(name, Parameters::None);
            }
        }
        let parameters = self.statements.last().map_or(Parameters::None, |last| last.parameters);
        if self.random.one_in(5) {
            self.say(Message::Describe { kind: b'S', name: name.to_owned() });
        }
        if self.random.one_in(25) {
            return;
        }
        let values = self.values(parameters);
        self.bind(portal, name, values);
        if self.random.one_in(3) {
            self.say(Message::Describe { kind: b'P', name: portal.to_owned() });
        }
        self.execute(portal);
        self.portals.push(portal.to_owned());
    }

    /// A statement that was prepared before is executed once more.
    fn again(&mut self) {
        if self.statements.is_empty() {
            return self.whole();
        }
        let known = &self.statements.clone();
        let Prepared { name, parameters } = self.random.pick(known);
        let portal = self.name(&PORTAL_NAMES);
        for _ in 0..1 + self.random.below(3) {
            let values = self.values(*parameters);
            self.bind(portal, name, values);
            self.execute(portal);
        }
        self.portals.push(portal.to_owned());
    }

    /// More rows of a portal.
    fn portal_goes_on(&mut self) {
        let portal = match self.portals.last() {
            Some(portal) => portal.clone(),
            None => return self.whole(),
        };
        self.execute(&portal);
    }

    fn close(&mut self) {
        self.in_pipeline = true;
        let kind = *self.random.pick(b"SP");
        let names = if kind == b'S' { &STATEMENT_NAMES } else { &PORTAL_NAMES };
        let name = self.name(names).to_owned();
        self.say(Message::Close { kind, name });
    }

    fn describe(&mut self) {
        self.in_pipeline = true;
        let kind = *self.random.pick(b"SP");
        let names = if kind == b'S' { &STATEMENT_NAMES } else { &PORTAL_NAMES };
        let name = self.name(names).to_owned();
        self.say(Message::Describe { kind, name });
    }

    /// What names nothing.
    fn broken(&mut self) {
        match self.random.below(4) {
            0 => self.execute("nothing"),
            1 => self.bind("", "nothing", Vec::new()),
            2 => self.parse("", "SELEC 1", &[]),
            _ => self.bind("", "", vec![Value::Null; 3]),
        }
    }

    pub(super) fn function_call(&mut self) {
        let oid = *self.random.pick(&FUNCTIONS);
        let number = |number: u32| Value::Binary(number.to_be_bytes().to_vec());
        let arguments = match oid {
            177 | 154 => vec![number(6), number(0)],
            3210 => vec![Value::Text(b"{\"a\": 1}".to_vec())],
            _ => vec![Value::Binary(b"text".to_vec())],
        };
        self.say(Message::FunctionCall { oid, arguments });
        self.maybe_wait(2);
    }
}
