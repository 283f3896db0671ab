//! The DMS leg: a DMS type and its modifiers in, a PostgreSQL type out. Knows the rows and nothing of
//! SQL or of sources.

use std::ops::Range;

use super::dms_row::{Attribute, DmsRow, DmsTarget, Native};
use super::{JsonPolicy, MappingOptions, Modifiers, Place, Refusal, SQLSTATE_INVALID, dms};

/// What the table says of a type.
pub(super) enum DmsVerdict {
    /// It stays as it is written.
    Keep,
    /// This text replaces it; the row that says so.
    Replace(String, usize),
    Refuse(Refusal),
}

/// The rows in force, found by name.
#[derive(Clone, Debug)]
pub(super) struct DmsTable {
    rows: Vec<DmsRow>,
    factor: u64,
    /// The rows of each name.
    names: Names,
    /// By first letter, the part of `names` that starts with it.
    letters: [(u8, u8); 26],
}

impl DmsTable {
    pub(super) fn new(options: &MappingOptions) -> DmsTable {
        let mut rows = dms::ROWS.to_vec();
        rows.retain(|row| match row.id {
            "json" => options.json == JsonPolicy::Text,
            "numeric-unbounded" => options.unbounded_numeric_as_string,
            _ => true,
        });
        rows.sort_by_key(|row| row.dms);
        let (names, letters) = index(&rows);
        DmsTable { rows, factor: u64::from(options.string_length_factor), names, letters }
    }

    /// The rows, ordered by DMS type.
    pub(super) fn rows(&self) -> &[DmsRow] {
        &self.rows
    }

    /// The rows of a name, in any case.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<Range<usize>> {
        let letter = name.first()?.to_ascii_lowercase().wrapping_sub(b'a');
        let &(start, end) = self.letters.get(usize::from(letter))?;
        let bucket = self.names.get(usize::from(start)..usize::from(end))?;
        bucket
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
            .map(|(_, rows)| rows.clone())
    }

    /// Whether a type of this name is one that PostgreSQL does not have.
    pub(super) fn is_foreign(&self, name: &[u8]) -> bool {
        let rows = self.find(name).and_then(|rows| self.rows.get(rows)).unwrap_or_default();
        rows.iter().any(|row| row.native == Native::No)
    }

    /// What becomes of the type whose rows these are.
    pub(super) fn verdict(
        &self,
        found: Range<usize>,
        modifiers: Modifiers<'_>,
        place: Place,
    ) -> DmsVerdict {
        let Some(rows) = self.rows.get(found.clone()) else { return DmsVerdict::Keep };
        for (at, row) in found.zip(rows) {
            let applies = match (row.attribute, modifiers) {
                (Attribute::Kept, _) => false,
                (Attribute::Unbounded, _) => modifiers == Modifiers::Absent,
                (Attribute::Dropped, Modifiers::Absent) => row.native != Native::Same,
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
                if place == Place::Cast && row.native != Native::No {
                    return DmsVerdict::Keep;
                }
                return DmsVerdict::Replace(self.text(row, modifiers), at);
            }
        }
        match modifiers {
            Modifiers::List { text, .. } => {
                self.refusal(rows, text).map_or(DmsVerdict::Keep, DmsVerdict::Refuse)
            }
            Modifiers::Absent => DmsVerdict::Keep,
        }
    }

    /// The PostgreSQL type of a DMS type that another table named.
    pub(super) fn through(&self, name: &str, numbers: &[u64]) -> Result<String, Refusal> {
        let Some(found) = self.find(name.as_bytes()) else { return Ok(name.to_owned()) };
        let list = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let text = format!("({list})");
        let modifiers = match numbers {
            [] => Modifiers::Absent,
            [one] => Modifiers::List { number: Some(*one), text: text.as_bytes() },
            _ => Modifiers::List { number: None, text: text.as_bytes() },
        };
        match self.verdict(found.clone(), modifiers, Place::Definition) {
            DmsVerdict::Replace(text, _) => Ok(text),
            DmsVerdict::Refuse(refusal) => Err(refusal),
            // The table keeps these as they are written, so they are written as it spells them.
            DmsVerdict::Keep if name == "NUMERIC" => {
                Ok(if numbers.is_empty() { "DECIMAL".into() } else { format!("DECIMAL{text}") })
            }
            DmsVerdict::Keep => Ok(self
                .rows
                .get(found.start)
                .map_or_else(|| name.to_owned(), |row| self.target_text(row))),
        }
    }

    /// The text that a row writes, for the table: symbolic where it depends on the length.
    pub(super) fn target_text(&self, row: &DmsRow) -> String {
        match (row.target, self.factor) {
            (DmsTarget::Fixed(text), _) => text.into(),
            (DmsTarget::Varchar, 1) => "VARCHAR(n)".into(),
            (DmsTarget::Varchar, factor) => format!("VARCHAR({factor}*n)"),
        }
    }

    fn text(&self, row: &DmsRow, modifiers: Modifiers<'_>) -> String {
        match (row.target, modifiers) {
            (DmsTarget::Fixed(text), _) => text.into(),
            (DmsTarget::Varchar, Modifiers::List { number: Some(number), .. }) => {
                format!("VARCHAR({})", number * self.factor)
            }
            (DmsTarget::Varchar, _) => "VARCHAR".into(),
        }
    }

    fn refusal(&self, rows: &[DmsRow], modifiers: &[u8]) -> Option<Refusal> {
        let bounds = || rows.iter().filter_map(DmsRow::bounds);
        let (what, ..) = bounds().next()?;
        let min = bounds().map(|(_, min, ..)| min).min().unwrap_or_default();
        let max = bounds().map(|(_, _, max, _)| max).max().unwrap_or_default();
        let name = rows.first().map_or("", |row| row.dms);
        let bare = rows.iter().find(|row| row.bounds().is_some_and(|(.., or_none)| or_none));
        let or_bare = bare.map_or_else(String::new, |row| {
            format!(", or {name} without a {what} for {}", self.target_text(row))
        });
        Some(Refusal {
            sqlstate: SQLSTATE_INVALID,
            message: format!(
                "type {name}{} cannot be mapped: the {what} of {name} must be one number between \
                 {min} and {max}",
                shown(modifiers)
            ),
            hint: format!("Write {name}(n) with a {what} from {min} to {max}{or_bare}."),
        })
    }
}

/// Text for a message: as written where it is short and printable.
pub(super) fn shown(text: &[u8]) -> &str {
    let printable = text.len() <= 48 && text.iter().all(|b| (0x20..0x7F).contains(b));
    printable.then(|| std::str::from_utf8(text).ok()).flatten().unwrap_or("(...)")
}

type Names = Vec<(&'static str, Range<usize>)>;

/// The rows by name, and the names by first letter; `rows` are sorted by name.
fn index(rows: &[DmsRow]) -> (Names, [(u8, u8); 26]) {
    let mut names: Names = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        match names.last_mut() {
            Some((name, rows)) if *name == row.dms => rows.end = at + 1,
            _ => names.push((row.dms, at..at + 1)),
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
