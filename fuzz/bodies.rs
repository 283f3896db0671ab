//! What each fuzz target does with its bytes: no input may panic, hang, or give another result when
//! it comes in other pieces. The first byte of an input chooses options and the size of the pieces.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dms_proxy::auth::{
    ChannelBinding, ClientBegun, Credential, Mechanism, ProofVerdict, ScramSecret, ServerExchange,
};
use dms_proxy::config::Config;
use dms_proxy::encoding::Encoding;
use dms_proxy::login::{Accepted, Client, Login, Opened, Opening, ask, log_in_on};
use dms_proxy::mapping::{Mapping, MappingOptions};
use dms_proxy::session::{Direction, Exchange, Session};
use dms_proxy::statement::lexer::Lexer;
use dms_proxy::statement::script::{ConstantPurpose, Scratch, Script};
use dms_proxy::statement::{self, Lexing, json_escapes_in};
use dms_proxy::stream::Stream;
use dms_proxy::target::{LoginDemands, Target, TargetAddress};
use dms_proxy::tls::TargetTlsSettings;
use dms_proxy::value::{
    BindRules, BindScanner, Column, ColumnJudge, CopyColumn, CopyFormat, CopyOptions, CopyRows,
    CopyScanner, FittedBind, ForcedColumns, NulPolicy, ValueKind, ValuePolicies, fit,
    mend_function_call, mend_parse, type_oid,
};
use dms_proxy::wire::{self, BindBody, StartupPacket, StartupParameters};
use tokio::runtime::Runtime;

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
        let _ = (wire::cstring(body), wire::parse_view(body), wire::bound_statement(body));
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
        let session = Session::new(policy, Arc::default(), StartupParameters::default());
        let mut exchange = Exchange::new(session);
        let mut sent = Vec::new();
        for reply in LOGIN {
            exchange.buffer(Direction::ToClient).extend(reply);
            exchange.judge_target();
        }
        if choice % 2 == 1 {
            client_says(&mut exchange, &mut sent, b"Q\0\0\0\x16COPY t FROM STDIN\0");
            // The question for the columns is answered first, so that the rows are not held back.
            exchange.buffer(Direction::ToClient).extend(b"C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I");
            exchange.judge_target();
            exchange.buffer(Direction::ToClient).extend(b"G\0\0\0\x09\0\0\x01\0\0");
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
    let session = Session::new(policy, Arc::default(), StartupParameters::default());
    let mut exchange = Exchange::new(session);
    let mut said = [Vec::new(), Vec::new()];
    if choice & 4 == 0 {
        for reply in LOGIN {
            exchange.buffer(Direction::ToClient).extend(reply);
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
                exchange.buffer(Direction::ToTarget).extend(piece);
                exchange.judge_client();
            } else {
                exchange.buffer(Direction::ToClient).extend(piece);
                exchange.judge_target();
            }
            take_outgoing(&mut exchange, &mut said, messages.len());
        }
        if exchange.has_failed() {
            return said.map(|said| lines(&said));
        }
    }
    exchange.stop();
    assert!(exchange.has_failed() || exchange.target_is_mid_frame());
    take_outgoing(&mut exchange, &mut said, messages.len());
    said.map(|said| lines(&said))
}

fn take_outgoing(exchange: &mut Exchange, said: &mut [Vec<u8>; 2], bytes: usize) {
    let directions = [Direction::ToTarget, Direction::ToClient];
    for (direction, said) in directions.into_iter().zip(said) {
        let buffer = exchange.buffer(direction);
        said.extend_from_slice(buffer.outgoing());
        buffer.mark_sent(buffer.outgoing().len());
        assert!(buffer.capacity() <= 64 * 1024 + 64 * bytes, "{}", buffer.capacity());
    }
}

fn client_says(exchange: &mut Exchange, sent: &mut Vec<u8>, bytes: &[u8]) {
    exchange.buffer(Direction::ToTarget).extend(bytes);
    exchange.judge_client();
    let outgoing = exchange.outgoing(Direction::ToTarget);
    sent.extend_from_slice(outgoing);
    let count = outgoing.len();
    exchange.buffer(Direction::ToTarget).mark_sent(count);
}

