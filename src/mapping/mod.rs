//! The type mapping as rows of data: source type, DMS type, PostgreSQL type. Touches no other module.

mod dms;
mod table;

use std::ops::Range;

pub use table::{json_table, markdown_table, text_table};

/// A row of the mapping in force, as an index into [`Mapping::rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u16);

/// Which modifiers of a type a row speaks of, and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The type takes none; whatever is written is left out.
    Dropped,
    /// The modifiers stay as written, and so does the type.
    Kept,
    /// The row is for the type without modifiers.
    Unbounded,
    /// A length in characters.
    Length {
        /// The smallest length of the row.
        min: u64,
        /// The largest length of the row.
        max: u64,
        /// Whether the row also takes the type without a length.
        or_none: bool,
    },
    /// A number of fractional digits of a second.
    Scale {
        /// The smallest scale of the row.
        min: u64,
        /// The largest scale of the row.
        max: u64,
        /// Whether the row also takes the type without a scale.
        or_none: bool,
    },
}

/// What a row writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This text.
    Fixed(&'static str),
    /// `VARCHAR(n)`, n being the length times [`MappingOptions::string_length_factor`].
    Varchar,
}

/// Whether PostgreSQL itself has a type of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// No: the name is replaced wherever it is a type.
    No,
    /// Yes, and it is the same type: it stays as written.
    Same,
    /// Yes, and DMS maps it to another type: it is replaced in definitions only.
    Differs,
}

/// One row of the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The stable name of the row.
    pub id: &'static str,
    /// The DMS type name, upper case.
    pub dms: &'static str,
    /// The modifiers for which the row holds.
    pub attribute: Attribute,
    /// What stands in the definition instead.
    pub target: Target,
    /// Whether PostgreSQL knows the name too.
    pub native: Native,
    /// The AWS page that the row comes from.
    pub source: &'static str,
}

impl Rule {
    /// The condition in words, empty where the row always holds.
    pub fn condition(&self) -> String {
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
    fn bounds(&self) -> Option<(&'static str, u64, u64, bool)> {
        match self.attribute {
            Attribute::Length { min, max, or_none } => Some(("length", min, max, or_none)),
            Attribute::Scale { min, max, or_none } => Some(("scale", min, max, or_none)),
            _ => None,
        }
    }
}

/// What `mapping.json` says: whether the PostgreSQL type JSON stays one in definitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonPolicy {
    /// JSON stays JSON.
    Keep,
    /// JSON is native CLOB, hence TEXT, as in DMS.
    #[default]
    Text,
}

/// The settings of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingOptions {
    /// The dialect of the incoming type names.
    pub source: String,
    /// What a STRING length is multiplied by, 1 to 4: some DMS versions wrote a length in bytes.
    pub string_length_factor: u32,
    /// What becomes of JSON in definitions.
    pub json: JsonPolicy,
    /// Whether NUMERIC without precision and scale becomes VARCHAR
    /// (the DMS endpoint setting `mapUnboundedNumericAsString`).
    pub unbounded_numeric_as_string: bool,
}

impl Default for MappingOptions {
    fn default() -> Self {
        MappingOptions {
            source: "dms".into(),
            string_length_factor: 1,
            json: JsonPolicy::default(),
            unbounded_numeric_as_string: false,
        }
    }
}

/// Why a mapping cannot be made from its options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// There is no table for this source.
    #[error("mapping source \"{0}\" is not known; available: {available}", available = SOURCES.join(", "))]
    UnknownSource(String),
    /// The factor is out of range.
    #[error("string_length_factor is {0}; it must be between 1 and 4")]
    LengthFactor(u32),
}

/// The sources that there is a table for.
pub const SOURCES: &[&str] = &["dms"];

/// The modifiers behind a type name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifiers<'a> {
    /// There are none.
    Absent,
    /// There is a list in parentheses.
    List {
        /// The number, where the list is just one decimal number (too large ones saturate).
        number: Option<u64>,
        /// The list as written, parentheses included.
        text: &'a [u8],
    },
}

