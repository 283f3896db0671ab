//! How many bytes each character of a client encoding takes; uses nothing else.
//!
//! PostgreSQL accepts client encodings whose second byte can be an ASCII character such as a
//! backslash (SJIS, BIG5, GBK, UHC, GB18030, JOHAB). Code that looks for a backslash or counts
//! characters has to know which encoding is in force.

mod character_steps;

pub(crate) use character_steps::CharacterSteps;

/// A client encoding, as far as finding ASCII characters and counting characters need it.
///
/// Source: PostgreSQL, "Character Set Support", table of character sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, and the default of every modern server.
    #[default]
    Utf8,
    /// One byte a character (LATIN1, WIN1252, SQL_ASCII ...).
    SingleByte,
    /// Extended Unix Code and similar ones: bytes of a longer character are never ASCII.
    Euc,
    /// Shift-JIS: half-width katakana take one byte; trail bytes can be ASCII.
    ShiftJis,
    /// BIG5, GBK, UHC and JOHAB: two bytes, the second one can be ASCII.
    AsciiTrail,
    /// GB18030: two or four bytes; trail bytes can be ASCII, digits among them.
    Gb18030,
}

impl Encoding {
    /// The encoding that PostgreSQL has under `name`. Names are compared as the server does: without case,
    /// and only their letters and digits. An unknown name means UTF-8: the server refuses it before it
    /// matters.
    pub fn from_name(name: &str) -> Encoding {
        let folded: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match folded.as_str() {
            "sjis" | "shiftjis" | "mskanji" | "windows932" | "win932" | "shiftjis2004"
            | "sjis2004" => Encoding::ShiftJis,
            "big5" | "win950" | "windows950" | "gbk" | "win936" | "windows936" | "uhc"
            | "win949" | "windows949" | "johab" => Encoding::AsciiTrail,
            "gb18030" => Encoding::Gb18030,
            "euccn" | "eucjp" | "euckr" | "euctw" | "eucjis2004" | "muleinternal" => Encoding::Euc,
            "utf8" | "unicode" => Encoding::Utf8,
            "sqlascii" => Encoding::SingleByte,
            other if is_single_byte(other) => Encoding::SingleByte,
            _ => Encoding::Utf8,
        }
    }

    /// Whether a byte below 0x80 can be a part of a longer character.
    pub fn has_ascii_trail(self) -> bool {
        matches!(self, Encoding::ShiftJis | Encoding::AsciiTrail | Encoding::Gb18030)
    }

    /// The length in bytes of the character that `bytes` starts with; at least 1, and never more
    /// than `bytes` has, so that a scan always advances and never leaves its input.
    pub fn character_length(self, bytes: &[u8]) -> usize {
        let Some(&lead) = bytes.first() else { return 1 };
        let length = match self {
            _ if lead < 0x80 => 1,
            Encoding::SingleByte => 1,
            Encoding::Utf8 => match lead {
                0xF0.. => 4,
                0xE0.. => 3,
                0xC0.. => 2,
                _ => 1,
            },
            Encoding::Euc => match lead {
                0x8F => 3,
                _ => 2,
            },
            Encoding::ShiftJis if (0xA1..=0xDF).contains(&lead) => 1,
            Encoding::Gb18030 => match bytes.get(1) {
                Some(b'0'..=b'9') => 4,
                _ => 2,
            },
            Encoding::ShiftJis | Encoding::AsciiTrail => 2,
        };
        if matches!(self, Encoding::Utf8 | Encoding::Euc) {
            // An ASCII character is never a part of another one: bytes that it cuts short are not a character.
            let behind = bytes.iter().take(length).skip(1);
            return 1 + behind.take_while(|byte| **byte >= 0x80).count();
        }
        length.min(bytes.len())
    }

    /// The number of characters in `bytes`: the unit of the position in an ErrorResponse.
    pub fn count_characters(self, bytes: &[u8]) -> usize {
        match self {
            Encoding::SingleByte => bytes.len(),
            Encoding::Utf8 => bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count(),
            _ => {
                let (mut rest, mut count) = (bytes, 0);
                while !rest.is_empty() {
                    rest = rest.get(self.character_length(rest)..).unwrap_or_default();
                    count += 1;
                }
                count
            }
        }
    }
}

/// Whether the folded name is one of PostgreSQL's encodings with one byte a character.
fn is_single_byte(folded: &str) -> bool {
    ["latin", "iso8859", "win", "windows", "koi8", "abc", "tcvn", "vscii", "alt"]
        .iter()
        .any(|prefix| folded.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_the_server_does() {
        assert_eq!(Encoding::from_name("UTF-8"), Encoding::Utf8);
        assert_eq!(Encoding::from_name("Shift_JIS"), Encoding::ShiftJis);
        assert_eq!(Encoding::from_name("WIN1252"), Encoding::SingleByte);
        assert_eq!(Encoding::from_name("win936"), Encoding::AsciiTrail);
        assert_eq!(Encoding::from_name("EUC_JP"), Encoding::Euc);
    }

    #[test]
    fn a_trail_byte_that_looks_like_a_backslash_is_stepped_over() {
        // U+8868 in Shift-JIS is 0x95 0x5C.
        assert_eq!(Encoding::ShiftJis.character_length(b"\x95\\x"), 2);
        assert_eq!(Encoding::ShiftJis.count_characters(b"\x95\\\xB1a"), 3);
        assert_eq!(Encoding::Gb18030.character_length(b"\x81\x30\x81\x30"), 4);
        assert_eq!(Encoding::Utf8.count_characters("äöx".as_bytes()), 3);
    }

    #[test]
    fn a_cut_character_never_outruns_the_input() {
        assert_eq!(Encoding::Utf8.character_length(b"\xE2\x82"), 2);
        assert_eq!(Encoding::AsciiTrail.character_length(b"\x81"), 1);
        assert_eq!(Encoding::AsciiTrail.character_length(b""), 1);
        assert_eq!(Encoding::Utf8.character_length(b"\xFF'ab"), 1);
        assert_eq!(Encoding::Utf8.character_length(b"\xE2\x82'"), 2);
        assert_eq!(Encoding::Euc.character_length(b"\xA1'"), 1);
    }
}
