//! What a column or a parameter holds, as far as mending its values needs to know.

/// How the values of one column or parameter are mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueKind {
    /// Characters (`text`, `varchar`, `bpchar`, `name`, `xml`, domains over them): the byte 0x00
    /// cannot be data in any format.
    Character,
    /// `json` or `jsonb`: characters in which the escape `\u0000` stands for NUL too.
    Json,
    /// An array of characters: in binary format only its elements cannot hold 0x00.
    CharacterArray,
    /// An array of `json` or `jsonb`: the same, and `\u0000` in its elements.
    JsonArray,
    /// Anything else, or not known: in binary format 0x00 may be data (`bytea`, numbers).
    #[default]
    Other,
}

impl ValueKind {
    /// Whether a value is characters from its first byte to its last, in text and in binary format.
    pub fn is_characters(self) -> bool {
        matches!(self, ValueKind::Character | ValueKind::Json)
    }
}