/// A login: what a client sends before its session, what a target says to the proxy's own login and
/// to its question for a user, and the messages of SCRAM on both sides. Nobody gets in by it.
pub fn login(data: &[u8]) {
    let (choice, said) = choice(data);
    startup(said);
    match choice % 4 {
        0 => client_of_a_login(said),
        1 => target_of_a_login(said, choice),
        2 => scram_messages(said, choice),
        _ => scram_password(said, choice),
    }
}

/// A startup packet that is made another user's says what it said before.
fn startup(packet: &[u8]) {
    let StartupPacket::Session(before) = wire::startup_packet(packet) else { return };
    let copy = wire::with_user(packet, "another", &before.database);
    assert!(copy.len() <= 5 * packet.len() + 32, "{}", copy.len());
    let length = u32::try_from(copy.len()).unwrap_or_default().to_be_bytes();
    assert_eq!(copy.get(..4), Some(&length[..]));
    let StartupPacket::Session(after) = wire::startup_packet(&copy) else {
        panic!("no session any more");
    };
    assert_eq!(after.user, "another");
}

/// A socket whose peer says this and no more, and that peer.
fn peer(said: &[u8]) -> (UnixStream, UnixStream) {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
    ours.set_nonblocking(true).expect("a socket");
    // What a socket holds without a reader is more.
    theirs.write_all(said.get(..1 << 16).unwrap_or(said)).expect("a socket");
    theirs.shutdown(Shutdown::Write).expect("a socket");
    (ours, theirs)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

fn client_of_a_login(said: &[u8]) {
    static LOGIN: OnceLock<(Config, Login)> = OnceLock::new();
    let (config, login) = LOGIN.get_or_init(|| {
        let text = "[auth]\nmode = 'terminate'\nusers_file = '/dev/null'\n\
            salt_file = '/proc/self/exe'";
        let config: Config = toml::from_str(text).expect("a configuration");
        // Nobody comes as far as that.
        let address = TargetAddress::Unix("/nowhere".into());
        let target = Target::new(address, &TargetTlsSettings::default(), Duration::from_secs(1));
        let login = Login::new(&config, target.expect("a target")).expect("an empty file");
        (config, login)
    });
    let (ours, mut theirs) = peer(said);
    block_on(async {
        let mut client = Client::new(Accepted::Unix(ours), Arc::default()).expect("a client");
        match login.greet(&mut client, &config.limits).await {
            Ok(Opening::Session(mut startup)) => {
                let opened = login.open(&mut client, &mut startup, &config.limits).await;
                assert!(!matches!(opened, Ok(Ok(_))), "somebody got in");
                if let Ok(Err(refusal)) = opened {
                    client.refuse(refusal).await.expect("a client");
                }
            }
            // Requests for encryption are answered by one byte each.
            Ok(Opening::Cancel(packet)) => assert!(packet.len() <= said.len()),
            Ok(Opening::Refused(error)) => client.refuse(error).await.expect("a client"),
            Err(_) => {}
        }
    });
    let mut answers = Vec::new();
    // What is left unread there ends this with an error, behind the answers.
    let _ = theirs.read_to_end(&mut answers);
    assert!(answers.len() <= 4096 + 4 * said.len(), "{}", answers.len());
}

fn target_of_a_login(said: &[u8], choice: usize) {
    let credential = match choice & 4 {
        0 => Credential::Password("pw".into()),
        _ => Credential::None,
    };
    let (ours, _theirs) = peer(said);
    let (client, mut passed_on) = peer(b"");
    block_on(async {
        let stream = |socket| tokio::net::UnixStream::from_std(socket).map(Stream::Unix);
        let opened = Opened { target: stream(ours).expect("a socket"), said: Vec::new() };
        let mut client = stream(client).expect("a socket");
        let told = (choice & 8 == 0).then_some(&mut client);
        let Ok(Ok(mut opened)) =
            log_in_on(opened, &LoginDemands::default(), told, "user", &credential).await
        else {
            return;
        };
        assert!(contains(said, &opened.said));
        if opened.said.first() != Some(&wire::tag::AUTHENTICATION) {
            return;
        }
        let timeout = Duration::from_secs(1);
        let mut key = Vec::new();
        let answer = ask(&mut opened.target, "SELECT $1", "user", timeout, &mut key).await;
        if let Ok(Ok(Some(secret))) = answer {
            assert!(contains(said, b"user") && contains(said, secret.as_bytes()));
        }
        assert!(contains(said, &key));
    });
    let mut notices = Vec::new();
    passed_on.read_to_end(&mut notices).expect("a socket");
    assert!(notices.len() <= said.len());
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

/// The input is two messages, a line each, that either side takes for its peer's.
fn scram_messages(said: &[u8], choice: usize) {
    let mut lines = said.splitn(2, |&byte| byte == b'\n');
    let (first, last) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let plus = choice & 4 != 0;
    let end_point = plus.then_some(&b"hash"[..]);
    let mechanism = if plus { Mechanism::Plus } else { Mechanism::Plain };
    let secret = ScramSecret::derive("pw", b"salt", 1);
    let begun = ServerExchange::begin(first, mechanism, end_point, secret.clone(), "def");
    if let Ok((server, challenge)) = begun {
        assert!(challenge.ends_with("def,s=c2FsdA==,i=1") && challenge.len() < first.len() + 20);
        if let Ok(ProofVerdict::Proven { answer, client_key }) = server.finish(last) {
            assert!(answer.starts_with("v=") && secret.is_of(&client_key));
        }
    }
    // A target may ask for a third of a second of work; that is not what is looked for here.
    let digits = first.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let password = if digits < 4 { Credential::Password("pw".into()) } else { Credential::None };
    let (client, _) = ClientBegun::new(password, ChannelBinding::None, "abc");
    if let Ok((client, answer)) = client.answer(first) {
        assert!(answer.starts_with("c=biws,r=abc"));
        let _ = client.verify(last);
    }
}

/// The input is two passwords, a line each: only the right one is proven, and what is learnt from its
/// proof logs in as well.
fn scram_password(said: &[u8], choice: usize) {
    let Ok(text) = std::str::from_utf8(said) else { return };
    let (tried, right) = text.split_once('\n').unwrap_or((text, text));
    let salt = [u8::try_from(choice).unwrap_or_default(); 16];
    let secret = ScramSecret::derive(right, &salt, 1);
    let converse = |credential: Credential| {
        let (client, first) = ClientBegun::new(credential, ChannelBinding::None, "abc");
        let plain = Mechanism::Plain;
        let begun = ServerExchange::begin(first.as_bytes(), plain, None, secret.clone(), "def");
        let (server, challenge) = begun.expect("a first message");
        let (client, last) = client.answer(challenge.as_bytes()).expect("a challenge");
        match server.finish(last.as_bytes()).expect("a last message") {
            ProofVerdict::Proven { answer, client_key } => {
                client.verify(answer.as_bytes()).expect("the target's proof");
                Some(client_key)
            }
            ProofVerdict::NotProven => None,
        }
    };
    let proven = converse(Credential::Password(tried.into()));
    assert!(tried != right || proven.is_some());
    if let Some(client_key) = proven {
        assert!(converse(Credential::Key(client_key, secret.clone())).is_some());
    }
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

/// The body of a Bind, of a FunctionCall, and of a Parse.
pub fn bind(data: &[u8]) {
    let (choice, body) = choice(data);
    let mend = |piece_bytes: usize| {
        let mut scanner = BindScanner::with_kinds(body.len(), encoding(choice), &kinds());
        let (mut unsent, mut sent) = (Vec::new(), Vec::new());
        for piece in body.chunks(piece_bytes) {
            unsent.extend_from_slice(piece);
            let settled = scanner.scan(&mut unsent);
            sent.extend(unsent.drain(..settled));
            assert!(unsent.len() <= 1);
        }
        (sent, unsent, scanner.take_replaced())
    };
    let whole = mend(body.len().max(1));
    assert_eq!(whole.0.len() + whole.1.len(), body.len());
    assert_eq!(mend(1 + choice / 4), whole);
    whole_bind(body, encoding(choice), &whole.0, whole.2);
    let mut call = body.to_vec();
    let mended = mend_function_call(&mut call, Some(&kinds()), encoding(choice));
    assert_eq!(mended.spaces > 0, call != body);
    assert!(!mended.asks_for_kinds);
    let mut parse = body.to_vec();
    let replaced = mend_parse(&mut parse);
    assert_eq!(replaced > 0, parse != body);
    assert_eq!(mend_parse(&mut parse), 0);
}

/// The same body as a whole, which `mended` in pieces gives with so many spaces.
fn whole_bind(body: &[u8], encoding: Encoding, mended: &[u8], spaces: u64) {
    let kinds = kinds();
    let fitted = |body: &mut [u8], kinds: Option<&[ValueKind]>, nul: NulPolicy| {
        let rules = BindRules { kinds, nul: Some(nul), encoding, ..BindRules::default() };
        BindBody::cut(body).map(|mut bind| fit(&mut bind, &rules))
    };
    let mut in_place = body.to_vec();
    let found = match fitted(&mut in_place, None, NulPolicy::Space) {
        None => return assert_eq!(spaces, 0),
        Some(FittedBind::AsksForKinds(before)) => {
            let Some(FittedBind::InPlace(found)) =
                fitted(&mut in_place, Some(&kinds), NulPolicy::Space)
            else {
                panic!("spaces take no place");
            };
            before + found.spaces
        }
        Some(FittedBind::InPlace(found)) => found.spaces,
        Some(other) => panic!("{other:?}"),
    };
    assert_eq!((&in_place[..], found), (mended, spaces));
    let remove = fitted(&mut body.to_vec(), Some(&kinds), NulPolicy::Remove);
    let reject = fitted(&mut body.to_vec(), Some(&kinds), NulPolicy::Reject);
    let is_refused = matches!(reject, Some(FittedBind::Refused(_)));
    assert_eq!(matches!(remove, Some(FittedBind::Body(..))), is_refused);
    if let Some(FittedBind::Body(mut shorter, found)) = remove {
        assert!(found.removed > 0 && shorter.len() < body.len());
        let again = fitted(&mut shorter, Some(&kinds), NulPolicy::Remove);
        // Escapes may have come together where one between them went.
        assert!(matches!(again, Some(FittedBind::InPlace(_) | FittedBind::Body(..))));
    }
}

/// SQL text: read, rewritten, its constants mended.
pub fn statement(data: &[u8]) {
    let (choice, sql) = choice(data);
    let standard_conforming_strings = choice & 4 == 0;
    let lexing = Lexing { encoding: encoding(choice), standard_conforming_strings };
    let mapping = Mapping::new(MappingOptions::default()).expect("the defaults");
    let script = Script::read(sql, lexing, &mapping, &mut Scratch::default());
    let mut position = 0;
    for edit in &script.edits {
        assert!(position <= edit.span.start && edit.span.end <= sql.len());
        position = edit.span.end;
    }
    statement::apply(sql, &script.edits);
    for (_, write) in script.writes() {
        let mut uses = script.parameter_uses(write, sql);
        script.slots(write, sql, &mut |slot| {
            assert!(slot.span.start < slot.span.end && slot.span.end <= sql.len());
            uses.leave_out(&slot);
            ControlFlow::Continue(())
        });
        uses.into_numbers();
    }
    script.new_tables(sql, &script.edits);
    for definition in script.definitions(sql, &script.edits) {
        script.definition_items(&definition, sql, &|_| true, &mut |_| {});
    }
    let mut mended = sql.to_vec();
    let nuls =
        || script.constants.iter().filter(|noted| noted.purpose == ConstantPurpose::SpellsNul);
    let mut mend = || -> u64 {
        nuls().map(|noted| noted.constant.mend_nul(&mut mended, lexing.encoding)).sum()
    };
    let (replaced, again) = (mend(), mend());
    assert_eq!((replaced > 0, again), (mended != sql, 0));
    assert!(Lexer::new(&mended, lexing).eq(Lexer::new(sql, lexing)));
    let mut constant = sql.to_vec();
    json_escapes_in(&mut constant, choice & 8 == 0, lexing.encoding);
    assert_eq!(constant.len(), sql.len());
}