/// Where a type stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where it defines something that is kept: a column, a domain, a function argument.
    Definition,
    /// Where it converts a value in passing.
    Cast,
}

/// What is to be done with a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is written.
    Keep,
    /// Name and modifiers give way to this text.
    Replace {
        /// The PostgreSQL type.
        text: String,
        /// The row that says so.
        rule: RuleId,
    },
    /// The mapping names the type and has no row for its modifiers (SQLSTATE 22023).
    Refuse {
        /// What is wrong: type and allowed range.
        message: String,
        /// What to write instead.
        hint: String,
    },
}

/// The mapping in force. Immutable; share it by `Arc`.
#[derive(Clone, Debug)]
pub struct Mapping {
    options: MappingOptions,
    rules: Vec<Rule>,
    /// The rows of each name.
    names: Vec<(&'static str, Range<usize>)>,
    /// By first letter, the part of `names` that starts with it.
    letters: [(u8, u8); 26],
}

impl Mapping {
    /// The mapping that `options` asks for.
    ///
    /// # Errors
    /// The source is not known, or a number is out of its range.
    pub fn new(options: MappingOptions) -> Result<Mapping, MappingError> {
        if options.source != "dms" {
            return Err(MappingError::UnknownSource(options.source));
        }
        if !(1..=4).contains(&options.string_length_factor) {
            return Err(MappingError::LengthFactor(options.string_length_factor));
        }
        let mut rules = dms::RULES.to_vec();
        rules.retain(|rule| match rule.id {
            "json" => options.json == JsonPolicy::Text,
            "numeric-unbounded" => options.unbounded_numeric_as_string,
            _ => true,
        });
        rules.sort_by_key(|rule| rule.dms);
        let (names, letters) = index(&rules);
        Ok(Mapping { options, rules, names, letters })
    }

    /// The rows in force, ordered by DMS type; [`RuleId`] counts in this order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The row that a rewrite names.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(usize::from(id.0))
    }

    /// The options that it was made from.
    pub fn options(&self) -> &MappingOptions {
        &self.options
    }

    /// Whether any row speaks of this name, in any case.
    #[inline]
    pub fn names(&self, name: &[u8]) -> bool {
        self.rows(name).is_some()
    }

    /// What becomes of the type `name` (any case, unquoted and unqualified) at this place.
    /// Allocates only for a type that is replaced or refused.
    #[inline]
    pub fn lookup(&self, name: &[u8], modifiers: Modifiers<'_>, place: Place) -> Verdict {
        match self.rows(name) {
            Some(rows) => self.verdict(rows, modifiers, place),
            None => Verdict::Keep,
        }
    }

    /// The text that a row writes, for the table: symbolic where it depends on the length.
    pub fn target_text(&self, rule: &Rule) -> String {
        match (rule.target, self.options.string_length_factor) {
            (Target::Fixed(text), _) => text.into(),
            (Target::Varchar, 1) => "VARCHAR(n)".into(),
            (Target::Varchar, factor) => format!("VARCHAR({factor}*n)"),
        }
    }

    fn rows(&self, name: &[u8]) -> Option<Range<usize>> {
        let letter = name.first()?.to_ascii_lowercase().wrapping_sub(b'a');
        let &(start, end) = self.letters.get(usize::from(letter))?;
        let bucket = self.names.get(usize::from(start)..usize::from(end))?;
        bucket
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
            .map(|(_, rows)| rows.clone())
    }

