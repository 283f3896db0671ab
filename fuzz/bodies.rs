//! What each fuzz target does with its bytes: no input may panic, hang, or give another result when
//! it comes in other pieces. The first byte of an input chooses options and the size of the pieces.

use std::sync::Arc;

use dms_proxy::config::Config;
use dms_proxy::encoding::Encoding;
use dms_proxy::mapping::{Mapping, MappingOptions};
use dms_proxy::session::{Exchange, Session};
use dms_proxy::statement::lexer::Lexer;
use dms_proxy::statement::{self, Lexing, json_escapes_in, mend_literals};
use dms_proxy::value::{
    BindScanner, Column, ColumnJudge, CopyColumn, CopyFormat, CopyOptions, CopyRows, CopyScanner,
    ForcedColumns, NulPolicy, ValueKind, ValuePolicies, first_bind_nul, mend_parse, type_oid,
    without_bind_nuls,
};
use dms_proxy::wire::{self, StartupParameters};

const ENCODINGS: [Encoding; 4] =
    [Encoding::Utf8, Encoding::ShiftJis, Encoding::AsciiTrail, Encoding::Gb18030];

/// Longest message in these runs, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The choice that the first byte makes, and the other bytes.
fn choice(data: &[u8]) -> (usize, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest))
}

fn encoding(choice: usize) -> Encoding {
    ENCODINGS[choice % 4]
}

fn kinds() -> Arc<[ValueKind]> {
    Arc::from([ValueKind::Json, ValueKind::Other, ValueKind::Character])
}

/// Heads of frames, one behind the other, and the messages in them.
pub fn frame(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(head)) = wire::head(rest, MESSAGE_BYTES_MAX) {
        assert!(head.frame_bytes >= wire::HEAD_BYTES);
        let Some(body) = rest.get(wire::HEAD_BYTES..head.frame_bytes) else { return };
        let _ = (wire::cstring(body), wire::parse_view(body), wire::bind_names(body));
        let _ = (wire::ready_status(body), wire::parameter_status(body), wire::command_rows(body));
        let _ = (wire::data_row_text(body), wire::error_field(body, b'C'));
        rest = &rest[head.frame_bytes..];
    }
}

/// What a target says at login, so that the session is ready.
const LOGIN: [&[u8]; 4] = [
    b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
    b"D\0\0\0\x16\0\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I",
    b"C\0\0\0\x08SET\0Z\0\0\0\x05I",
];

/// Messages from the client through a session that is ready; where the first byte is odd, the
/// target has asked for rows.
pub fn frontend_message(data: &[u8]) {
    let (choice, messages) = choice(data);
    let run = |piece_bytes: usize| {
        let config: Config = toml::from_str("").expect("the defaults");
        let policy = Arc::new(config.policy().expect("the defaults"));
        let session = Session::new(policy, StartupParameters::default());
        let mut exchange = Exchange::new(session, b"");
        let mut sent = Vec::new();
        for reply in LOGIN {
            exchange.to_client.extend(reply);
            exchange.judge_target();
        }
        if choice % 2 == 1 {
            client_says(&mut exchange, &mut sent, b"Q\0\0\0\x16COPY t FROM STDIN\0");
            // The question for the columns is answered first, so that the rows are not held back.
            exchange.to_client.extend(b"C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I");
            exchange.judge_target();
            exchange.to_client.extend(b"G\0\0\0\x09\0\0\x01\0\0");
            exchange.judge_target();
            assert!(!exchange.client_waits());
        }
        for piece in messages.chunks(piece_bytes) {
            client_says(&mut exchange, &mut sent, piece);
        }
        sent
    };
    assert_eq!(run(usize::MAX), run(1 + choice / 2));
}

/// Configurations that conversations are held in: what is asked of the target, and what is refused,
/// differs by them.
const CONFIGURATIONS: [&str; 4] = [
    "",
    "[fk]\nmode = \"park\"\n[table_prep]\nmode = \"drop-and-create\"\n[values]\nnul = \"remove\"\n",
    "[values]\nnul = \"reject\"\nsilent_loss = \"reject\"\ntoo_long = \"truncate\"\n\
     [table_prep]\nmode = \"truncate-before-load\"\n[fk]\non_denied = \"park\"\n",
    "[limits]\nstatement_bytes = 1024\npipeline_messages = 4\n\
     [target]\nafter_connect_script = \"SELECT 1\"\nexecute_timeout = 7\n",
];

