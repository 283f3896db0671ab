//! The packets without a tag that open a connection; knows no sockets.

use std::borrow::Cow;

use super::startup_settings::settings_in_options;

/// The bytes that every startup packet begins with: its length and its code.
pub const UNTAGGED_HEAD_BYTES: usize = 8;

/// Source: PostgreSQL, `src/include/libpq/pqcomm.h`.
const CANCEL_REQUEST_CODE: u32 = 80_877_102;
const SSL_REQUEST_CODE: u32 = 80_877_103;
const GSSENC_REQUEST_CODE: u32 = 80_877_104;

/// The first packet of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartupPacket {
    /// The client asks for TLS.
    SslRequest,
    /// The client asks for GSSAPI encryption.
    GssEncRequest,
    /// The client asks to cancel what another connection runs.
    CancelRequest,
    /// A session of protocol 3 begins.
    Session(StartupParameters),
    /// Another major version of the protocol; the server answers it.
    OtherVersion,
}

/// What a StartupMessage says, as far as the proxy looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartupParameters {
    /// The user to log in as.
    pub user: String,
    /// The database; the server takes the user's name where there is none.
    pub database: String,
    /// What the client calls itself.
    pub application_name: String,
    /// Whether this is a walsender session (`replication` is there and not off).
    pub replication: bool,
    /// The dms.* settings that it states, itself or by command-line options, without their `dms.`.
    pub dms_settings: Vec<(String, String)>,
    /// The `search_path` that it states, likewise.
    pub search_path: Option<String>,
}

/// Reads a whole startup packet, its length field included.
pub fn startup_packet(packet: &[u8]) -> StartupPacket {
    let Some((&[_, _, _, _, a, b, c, d], parameters)) =
        packet.split_first_chunk::<UNTAGGED_HEAD_BYTES>()
    else {
        return StartupPacket::OtherVersion;
    };
    match u32::from_be_bytes([a, b, c, d]) {
        CANCEL_REQUEST_CODE => StartupPacket::CancelRequest,
        SSL_REQUEST_CODE => StartupPacket::SslRequest,
        GSSENC_REQUEST_CODE => StartupPacket::GssEncRequest,
        code if code >> 16 == 3 => StartupPacket::Session(startup_parameters(parameters)),
        _ => StartupPacket::OtherVersion,
    }
}

/// A CancelRequest for the session whose BackendKeyData had this body.
pub fn cancel_request(backend_key: &[u8]) -> Vec<u8> {
    let length = u32::try_from(UNTAGGED_HEAD_BYTES + backend_key.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), &CANCEL_REQUEST_CODE.to_be_bytes(), backend_key].concat()
}

/// A copy of a StartupMessage with another user. Without a user's name to fall back on, `database`
/// is named where the packet names none.
pub fn with_user(packet: &[u8], user: &str, database: &str) -> Vec<u8> {
    let (head, parameters) = packet.split_at_checked(UNTAGGED_HEAD_BYTES).unwrap_or_default();
    let mut copy = head.to_vec();
    let mut add = |name: &[u8], value: &[u8]| {
        for string in [name, value] {
            copy.extend_from_slice(string);
            copy.push(0);
        }
    };
    add(b"user", user.as_bytes());
    let mut names_database = false;
    let mut strings = parameters.split(|&byte| byte == 0);
    while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
        if name.is_empty() {
            break;
        }
        names_database |= name == b"database" && !value.is_empty();
        if name != b"user" && (name != b"database" || !value.is_empty()) {
            add(name, value);
        }
    }
    if !names_database {
        add(b"database", database.as_bytes());
    }
    copy.push(0);
    let length = u32::try_from(copy.len()).unwrap_or(u32::MAX);
    if let Some(field) = copy.get_mut(..4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    copy
}

fn startup_parameters(bytes: &[u8]) -> StartupParameters {
    let mut found = StartupParameters::default();
    let (mut options, mut stated) = (Vec::new(), Vec::new());
    let mut strings = bytes.split(|&byte| byte == 0);
    while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
        match name {
            b"user" => found.user = printable(value),
            b"database" => found.database = printable(value),
            b"application_name" => found.application_name = printable(value),
            b"replication" => found.replication = !is_false(value),
            b"options" => options = settings_in_options(value),
            _ => stated.push((name.to_vec(), value.to_vec())),
        }
    }
    // The server sets those of the options first.
    let settings = options.iter().chain(&stated);
    let is_path = |(name, _): &&(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(b"search_path");
    let path = settings.clone().rfind(is_path);
    found.search_path = path.and_then(|(_, value)| String::from_utf8(value.clone()).ok());
    found.dms_settings = settings.filter_map(|(name, value)| dms_setting(name, value)).collect();
    if found.database.is_empty() {
        found.database.clone_from(&found.user);
    }
    found
}

/// The name without its `dms.` and the value, if it is one of these settings.
fn dms_setting(name: &[u8], value: &[u8]) -> Option<(String, String)> {
    let name = printable(name).to_ascii_lowercase().replace('-', "_");
    Some((name.strip_prefix("dms.")?.to_owned(), printable(value)))
}

/// Whether the server reads a value as false: the beginning of a word for it, without regard to
/// case; `o` alone could be both. The server refuses what is not a boolean.
///
/// Source: PostgreSQL, `parse_bool_with_len` in `src/backend/utils/adt/bool.c`.
fn is_false(value: &[u8]) -> bool {
    let begins = |word: &[u8], least: usize| {
        let start = word.get(..value.len());
        value.len() >= least && start.is_some_and(|start| start.eq_ignore_ascii_case(value))
    };
    begins(b"false", 1) || begins(b"no", 1) || begins(b"off", 2) || value == b"0"
}

