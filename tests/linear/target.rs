//! A target that answers each message with the shortest answer there is, and questions about relations
//! with the columns of a shape.

/// A column as the catalog tells of it.
pub struct Column {
    pub name: String,
    pub type_oid: u32,
    pub is_generated: bool,
}

impl Column {
    pub fn new(name: impl Into<String>, type_oid: u32) -> Column {
        Column { name: name.into(), type_oid, is_generated: false }
    }
}

pub struct Target {
    /// Those of the first relation of each question; others are not there.
    columns: Vec<Column>,
    /// A frame that has not come as a whole.
    rest: Vec<u8>,
    /// What the unnamed statement of the proxy's own asks.
    asked: bool,
    pub questions: u64,
    pub question_bytes: usize,
    /// All that has come.
    pub bytes: usize,
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

fn row(values: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(value.as_bytes());
    }
    frame(b'D', &body)
}

impl Target {
    pub fn new(columns: Vec<Column>) -> Target {
        Target {
            columns,
            rest: Vec::new(),
            asked: false,
            questions: 0,
            question_bytes: 0,
            bytes: 0,
        }
    }

    /// Answers all whole frames.
    pub fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.bytes += bytes.len();
        let mut held = std::mem::take(&mut self.rest);
        let bytes = if held.is_empty() {
            bytes
        } else {
            held.extend(bytes);
            &held
        };
        let (mut answers, mut at) = (Vec::new(), 0);
        while let Some(head) = bytes.get(at..at + 5) {
            let length = u32::from_be_bytes(head[1..].try_into().unwrap());
            let end = at + 1 + usize::try_from(length).unwrap();
            let Some(body) = bytes.get(at + 5..end) else { break };
            self.answer_one(head[0], body, &mut answers);
            at = end;
        }
        self.rest = bytes[at..].to_vec();
        answers
    }

    fn answer_one(&mut self, tag: u8, body: &[u8], answers: &mut Vec<u8>) {
        let complete = frame(b'C', b"DONE\0");
        match tag {
            b'Q' if is_question(body) => {
                self.note(body);
                answers.extend(self.rows(body));
                answers.extend(complete);
                answers.extend(frame(b'Z', b"I"));
            }
            b'Q' => {
                answers.extend(complete);
                answers.extend(frame(b'Z', b"I"));
            }
            b'P' => {
                // Our own statements have a name that begins with this byte.
                self.asked = body.first() == Some(&1) && is_question(body);
                if self.asked {
                    self.note(body);
                }
                answers.extend(frame(b'1', b""));
            }
            b'B' => answers.extend(frame(b'2', b"")),
            b'D' => answers.extend([frame(b't', b"\0\0"), frame(b'n', b"")].concat()),
            b'E' => {
                if std::mem::take(&mut self.asked) {
                    answers.extend(self.rows(b"pg_attribute"));
                }
                answers.extend(complete);
            }
            b'C' => answers.extend(frame(b'3', b"")),
            b'S' => answers.extend(frame(b'Z', b"I")),
            _ => {}
        }
    }

    fn note(&mut self, body: &[u8]) {
        self.questions += 1;
        self.question_bytes += body.len();
    }

    fn rows(&self, body: &[u8]) -> Vec<u8> {
        let front = &body[..body.len().min(4096)];
        if !front.windows(12).any(|window| window == b"pg_attribute") {
            return Vec::new();
        }
        let rows = self.columns.iter().enumerate().map(|(index, column)| {
            let (number, oid) = ((index + 1).to_string(), column.type_oid.to_string());
            let generated = if column.is_generated { "s" } else { "" };
            row(&["0", &number, "public", "t", &column.name, &oid, "0", "-1", "f", "", generated])
        });
        rows.collect::<Vec<_>>().concat()
    }
}

/// Whether a text is one of ours: what the shapes say is not qualified.
fn is_question(body: &[u8]) -> bool {
    let front = &body[..body.len().min(200)];
    front.windows(18).any(|window| window == b"SELECT s.number, a")
        || front.windows(18).any(|window| window == b"SELECT s.number, u")
        || front.windows(18).any(|window| window == b"pg_catalog.current")
        || front.starts_with(b"DO $dms_proxy")
}