    fn verdict(&self, rows: Range<usize>, modifiers: Modifiers<'_>, place: Place) -> Verdict {
        let Some(rules) = self.rules.get(rows.clone()) else { return Verdict::Keep };
        for (row, rule) in rows.zip(rules) {
            let applies = match (rule.attribute, modifiers) {
                (Attribute::Kept, _) => false,
                (Attribute::Unbounded, _) => modifiers == Modifiers::Absent,
                (Attribute::Dropped, Modifiers::Absent) => rule.native != Native::Same,
                (Attribute::Dropped, Modifiers::List { .. }) => true,
                (
                    Attribute::Length { or_none, .. } | Attribute::Scale { or_none, .. },
                    Modifiers::Absent,
                ) => or_none,
                (
                    Attribute::Length { min, max, .. } | Attribute::Scale { min, max, .. },
                    Modifiers::List { number, .. },
                ) => number.is_some_and(|number| (min..=max).contains(&number)),
            };
            if applies {
                if place == Place::Cast && rule.native != Native::No {
                    return Verdict::Keep;
                }
                let text = self.text(rule, modifiers);
                // A table of fewer than 65536 rows; the conversion cannot fail.
                let rule = RuleId(u16::try_from(row).unwrap_or(u16::MAX));
                return Verdict::Replace { text, rule };
            }
        }
        match modifiers {
            Modifiers::List { text, .. } if rules.iter().any(|rule| rule.bounds().is_some()) => {
                self.refuse(rules, text)
            }
            _ => Verdict::Keep,
        }
    }

    fn text(&self, rule: &Rule, modifiers: Modifiers<'_>) -> String {
        match (rule.target, modifiers) {
            (Target::Fixed(text), _) => text.into(),
            (Target::Varchar, Modifiers::List { number: Some(number), .. }) => {
                format!("VARCHAR({})", number * u64::from(self.options.string_length_factor))
            }
            (Target::Varchar, _) => "VARCHAR".into(),
        }
    }

    fn refuse(&self, rules: &[Rule], modifiers: &[u8]) -> Verdict {
        let bounds = || rules.iter().filter_map(Rule::bounds);
        let Some((what, ..)) = bounds().next() else { return Verdict::Keep };
        let min = bounds().map(|(_, min, ..)| min).min().unwrap_or_default();
        let max = bounds().map(|(_, _, max, _)| max).max().unwrap_or_default();
        let name = rules.first().map_or("", |rule| rule.dms);
        let bare = rules.iter().find(|rule| rule.bounds().is_some_and(|(.., or_none)| or_none));
        let or_bare = bare.map_or_else(String::new, |rule| {
            format!(", or {name} without a {what} for {}", self.target_text(rule))
        });
        Verdict::Refuse {
            message: format!(
                "type {name}{} cannot be mapped: the {what} of {name} must be one number between \
                 {min} and {max}",
                shown(modifiers)
            ),
            hint: format!("Write {name}(n) with a {what} from {min} to {max}{or_bare}."),
        }
    }
}

/// The modifiers for a message: as written where they are short and printable.
fn shown(modifiers: &[u8]) -> &str {
    let printable = modifiers.len() <= 32 && modifiers.iter().all(|b| (0x20..0x7F).contains(b));
    printable.then(|| std::str::from_utf8(modifiers).ok()).flatten().unwrap_or("(...)")
}

type Names = Vec<(&'static str, Range<usize>)>;

/// The rows by name, and the names by first letter; `rules` are sorted by name.
fn index(rules: &[Rule]) -> (Names, [(u8, u8); 26]) {
    let mut names: Names = Vec::new();
    for (row, rule) in rules.iter().enumerate() {
        match names.last_mut() {
            Some((name, rows)) if *name == rule.dms => rows.end = row + 1,
            _ => names.push((rule.dms, row..row + 1)),
        }
    }
    let mut letters = [(0, 0); 26];
    for (entry, letter) in letters.iter_mut().zip(b'A'..=b'Z') {
        let below = |bound: u8| {
            let count = names.iter().filter(|(name, _)| name.as_bytes().first() < Some(&bound));
            u8::try_from(count.count()).unwrap_or(u8::MAX)
        };
        *entry = (below(letter), below(letter + 1));
    }
    (names, letters)
}

#[cfg(test)]
mod tests;
