//! COPY FROM STDIN in all formats, by both protocols.

use super::Generator;
use crate::differential::message::Message;

/// A table, what follows COPY, and its rows: `{}` is the key.
struct Target {
    into: &'static str,
    options: &'static str,
    row: &'static str,
}

const TARGETS: [Target; 17] = [
    Target { into: "t_bool", options: "", row: "{}\tt\n" },
    Target { into: "t_bool (b, id)", options: "", row: "\\N\t{}\n" },
    Target { into: "t_int", options: "", row: "{}\t7\n" },
    Target { into: "t_json", options: "", row: "{}\t{\"a\": \"\\\\t\"}\t[1]\n" },
    Target { into: "t_uuid", options: "", row: "{}\ta0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n" },
    Target { into: "t_bytes", options: "", row: "{}\t\\\\x01ff\n" },
    Target { into: "t_bool", options: " WITH (FORMAT csv)", row: "{},true\n" },
    Target {
        into: "t_text",
        options: " WITH (FORMAT csv, HEADER)",
        row: "{},\"it\"\"s\",\"a\nb\",c\n",
    },
    Target {
        into: "t_json (id, j)",
        options: " CSV DELIMITER ';'",
        row: "{};\"{\"\"a\"\": 1}\"\n",
    },
    Target { into: "t_time (id, d)", options: " (DELIMITER '|')", row: "{}|2024-02-29\n" },
    Target { into: "other.t_bool", options: "", row: "{}\ttext\n" },
    Target { into: "t_bool", options: " (FORMAT csv, NULL 'none', QUOTE '!')", row: "{},!f!\n" },
    Target {
        into: "t_text",
        options: " (FORMAT csv, FORCE_NULL (s), ESCAPE '\\')",
        row: "{},\"\",\"a\\\"b\",c\n",
    },
    Target { into: "t_text (id, t)", options: " (ENCODING 'latin1')", row: "{}\tplain\n" },
    Target { into: "t_mood", options: "", row: "{}\tok\t{1,2}\tf\n" },
    Target { into: "v_bool", options: "", row: "{}\tt\n" },
    Target { into: "missing", options: "", row: "{}\t1\n" },
];

/// How a client ends its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Fail,
    /// Not at all.
    Never,
}

impl Generator {
    fn end_of_rows(&mut self) -> End {
        match self.random.below(12) {
            0..8 => End::Done,
            8..11 => End::Fail,
            _ if self.has("copy-sync") => End::Never,
            _ => End::Done,
        }
    }

    fn key_of_row(&mut self, end: End) -> u32 {
        match end == End::Done || !self.leaves_out("given-up-rows") {
            true => self.key(),
            false => self.new_key(),
        }
    }

    fn copy_statement(&mut self, end: End) -> (String, Vec<u8>) {
        let rows = self.random.below(4);
        let may_be_cut = end != End::Never || !self.leaves_out("cut-rows");
        if self.random.one_in(6) && may_be_cut {
            return self.binary_copy(rows, end);
        }
        let Target { into, options, row } = self.random.pick(&TARGETS);
        let mut stream = match options.contains("HEADER") {
            true => "id,s,t,c\n".to_owned(),
            false => String::new(),
        };
        for _ in 0..rows {
            let key = self.key_of_row(end).to_string();
            stream += &row.replace("{}", &key);
        }
        if self.random.one_in(10) && *into == "t_json (id, j)" {
            // Longer than what is read at once.
            stream += &format!("5;\"[{}1]\"\n", "1, ".repeat(30_000));
        }
        if self.random.one_in(5) && may_be_cut {
            let wrong = *self.random.pick(&["zzz\n", "1\t2\t3\t4\t5\n", "\\.\n", "1"]);
            stream += wrong;
        }
        (format!("COPY {into} FROM STDIN{options}"), stream.into_bytes())
    }

    fn binary_copy(&mut self, rows: usize, end: End) -> (String, Vec<u8>) {
        let mut stream = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        for _ in 0..rows {
            stream.extend([0, 2, 0, 0, 0, 4]);
            stream.extend(self.key_of_row(end).to_be_bytes());
            stream.extend([0, 0, 0, 1, 1]);
        }
        if !self.random.one_in(8) {
            stream.extend([0xff, 0xff]);
        }
        ("COPY t_bool FROM STDIN WITH (FORMAT binary)".to_owned(), stream)
    }

    /// The rows, cut anywhere, and the end of them.
    fn rows(&mut self, mut stream: &[u8], end: End) {
        while !stream.is_empty() {
            let most = if stream.len() > 1000 { stream.len() } else { 60 };
            let count = 1 + self.random.below(stream.len().min(most));
            let (now, later) = stream.split_at(count);
            self.say(Message::CopyData(now.to_vec()));
            stream = later;
            if self.random.one_in(25) && self.has("copy-sync") {
                self.say_one(&[Message::Flush, Message::Sync, Message::Wait]);
            }
        }
        self.maybe_wait(8);
        match end {
            End::Done => self.say(Message::CopyDone),
            End::Fail => self.say(Message::CopyFail("enough".to_owned())),
            End::Never => {}
        }
    }

    pub(super) fn copy_by_query(&mut self) {
        let end = self.end_of_rows();
        let (copy, stream) = self.copy_statement(end);
        let sql = match self.random.below(10) {
            0 => format!("BEGIN; {copy}; COMMIT"),
            1 => format!("{copy}; SET dms.phase = 'cdc'"),
            2 => format!("{}; {copy}", self.insert()),
            3 => format!("{copy}; {}", self.statement()),
            _ => copy,
        };
        self.query(&sql);
        self.maybe_wait(2);
        self.rows(&stream, end);
        self.maybe_wait(2);
    }

    /// With or without a Sync behind the Execute, which the server then ignores.
    pub(super) fn copy_by_execute(&mut self) {
        let end = self.end_of_rows();
        let (copy, stream) = self.copy_statement(end);
        self.execute_text(&copy);
        if self.random.one_in(3) && self.has("copy-sync") {
            self.say(Message::Sync);
        } else if self.random.one_in(4) {
            self.say(Message::Flush);
        }
        self.maybe_wait(3);
        self.rows(&stream, end);
        if self.random.one_in(3) {
            self.execute_insert();
        }
        self.maybe_sync();
    }

    fn execute_insert(&mut self) {
        let sql = self.insert();
        self.execute_text(&sql);
    }
}
