//! Random loads with rows that the target refuses, in transactions, savepoints and pipelines, by statements and COPY: what is
//! stored and what is set aside together are the rows that were sent and committed, each once.

use std::collections::BTreeSet;

use super::log_in;
use crate::differential::random::Random;
use crate::support::{Cluster, Database, Proxy, Wire, transcript};

const CONFIG: &str = "[errors]\ndata_error_policy = 'log-error'\n\
    data_truncation_error_policy = 'log-error'\nbatch_bytes = 1024\n[fk]\nmode = 'off'\n";

const TABLE: &str = "CREATE TABLE load (key int PRIMARY KEY, v varchar(5) NOT NULL CHECK (v <> 'bad'), one int UNIQUE);
    INSERT INTO load VALUES (1, 'there', 1)";

/// Sequences, and the phrases of each.
const SEEDS: u64 = 40;
const PHRASES: usize = 25;

/// Values behind the key, as SQL has them, of rows that are stored and of rows that are refused.
const GOOD: [&[&str]; 3] = [&["'v'", "NULL"], &["''", "NULL"], &["'v x'", "NULL"]];
const BAD: [&[&str]; 4] =
    [&["'too long'", "NULL"], &["NULL", "NULL"], &["'bad'", "NULL"], &["'v'", "1"]];

/// Keys have six digits and are given out once.
#[derive(Clone, Copy, Debug)]
struct Row {
    key: u32,
    is_good: bool,
    values: &'static [&'static str],
}

impl Row {
    /// The fields as a client sends them.
    fn fields(&self) -> Vec<Option<String>> {
        let values = self.values.iter().map(|value| match *value {
            "NULL" => None,
            value => Some(value.trim_matches('\'').to_owned()),
        });
        [Some(self.key.to_string())].into_iter().chain(values).collect()
    }

    fn constants(&self) -> String {
        format!("({}, {})", self.key, self.values.join(", "))
    }

    fn line(&self, is_csv: bool) -> String {
        let (null, delimiter) = if is_csv { ("", ",") } else { ("\\N", "\t") };
        let field = |field: Option<String>| match field {
            Some(field) if is_csv && field.is_empty() => "\"\"".to_owned(),
            field => field.unwrap_or_else(|| null.to_owned()),
        };
        self.fields().into_iter().map(field).collect::<Vec<_>>().join(delimiter) + "\n"
    }

    fn tuple(&self) -> Vec<u8> {
        let [_, v, one] = &self.fields()[..] else { panic!("three fields") };
        let one = one.as_ref().map(|one| one.parse::<u32>().unwrap().to_be_bytes().to_vec());
        let mut bytes = vec![0, 3];
        let v = v.as_ref().map(|v| v.as_bytes().to_vec());
        for field in [Some(self.key.to_be_bytes().to_vec()), v, one] {
            let length = field.as_ref().map_or(-1, |field| i32::try_from(field.len()).unwrap());
            bytes.extend(length.to_be_bytes());
            bytes.extend(field.unwrap_or_default());
        }
        bytes
    }
}

/// A client that loads, and what has to come of it.
struct Client {
    wire: Wire,
    random: Random,
    next_key: u32,
    is_open: bool,
    /// Rows of the open transaction, and how many there were at each savepoint.
    pending: Vec<Row>,
    savepoints: Vec<usize>,
    committed: Vec<Row>,
    sent_good: u64,
    in_pipeline: bool,
    /// What was sent, for a failure.
    told: Vec<String>,
}

impl Client {
    fn row(&mut self) -> Row {
        self.next_key += 1;
        let is_good = !self.random.one_in(6);
        let values = if is_good { *self.random.pick(&GOOD) } else { *self.random.pick(&BAD) };
        Row { key: self.next_key, is_good, values }
    }

    fn rows(&mut self, most: usize) -> Vec<Row> {
        (0..1 + self.random.below(most)).map(|_| self.row()).collect()
    }

