//! A row of the DMS type table: which modifiers it is for, and what it writes.

/// Which modifiers of a type a row is for, and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    /// The type takes none; what is written is left out.
    Dropped,
    /// The modifiers stay as written, and so does the type.
    Kept,
    /// The row is for the type without modifiers.
    Unbounded,
    /// A length in characters, and whether the row also takes the type without one.
    Length { min: u64, max: u64, or_none: bool },
    /// A number of fractional digits of a second, and whether the row also takes the bare type.
    Scale { min: u64, max: u64, or_none: bool },
}

/// What a row writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DmsTarget {
    /// This text.
    Fixed(&'static str),
    /// `VARCHAR(n)`, n being the length times
    /// [`string_length_factor`](super::MappingOptions::string_length_factor).
    Varchar,
}

/// Whether PostgreSQL itself has a type of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Native {
    /// No: the name is replaced wherever it is a type.
    No,
    /// Yes, and it is the same type: it stays as written.
    Same,
    /// Yes, and DMS maps it to another type: it is replaced in definitions only.
    Differs,
}

/// One row of the DMS table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DmsRow {
    pub(super) id: &'static str,
    /// The DMS type name, upper case.
    pub(super) dms: &'static str,
    pub(super) attribute: Attribute,
    pub(super) target: DmsTarget,
    pub(super) native: Native,
    /// The AWS page that the row comes from.
    pub(super) source: &'static str,
}

impl DmsRow {
    /// The condition in words, empty where the row always holds.
    pub(super) fn condition(&self) -> String {
        let range = |what: &str, min: u64, max: u64, or_none: bool| {
            format!("{what} {min}..{max}{}", if or_none { " or none" } else { "" })
        };
        match self.attribute {
            Attribute::Dropped => String::new(),
            Attribute::Kept if self.dms == "NUMERIC" => "precision and scale as written".into(),
            Attribute::Kept => "precision as written".into(),
            Attribute::Unbounded => "without precision and scale".into(),
            Attribute::Length { min, max, or_none } => range("length", min, max, or_none),
            Attribute::Scale { min, max, or_none } => range("scale", min, max, or_none),
        }
    }

    /// The range of the attribute, with its name and whether the row takes the bare type.
    pub(super) fn bounds(&self) -> Option<(&'static str, u64, u64, bool)> {
        match self.attribute {
            Attribute::Length { min, max, or_none } => Some(("length", min, max, or_none)),
            Attribute::Scale { min, max, or_none } => Some(("scale", min, max, or_none)),
            _ => None,
        }
    }
}
