//! What a column or a parameter holds, as far as mending its values needs to know.

/// How the values of one column or parameter are mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueKind {
    /// Characters (`text`, `varchar`, `bpchar`, `name`, `xml`, domains over them): the byte 0x00
    /// cannot be data in any format.
    Character,
    /// An array of these: text in which 0x00 cannot be data; in binary format only its elements are.
    CharacterArray,
    /// `json` or `jsonb`: characters in which the escape `\u0000` stands for NUL too.
    Json,
    /// Anything else, or not known: in binary format 0x00 may be data (`bytea`, numbers).
    #[default]
    Other,
}