    /// Rows were sent.
    fn note(&mut self, what: &str, rows: &[Row]) {
        self.told.push(format!("{what} {}", rows.iter().map(Row::constants).collect::<String>()));
        self.sent_good += u64::try_from(rows.iter().filter(|row| row.is_good).count()).unwrap();
        match self.is_open {
            true => self.pending.extend(rows),
            false => self.committed.extend(rows),
        }
    }

    fn sync(&mut self) {
        if std::mem::take(&mut self.in_pipeline) {
            self.wire.sync();
            self.told.push("Sync".to_owned());
        }
    }

    fn query(&mut self, sql: &str) {
        self.sync();
        self.wire.query(sql);
        self.told.push(sql.to_owned());
    }

    fn inserts(&mut self) {
        let rows = self.rows(5);
        self.sync();
        let all: Vec<String> = rows.iter().map(Row::constants).collect();
        let sql = match self.random.one_in(2) {
            true => format!("INSERT INTO load VALUES {}", all.join(", ")),
            false => format!("INSERT INTO load VALUES {}", all.join("; INSERT INTO load VALUES ")),
        };
        self.wire.query(sql);
        self.note("INSERT", &rows);
    }

    fn executes(&mut self) {
        let rows = self.rows(4);
        let places = |at: usize| format!("(${}, ${}, ${})", 3 * at + 1, 3 * at + 2, 3 * at + 3);
        let places: Vec<String> = (0..rows.len()).map(places).collect();
        let sql = format!("INSERT INTO load VALUES {}", places.join(", "));
        let fields: Vec<Option<String>> = rows.iter().flat_map(Row::fields).collect();
        let values: Vec<Option<&[u8]>> =
            fields.iter().map(|field| field.as_ref().map(String::as_bytes)).collect();
        self.wire.parse("", sql, &[]).bind("", "", &[], &values, 0).execute("", 0);
        self.in_pipeline = true;
        self.note("Execute", &rows);
    }

    fn copies(&mut self) {
        let rows = self.rows(120);
        let (format, stream) = match self.random.below(3) {
            0 => ("text", rows.iter().flat_map(|row| row.line(false).into_bytes()).collect()),
            1 => ("csv", rows.iter().flat_map(|row| row.line(true).into_bytes()).collect()),
            _ => {
                let mut stream = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
                rows.iter().for_each(|row| stream.extend(row.tuple()));
                stream.extend([0xff, 0xff]);
                ("binary", stream)
            }
        };
        let sql = format!("COPY load FROM STDIN (FORMAT {format})");
        let is_extended = self.random.one_in(2);
        if is_extended {
            self.wire.parse("", &sql, &[]).bind("", "", &[], &[], 0).execute("", 0);
            self.in_pipeline = true;
        } else {
            self.query(&sql);
        }
        self.send_rows(&stream);
        self.wire.copy_done();
        self.note(&sql, &rows);
    }

    fn send_rows(&mut self, mut stream: &[u8]) {
        while !stream.is_empty() {
            let (now, later) = stream.split_at(1 + self.random.below(stream.len().min(700)));
            self.wire.copy_data(now);
            stream = later;
        }
    }

    fn transaction(&mut self) {
        match (self.is_open, self.random.below(6)) {
            (false, _) => {
                self.query("BEGIN");
                self.is_open = true;
            }
            (true, 0 | 1) => {
                self.query("COMMIT");
                self.committed.append(&mut self.pending);
                self.end();
            }
            (true, 2) => {
                self.query("ROLLBACK");
                self.end();
            }
            (true, 3) if !self.savepoints.is_empty() => {
                self.query("ROLLBACK TO s");
                self.pending.truncate(*self.savepoints.last().unwrap());
            }
            (true, _) => {
                self.query("SAVEPOINT s");
                self.savepoints.push(self.pending.len());
            }
        }
    }

    fn end(&mut self) {
        self.pending.clear();
        self.savepoints.clear();
        self.is_open = false;
    }