/// Characters of a name in a line of the log.
const LOGGED_NAME_MAX: usize = 64;

/// A name that a peer gives, as the log shows it: at most 64 characters of it, none of control.
pub fn logged(name: &str) -> Cow<'_, str> {
    let end = name.char_indices().nth(LOGGED_NAME_MAX).map(|(end, _)| end);
    if end.is_none() && !name.chars().any(char::is_control) {
        return Cow::Borrowed(name);
    }
    let mut shown = String::new();
    for character in name.get(..end.unwrap_or(name.len())).unwrap_or_default().chars() {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown.push_str(end.map_or("", |_| "..."));
    Cow::Owned(shown)
}

/// What a peer sent as text for people; bytes that are not ASCII or not printable are escaped.
pub fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}

/// A copy of a StartupMessage with another `search_path`, which goes before one in `options`.
pub fn with_search_path(packet: &[u8], path: &str) -> Vec<u8> {
    let (head, parameters) = packet.split_at_checked(UNTAGGED_HEAD_BYTES).unwrap_or_default();
    let mut copy = head.to_vec();
    let mut strings = parameters.split(|&byte| byte == 0);
    while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
        if name.is_empty() {
            break;
        }
        if !name.eq_ignore_ascii_case(b"search_path") {
            copy.extend_from_slice(&[name, b"\0", value, b"\0"].concat());
        }
    }
    copy.extend_from_slice(&[b"search_path\0", path.as_bytes(), b"\0\0"].concat());
    let length = u32::try_from(copy.len()).unwrap_or(u32::MAX);
    if let Some(field) = copy.get_mut(..4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_search_path_goes_before_all_that_are_stated() {
        let stated = packet(3 << 16, b"user\0u\0Search_Path\0a\0options\0-c search_path=b\0\0");
        let StartupPacket::Session(found) = startup_packet(&stated) else { panic!("a session") };
        assert_eq!(found.search_path.as_deref(), Some("a"));
        let other = with_search_path(&stated, "\"c\"");
        let expected =
            packet(3 << 16, b"user\0u\0options\0-c search_path=b\0search_path\0\"c\"\0\0");
        assert_eq!(other, expected);
        let StartupPacket::Session(found) = startup_packet(&other) else { panic!("a session") };
        assert_eq!(found.search_path.as_deref(), Some("\"c\""));
    }

    fn packet(code: u32, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(UNTAGGED_HEAD_BYTES + rest.len()).unwrap();
        [&length.to_be_bytes(), &code.to_be_bytes(), rest].concat()
    }

    #[test]
    fn requests_are_told_apart_by_their_code() {
        assert_eq!(startup_packet(&packet(80_877_103, b"")), StartupPacket::SslRequest);
        assert_eq!(startup_packet(&packet(80_877_104, b"")), StartupPacket::GssEncRequest);
        assert_eq!(startup_packet(&packet(80_877_102, b"12345678")), StartupPacket::CancelRequest);
        assert_eq!(startup_packet(&packet(2 << 16, b"")), StartupPacket::OtherVersion);
        assert_eq!(startup_packet(b""), StartupPacket::OtherVersion);
    }

    #[test]
    fn the_database_defaults_to_the_user() {
        let found = startup_packet(&packet(3 << 16, b"user\0app\0options\0-c a=b\0\0"));
        let StartupPacket::Session(parameters) = found else { panic!("a session") };
        assert_eq!((parameters.user.as_str(), parameters.database.as_str()), ("app", "app"));
        assert!(!parameters.replication);
    }

    #[test]
    fn another_user_keeps_the_database() {
        let named = packet(3 << 16, b"user\0app\0database\0db\0options\0-c a=b\0\0");
        let expected = packet(3 << 16, b"user\0loader\0database\0db\0options\0-c a=b\0\0");
        assert_eq!(with_user(&named, "loader", "db"), expected);
        let unnamed = packet(3 << 16, b"user\0app\0user\0again\0\0");
        let expected = packet(3 << 16, b"user\0loader\0database\0again\0\0");
        assert_eq!(with_user(&unnamed, "loader", "again"), expected);
        for end in UNTAGGED_HEAD_BYTES..named.len() {
            let copy = with_user(&named[..end], "loader", "db");
            assert_eq!(copy.len(), usize::from(copy[3]));
        }
    }

    #[test]
    fn a_long_name_is_cut_in_the_log() {
        assert_eq!(logged("app"), "app");
        assert_eq!(logged(&"d".repeat(64)), "d".repeat(64));
        assert_eq!(logged(&"é".repeat(9900)), format!("{}...", "é".repeat(64)));
        assert_eq!(logged("a\n\u{1b}[2J"), "a\\n\\u{1b}[2J");
        // Bytes that are not UTF-8 were spelled out before.
        assert!(logged(&printable(&[0xff; 9900])).len() <= 67);
    }

    #[test]
    fn a_walsender_is_seen() {
        let off = ["false", "FALSE", "fals", "f", "no", "N", "off", "OF", "0"];
        let on = ["database", "true", "t", "yes", "on", "1", "o", "offer", "", "00", "nope"];
        let off = off.map(|value| (value, false)).into_iter();
        for (value, expected) in off.chain(on.map(|value| (value, true))) {
            let rest = format!("user\0u\0replication\0{value}\0\0");
            let found = startup_packet(&packet((3 << 16) | 2, rest.as_bytes()));
            let StartupPacket::Session(parameters) = found else { panic!("a session") };
            assert_eq!(parameters.replication, expected, "{value}");
        }
    }
}