/// Messages that a conversation gets to only by luck otherwise, by the number that a piece begins
/// with; the first ones are the client's. Those of the target answer the proxy's own questions, well
/// or badly.
const MESSAGES: [(u8, &[u8]); 32] = [
    (b'Q', b"COPY t (a, b) FROM STDIN\0"),
    (b'Q', b"BEGIN; SET dms.fk = 'off'; SAVEPOINT s\0"),
    (b'Q', b"ROLLBACK; RESET ALL\0"),
    (b'Q', b"DROP TABLE IF EXISTS s.t; TRUNCATE u; INSERT INTO t VALUES (E'\\000', '{}')\0"),
    (b'Q', b"CREATE TABLE t (a NVARCHAR(40000), b STRING(0)); COPY t FROM STDIN\0"),
    (b'P', b"s\0INSERT INTO t (a, b) VALUES ($1, $2)\0\0\x02\0\0\0\x17\0\0\0\0"),
    (b'P', b"\0INSERT INTO t VALUES ($1, '1.234')\0\0\x01\0\0\0\x19"),
    (b'P', b"s\0COPY t FROM STDIN (FORMAT csv)\0\0\0"),
    (b'B', b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x02\0a\0\0"),
    (b'B', b"\0\0\0\x01\0\0\0\x01\0\0\0\x03a\0b\0\0"),
    (b'E', b"\0\0\0\0\0"),
    (b'D', b"Ss\0"),
    (b'C', b"Ss\0"),
    (b'S', b""),
    (b'H', b""),
    (b'F', b"\0\0\x02\xCC\0\x01\0\x01\0\x01\0\0\0\x03a\0b\0\x01"),
    (b'Z', b"I"),
    (b'Z', b"T"),
    (b'Z', b"E"),
    (b'C', b"SELECT 1\0"),
    (b'E', b"SERROR\0C57014\0Mcanceling statement due to user request\0\0"),
    (b'E', b"SERROR\0VERROR\0C42501\0Mpermission denied\0P3\0\0"),
    (b'N', b"SWARNING\0C57014\0Mcancelled\0DForeign keys were not parked.\0\0"),
    (
        b'D',
        b"\0\x09\0\0\0\x01p\0\0\0\x01t\0\0\0\x01a\0\0\0\x0216\0\0\0\x010\0\0\0\x02-1\
             \0\0\0\x01f\0\0\0\0\0\0\0\0",
    ),
    (
        b'D',
        b"\0\x09\0\0\0\x01p\0\0\0\x01t\0\0\0\x01b\0\0\0\x043802\0\0\0\x010\0\0\0\x019\
             \0\0\0\x01f\0\0\0\x01a\0\0\0\x01s",
    ),
    (b'D', b"\0\x04\0\0\0\x03cdc\0\0\0\x04park\0\0\0\x02of\0\0\0\x03off"),
    (b't', b"\0\x02\0\0\x0E\xDA\0\0\x40\x01"),
    (b'T', b"\0\0"),
    (b'G', b"\0\0\x02\0\0\0\0"),
    (b'G', b"\x01\0\x01\0\x01"),
    (b'2', b""),
    (b'3', b""),
];

/// The number of messages in [`MESSAGES`] that are the client's.
const CLIENTS: usize = 16;

/// Whole messages from both peers, in any order, legal or not: the first byte of each piece is the
/// message's tag, the second says who sends it and how long it is, the rest is its body. A first byte
/// that is too low for a tag is the number of a message that is kept. The session may end, but it may
/// not panic, nor hold more than the two buffers that it was given, and how the messages come in
/// pieces may make no difference. Last of all the proxy is stopped.
pub fn conversation(data: &[u8]) {
    let (choice, messages) = choice(data);
    let whole = hold(choice, messages, usize::MAX);
    let cut = hold(choice, messages, 1 + choice / 32);
    assert!(cut == whole, "{}\n--- whole\n{}", cut.join("\n"), whole.join("\n"));
}

/// Frames, a line each. Rows that are taken apart are framed as they come, so that only what they
/// hold together is compared.
fn lines(said: &[u8]) -> String {
    let (mut lines, mut rest, mut behind_rows) = (String::new(), said, false);
    while let Ok(Some(head)) = wire::head(rest, MESSAGE_BYTES_MAX) {
        let (frame, behind) = rest.split_at(head.frame_bytes.min(rest.len()));
        let is_rows = head.tag == b'd';
        if !(is_rows && behind_rows) {
            lines.push('\n');
            lines.push(char::from(head.tag));
        }
        lines.push_str(&frame[wire::HEAD_BYTES..].escape_ascii().to_string());
        (rest, behind_rows) = (behind, is_rows);
    }
    lines + &rest.escape_ascii().to_string()
}

/// Holds a conversation; gives what came out, to the target and to the client.
fn hold(choice: usize, messages: &[u8], piece_bytes: usize) -> [String; 2] {
    let config: Config = toml::from_str(CONFIGURATIONS[choice % 4]).expect("a configuration");
    let policy = Arc::new(config.policy().expect("a policy"));
    let session = Session::new(policy, StartupParameters::default());
    let mut exchange = Exchange::new(session, b"");
    let mut said = [Vec::new(), Vec::new()];
    if choice & 4 == 0 {
        for reply in LOGIN {
            exchange.to_client.extend(reply);
            exchange.judge_target();
        }
    }
    let mut rest = messages;
    while let [tag, how, behind @ ..] = rest {
        let (from_client, frame);
        if let Some((number, (kept, body))) =
            MESSAGES.iter().enumerate().find(|(number, _)| *number == usize::from(*tag))
        {
            (from_client, frame) = (number < CLIENTS, wire::with_body(*kept, &[body]));
            rest = &rest[1..];
        } else {
            let (body, behind) = behind.split_at(behind.len().min(usize::from(how >> 1)));
            (from_client, frame) = (how & 1 == 1, wire::with_body(*tag, &[body]));
            rest = behind;
        }
        // A peer that has to wait is not read from.
        if from_client && exchange.client_waits() {
            continue;
        }
        for piece in frame.chunks(piece_bytes) {
            if from_client {
                exchange.to_target.extend(piece);
                exchange.judge_client();
            } else {
                exchange.to_client.extend(piece);
                exchange.judge_target();
            }
            take_outgoing(&mut exchange, &mut said, messages.len());
        }
        if exchange.has_failed() {
            return said.map(|said| lines(&said));
        }
    }
    exchange.stop();
    assert!(exchange.has_failed() || exchange.session.target_is_mid_frame());
    take_outgoing(&mut exchange, &mut said, messages.len());
    said.map(|said| lines(&said))
}

fn take_outgoing(exchange: &mut Exchange, said: &mut [Vec<u8>; 2], bytes: usize) {
    let buffers = [&mut exchange.to_target, &mut exchange.to_client];
    for (buffer, said) in buffers.into_iter().zip(said) {
        said.extend_from_slice(buffer.outgoing());
        buffer.mark_sent(buffer.outgoing().len());
        assert!(buffer.capacity() <= 64 * 1024 + 64 * bytes, "{}", buffer.capacity());
    }
}

fn client_says(exchange: &mut Exchange, sent: &mut Vec<u8>, bytes: &[u8]) {
    exchange.to_target.extend(bytes);
    exchange.judge_client();
    let outgoing = exchange.to_target.outgoing();
    sent.extend_from_slice(outgoing);
    let count = outgoing.len();
    exchange.to_target.mark_sent(count);
}

/// The rows of COPY text.
pub fn copy_text(data: &[u8]) {
    let (choice, stream) = choice(data);
    let options = CopyOptions::new(CopyFormat::Text);
    let options = match choice & 8 {
        0 => options,
        _ => CopyOptions { delimiter: b' ', null: b"\\0".to_vec(), ..options },
    };
    copy(stream, &options, choice);
}

/// The rows of CSV.
pub fn copy_csv(data: &[u8]) {
    let (choice, stream) = choice(data);
    let options = CopyOptions::new(CopyFormat::Csv);
    let options = match choice & 24 {
        0 => options,
        8 => CopyOptions { escape: b'\\', null: b"attNULL".to_vec(), ..options },
        _ => CopyOptions { quote: b' ', null: b"a ".to_vec(), ..options },
    };
    copy(stream, &options, choice);
}

/// A stream of COPY binary.
pub fn copy_binary(data: &[u8]) {
    let (choice, stream) = choice(data);
    copy(stream, &CopyOptions::new(CopyFormat::Binary), choice);
}

fn copy(stream: &[u8], options: &CopyOptions, choice: usize) {
    let mend = |stream: &[u8], piece_bytes: usize| {
        let mut buffer = stream.to_vec();
        let mut scanner = CopyScanner::with_kinds(options, encoding(choice), &kinds());
        let mut sent = 0;
        for from in (0..stream.len()).step_by(piece_bytes) {
            scanner.scan(&mut buffer, from, stream.len().min(from + piece_bytes));
            let held = scanner.held_from().unwrap_or(buffer.len());
            assert!(held >= sent, "held what was sent");
            sent = sent.max(held.min(from));
        }
        scanner.finish(&mut buffer);
        (buffer, scanner.take_replaced())
    };
    let (mended, replaced) = mend(stream, stream.len().max(1));
    assert_eq!(mended.len(), stream.len());
    assert_eq!(mended != stream, replaced > 0);
    assert_eq!(mend(stream, 1 + choice / 32), (mended.clone(), replaced));
    assert_eq!(mend(&mended, stream.len().max(1)), (mended, 0));
}

/// A COPY stream of any format taken apart into fields.
pub fn copy_rows(data: &[u8]) {
    let (choice, stream) = choice(data);
    let text = CopyOptions::new(CopyFormat::Text);
    let csv = CopyOptions::new(CopyFormat::Csv);
    let options = match choice / 4 % 6 {
        0 => text,
        1 => CopyOptions { delimiter: b' ', null: b"a".to_vec(), header_lines: 1, ..text },
        2 => csv,
        3 => CopyOptions { escape: b'\\', null: b"attNULL".to_vec(), header_lines: 1, ..csv },
        4 => CopyOptions { quote: b' ', force_null: ForcedColumns::All, ..csv },
        _ => CopyOptions::new(CopyFormat::Binary),
    };
    let judged = |nul| {
        let policies = ValuePolicies { nul, ..ValuePolicies::default() };
        let column = Column { type_oid: type_oid::TEXT, ..Column::default() };
        let encoding = encoding(choice);
        CopyColumn::Judged(ColumnJudge::new(&policies, &policies.bad_dates, &column, encoding))
    };
    let rewrite = |columns: Vec<CopyColumn>, piece_bytes: usize| {
        let mut copy = CopyRows::new(&options, encoding(choice), columns, 20);
        let mut rows = Vec::new();
        let mut results: Vec<_> =
            stream.chunks(piece_bytes).map(|piece| copy.rewrite(piece, &mut rows)).collect();
        results.push(copy.finish(&mut rows));
        let refused = results.into_iter().find_map(Result::err);
        (rows, refused, copy.take_findings(), copy.too_long(), copy.of_two_encodings())
    };
    let pieces = [stream.len().max(1), 1 + choice / 32];
    let columns = [
        vec![judged(NulPolicy::Remove), CopyColumn::LeftOut, CopyColumn::Kept],
        vec![CopyColumn::LeftOut, judged(NulPolicy::Space), judged(NulPolicy::Reject)],
    ];
    for columns in columns {
        let [whole, cut] = pieces.map(|piece_bytes| rewrite(columns.clone(), piece_bytes));
        assert_eq!(whole, cut);
        assert!(whole.0.len() <= 4 * stream.len() + 2);
    }
    for piece_bytes in pieces {
        let kept = rewrite(vec![CopyColumn::Kept; 3], piece_bytes);
        assert_eq!(kept, (stream.to_vec(), None, Vec::new(), 0, 0));
    }
}

/// The body of a Bind, and of a Parse.
pub fn bind(data: &[u8]) {
    let (choice, body) = choice(data);
    let mend = |piece_bytes: usize, asking: bool| {
        let mut scanner = match asking {
            true => BindScanner::asking_for_kinds(body.len(), encoding(choice)),
            false => BindScanner::with_kinds(body.len(), encoding(choice), &kinds()),
        };
        let (mut unsent, mut sent) = (Vec::new(), Vec::new());
        for piece in body.chunks(piece_bytes) {
            unsent.extend_from_slice(piece);
            loop {
                let settled = scanner.scan(&mut unsent);
                sent.extend(unsent.drain(..settled));
                if !scanner.needs_kinds() {
                    break;
                }
                scanner.set_kinds(&kinds());
            }
            assert!(unsent.len() <= 1);
        }
        (sent, unsent, scanner.take_replaced())
    };
    let whole = mend(body.len().max(1), false);
    assert_eq!(whole.0.len() + whole.1.len(), body.len());
    assert_eq!(mend(1 + choice / 4, false), whole);
    mend(1 + choice / 4, true);
    let removed = without_bind_nuls(body, encoding(choice), &kinds());
    let first = first_bind_nul(body, encoding(choice), &kinds());
    assert_eq!(removed.is_some(), first.is_some());
    let mut parse = body.to_vec();
    let replaced = mend_parse(&mut parse);
    assert_eq!(replaced > 0, parse != body);
    assert_eq!(mend_parse(&mut parse), 0);
}

/// SQL text: read, rewritten, its constants mended.
pub fn statement(data: &[u8]) {
    let (choice, sql) = choice(data);
    let standard_conforming_strings = choice & 4 == 0;
    let lexing = Lexing { encoding: encoding(choice), standard_conforming_strings };
    let mapping = Mapping::new(MappingOptions::default()).expect("the defaults");
    let script = statement::read(sql, lexing, &mapping);
    let mut position = 0;
    for edit in &script.edits {
        assert!(position <= edit.span.start && edit.span.end <= sql.len());
        position = edit.span.end;
    }
    statement::apply(sql, &script.edits);
    let mut mended = sql.to_vec();
    let replaced = mend_literals(&mut mended, lexing);
    assert_eq!(replaced > 0, mended != sql);
    assert_eq!(mend_literals(&mut mended, lexing), 0);
    assert!(Lexer::new(&mended, lexing).eq(Lexer::new(sql, lexing)));
    let mut constant = sql.to_vec();
    json_escapes_in(&mut constant, choice & 8 == 0, lexing.encoding);
    assert_eq!(constant.len(), sql.len());
}