    fn phrase(&mut self) {
        match self.random.below(10) {
            0 | 1 => self.inserts(),
            2..5 => self.executes(),
            5 | 6 => self.copies(),
            7 | 8 => self.transaction(),
            _ => self.sync(),
        }
    }

    /// Commits, and reads what the proxy has said; gives the rows that it says are in.
    fn answers(&mut self) -> u64 {
        if self.is_open {
            self.query("COMMIT");
            self.committed.append(&mut self.pending);
        }
        self.query("SELECT 'the end'");
        let mut said = String::new();
        while !said.contains("DataRow the end") {
            let frames = self.wire.until_ready();
            assert!(!frames.is_empty(), "closed behind {said}: {:#?}", self.told);
            assert!(!frames.iter().any(|frame| frame.tag == b'E'), "{frames:?}: {:#?}", self.told);
            said += &transcript(&frames);
        }
        let counts = said.lines().filter_map(|line| {
            let tag = line.strip_prefix("CommandComplete ")?;
            let count = tag.strip_prefix("INSERT 0 ").or_else(|| tag.strip_prefix("COPY "))?;
            Some(count.parse::<u64>().unwrap())
        });
        counts.sum()
    }
}

/// The keys in the rows that were set aside.
fn keys_aside(database: &Database) -> Vec<u32> {
    let rows = database.query("SELECT format, encode(\"row\", 'hex') FROM dms_proxy.rejected_rows");
    let key = |row: Vec<String>| {
        let bytes: Vec<u8> = (0..row[1].len() / 2)
            .map(|at| u8::from_str_radix(&row[1][2 * at..2 * at + 2], 16).unwrap())
            .collect();
        if row[0].starts_with("binary") {
            return u32::from_be_bytes(bytes[6..10].try_into().unwrap());
        }
        let text = String::from_utf8(bytes).unwrap();
        let digits = text.split(|character: char| !character.is_ascii_digit());
        let mut keys = digits.filter(|digits| digits.len() == 6);
        let key = keys.next().unwrap_or_else(|| panic!("no key in {text:?}")).parse().unwrap();
        assert_eq!(keys.next(), None, "{text:?} is of several rows");
        key
    };
    rows.into_iter().map(key).collect()
}

#[test]
fn rows_stored_and_rows_set_aside_are_the_rows_sent() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let mut counts = [0, 0];
    for seed in 0..SEEDS {
        database.query(&format!("DROP TABLE IF EXISTS load; {TABLE}"));
        let wire = log_in(&proxy.endpoint(database.endpoint()));
        let mut client = Client {
            wire,
            random: Random::new(seed),
            next_key: 100_000,
            is_open: false,
            pending: Vec::new(),
            savepoints: Vec::new(),
            committed: Vec::new(),
            sent_good: 0,
            in_pipeline: false,
            told: Vec::new(),
        };
        (0..PHRASES).for_each(|_| client.phrase());
        assert_eq!(client.answers(), client.sent_good, "seed {seed}: {:#?}", client.told);
        let keys = |is_good: bool| -> Vec<u32> {
            let rows = client.committed.iter().filter(|row| row.is_good == is_good);
            rows.map(|row| row.key).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let stored = database.query("SELECT key FROM load WHERE key > 1 ORDER BY key");
        let stored: Vec<u32> = stored.into_iter().map(|row| row[0].parse().unwrap()).collect();
        assert_eq!(stored, keys(true), "seed {seed}: {:#?}", client.told);
        let mut aside = keys_aside(&database);
        aside.sort_unstable();
        assert_eq!(aside, keys(false), "seed {seed}: {:#?}", client.told);
        database.query("DELETE FROM dms_proxy.rejected_rows");
        counts = [counts[0] + stored.len(), counts[1] + aside.len()];
    }
    assert!(counts[0] > 1000 && counts[1] > 200, "too few rows: {counts:?}");
}
