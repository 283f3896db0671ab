//! How rows look that the target has refused, beside those that it has taken. Rows that look the same are tried alone,
//! so that those around them need not be sent twice. It is a guess, which the target decides over; sends nothing.

use std::ops::Range;

use super::batch::{Batch, CALM_ROWS};
use super::fields::RawFields;
use super::refusal;
use crate::encoding::Encoding;
use crate::value::{CopyFormat, CopyOptions};

/// Rows in front of a refused one that are looked at.
const SAMPLE_ROWS: usize = 64;

/// Refused values that are remembered, and the longest of them.
const VALUES_MAX: usize = 16;
const VALUE_BYTES_MAX: usize = 64;

/// Rows refused behind one another from which on the next ones are suspected too.
const RUN_ROWS: usize = 3;

/// What rows are suspected by.
#[derive(Debug)]
pub(super) struct Suspects {
    /// Rows may be tried alone.
    are_wanted: bool,
    reading: RowReading,
    columns: Vec<WatchedColumn>,
    /// The columns up to the last one that is looked at.
    watched: usize,
    /// Rows with another number of fields were refused.
    watches_count: bool,
    /// Values that were refused as such, with their columns.
    values: Vec<(usize, Vec<u8>)>,
    /// Rows that were taken since one was refused.
    since: usize,
    /// Rows that were refused behind one another, with none between them that was taken.
    in_a_row: usize,
}

/// How rows are read.
#[derive(Clone, Debug)]
struct RowReading {
    options: CopyOptions,
    encoding: Encoding,
}

/// What is known of a column.
#[derive(Clone, Copy, Debug)]
struct WatchedColumn {
    taken: TakenValues,
    refused: Signs,
}

/// The values that were taken: the bytes of the shortest and of the longest, and their kinds.
#[derive(Clone, Copy, Debug)]
struct TakenValues {
    least: usize,
    most: usize,
    kinds: u8,
}

/// In what a value differs from those that were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signs {
    is_short: bool,
    is_long: bool,
    kinds: u8,
}

impl Signs {
    fn any(self) -> bool {
        self != Signs::default()
    }

    fn and(self, other: Signs) -> Signs {
        Signs {
            is_short: self.is_short && other.is_short,
            is_long: self.is_long && other.is_long,
            kinds: self.kinds & other.kinds,
        }
    }

    fn or(self, other: Signs) -> Signs {
        Signs {
            is_short: self.is_short || other.is_short,
            is_long: self.is_long || other.is_long,
            kinds: self.kinds | other.kinds,
        }
    }
}

/// NULL as a kind of value; others have the kinds of their bytes.
const NULL: u8 = 1;

/// The kind of a byte, as a bit.
fn kind(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 2,
        b'a'..=b'z' | b'A'..=b'Z' => 4,
        b' ' => 8,
        b'+' | b'-' | b'.' | b':' => 16,
        0..=31 => 32,
        128.. => 128,
        _ => 64,
    }
}

impl TakenValues {
    const NONE: TakenValues = TakenValues { least: usize::MAX, most: 0, kinds: 0 };

    /// How this value differs.
    fn signs(&self, value: Option<&[u8]>) -> Signs {
        let Some(value) = value else {
            return Signs { kinds: NULL & !self.kinds, ..Signs::default() };
        };
        let kinds = value.iter().fold(0, |kinds, byte| kinds | kind(*byte));
        Signs {
            is_short: value.len() < self.least,
            is_long: value.len() > self.most,
            kinds: kinds & !self.kinds,
        }
    }

    fn add(&mut self, value: Option<&[u8]>) {
        self.kinds |= self.signs(value).kinds;
        if let Some(value) = value {
            self.least = self.least.min(value.len());
            self.most = self.most.max(value.len());
        }
    }
}

impl Suspects {
    /// For rows of a COPY with these options, if they may be tried alone.
    pub(super) fn new(options: &CopyOptions, encoding: Encoding, are_wanted: bool) -> Suspects {
        Suspects {
            are_wanted,
            reading: RowReading { options: options.clone(), encoding },
            columns: Vec::new(),
            watched: 0,
            watches_count: false,
            values: Vec::new(),
            since: 0,
            in_a_row: 0,
        }
    }

    /// Whether rows are to be looked at.
    pub(super) fn are_known(&self) -> bool {
        self.watched > 0 || self.watches_count || self.is_run()
    }

    /// Whether all rows are refused for now, as in a load of rows that are there.
    fn is_run(&self) -> bool {
        self.are_wanted && self.in_a_row >= RUN_ROWS
    }

    /// A row of the batch was refused with this error; those of `read` in front of it were read without one.
    pub(super) fn learn(&mut self, batch: &Batch, read: &Range<usize>, row: usize, error: &[u8]) {
        if !self.are_wanted {
            return;
        }
        for taken in read.clone().rev().take(SAMPLE_ROWS) {
            self.add(batch.slice(&(taken..taken + 1)));
        }
        if self.columns.is_empty() {
            return;
        }
        let values: Vec<Option<&[u8]>> =
            self.reading.values(batch.slice(&(row..row + 1))).collect();
        if values.len() != self.columns.len() {
            self.watches_count = true;
            return;
        }
        let named = refusal::named_value(error);
        let is_named = |value: &Option<&[u8]>| named.is_some() && *value == named;
        let named_alone = values.iter().any(is_named);
        let mut has_signs = false;
        let mut watched = self.watched;
        for (index, (column, value)) in self.columns.iter_mut().zip(&values).enumerate() {
            let signs = column.taken.signs(*value);
            if signs.any() && (!named_alone || is_named(value)) {
                column.refused = column.refused.or(signs);
                watched = watched.max(index + 1);
                has_signs = true;
            }
        }
        let place = values.iter().position(is_named).filter(|_| !has_signs);
        let has_room =
            |value: &&[u8]| self.values.len() < VALUES_MAX && value.len() <= VALUE_BYTES_MAX;
        if let (Some(index), Some(value)) = (place, named.filter(has_room)) {
            self.values.push((index, value.to_vec()));
            watched = watched.max(index + 1);
        }
        self.watched = watched;
    }

    /// Rows were taken, of this number.
    pub(super) fn on_taken(&mut self, rows: usize) {
        self.since += rows;
        if rows > 0 {
            self.in_a_row = 0;
        }
        if self.since >= CALM_ROWS {
            let RowReading { options, encoding } = &self.reading;
            *self = Suspects::new(options, *encoding, self.are_wanted);
        }
    }

    /// A suspect was taken: what it looks like is not suspected again.
    pub(super) fn on_suspect_taken(&mut self, row: &[u8]) {
        let taken: Vec<Option<&[u8]>> = self.reading.values(row).collect();
        self.values.retain(|(index, value)| taken.get(*index) != Some(&Some(&**value)));
        self.watches_count &= taken.len() == self.columns.len();
        self.in_a_row = 0;
        self.add(row);
    }

    /// A row was refused.
    pub(super) fn on_refused(&mut self) {
        self.since = 0;
        self.in_a_row += 1;
    }

    /// The first of these rows that looks like one that was refused.
    pub(super) fn first(&self, batch: &Batch, rows: &Range<usize>) -> Option<usize> {
        if self.is_run() {
            return Some(rows.start);
        }
        let is_suspect = |row: &usize| self.is_suspect(batch.slice(&(*row..*row + 1)));
        if self.are_known() { rows.clone().find(is_suspect) } else { None }
    }

    fn is_suspect(&self, row: &[u8]) -> bool {
        let mut values = self.reading.values(row);
        let mut count = 0;
        for (index, column) in self.columns.iter().enumerate().take(self.watched) {
            let Some(value) = values.next() else { break };
            count += 1;
            let differs =
                column.refused.any() && column.taken.signs(value).and(column.refused).any();
            let is_value =
                |(at, refused): &(usize, Vec<u8>)| *at == index && value == Some(&**refused);
            if differs || self.values.iter().any(is_value) {
                return true;
            }
        }
        self.watches_count && count + values.count() != self.columns.len()
    }

    /// Looks at a row that was taken.
    fn add(&mut self, row: &[u8]) {
        let is_first = self.columns.is_empty();
        for (index, value) in self.reading.values(row).enumerate() {
            if is_first {
                self.columns
                    .push(WatchedColumn { taken: TakenValues::NONE, refused: Signs::default() });
            }
            if let Some(column) = self.columns.get_mut(index) {
                column.taken.add(value);
            }
        }
    }
}

impl RowReading {
    /// The values of a row as they were sent; `None` for NULL.
    fn values<'a>(&'a self, row: &'a [u8]) -> impl Iterator<Item = Option<&'a [u8]>> + 'a {
        let is_binary = self.options.format == CopyFormat::Binary;
        let row = if is_binary { row } else { refusal::without_break(row) };
        RawFields::new(row, &self.options, self.encoding).map(move |span| {
            let field = row.get(span).unwrap_or_default();
            if is_binary {
                let (length, value) = field.split_first_chunk::<4>()?;
                return (length[0] < 128).then_some(value);
            }
            (*field != *self.options.null).then_some(field)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{self, tag};

    fn batch(rows: &[&str]) -> Batch {
        let mut batch = Batch::new(1);
        for row in rows {
            batch.push(format!("{row}\n").as_bytes(), 0);
        }
        batch
    }

    /// The rows that are suspected once the row behind these was refused, with an error that names this value.
    fn suspected(taken: &[&str], refused: &str, value: &str, rows: &[&str]) -> Vec<usize> {
        let mut suspects = Suspects::new(&CopyOptions::new(CopyFormat::Text), Encoding::Utf8, true);
        let context = format!("C22P02\0WCOPY t, line 1, column a: \"{value}\"\0\0");
        let error = wire::with_body(tag::ERROR_RESPONSE, &[context.as_bytes()]);
        let first = batch(&[taken, &[refused]].concat());
        suspects.learn(&first, &(0..taken.len()), taken.len(), &error);
        let rows = batch(rows);
        (0..rows.len()).filter(|row| suspects.first(&rows, &(*row..row + 1)).is_some()).collect()
    }

    #[test]
    fn rows_are_suspected_by_what_the_refused_one_differs_in() {
        let taken = ["1\tabc\t2", "22\tabcd\t3"];
        let of = |refused, value, rows: &[&str]| suspected(&taken, refused, value, rows);
        let rows = ["3\tab\t4", "x\tab\t4", "3\tabcdef\t4", "3\tabc\t\\N", "3\tabc", "3\ta\t4444"];
        assert_eq!(of("y\tabc\t2", "y", &rows), [1]);
        assert_eq!(of("1\tabcdefgh\t2", "abcdefgh", &rows), [2]);
        assert_eq!(of("1\tabc\t\\N", "", &rows), [3]);
        assert_eq!(of("1\tabc\t2\t3", "", &rows), [4]);
        // Where the error names the value, no other column counts.
        assert_eq!(of("1\tabcdefgh\t5555", "abcdefgh", &rows), [2]);
        assert_eq!(of("1\tabcdefgh\t5555", "", &rows), [2, 5]);
        // It differs in nothing, so the value itself is looked for.
        let rows = ["1\tdcba\t2", "1\tbbbb\t2"];
        assert_eq!(of("1\tbbbb\t2", "bbbb", &rows), [1]);
        // No row was taken.
        assert_eq!(suspected(&[], "y\tabc\t2", "y", &["y\tabc\t2"]), [0; 0]);
    }

    #[test]
    fn a_suspect_that_is_taken_is_not_suspected_again() {
        let mut suspects = Suspects::new(&CopyOptions::new(CopyFormat::Text), Encoding::Utf8, true);
        let rows = batch(&["a\t1", "abc\t1", "ab\t1", "abcd\t1"]);
        suspects.learn(&rows, &(0..1), 1, &[]);
        assert_eq!(suspects.first(&rows, &(2..4)), Some(2));
        suspects.on_suspect_taken(rows.slice(&(2..3)));
        assert_eq!(suspects.first(&rows, &(2..4)), Some(3));
        suspects.on_taken(CALM_ROWS);
        assert!(!suspects.are_known());
    }

    #[test]
    fn behind_refused_rows_in_a_row_each_is_suspected_until_one_is_taken() {
        let mut suspects = Suspects::new(&CopyOptions::new(CopyFormat::Text), Encoding::Utf8, true);
        let rows = batch(&["a", "b"]);
        (0..RUN_ROWS).for_each(|_| suspects.on_refused());
        assert_eq!(suspects.first(&rows, &(1..2)), Some(1));
        suspects.on_taken(0);
        assert!(suspects.are_known());
        suspects.on_suspect_taken(b"a\n");
        assert!(!suspects.are_known());
    }

    #[test]
    fn binary_values_are_told_by_their_length_and_null() {
        let tuple = |values: &[Option<&str>]| {
            let mut row = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
            for value in values {
                let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
                row.extend(length.to_be_bytes());
                row.extend(value.unwrap_or_default().as_bytes());
            }
            row
        };
        let mut batch = Batch::new(1);
        for row in [&[Some("abcd")][..], &[Some("abc")], &[Some("ab")], &[None], &[]] {
            batch.push(&tuple(row), 0);
        }
        let mut suspects =
            Suspects::new(&CopyOptions::new(CopyFormat::Binary), Encoding::Utf8, true);
        suspects.learn(&batch, &(0..1), 1, &[]);
        assert_eq!(suspects.first(&batch, &(2..4)), Some(2));
        suspects.learn(&batch, &(2..3), 3, &[]);
        assert_eq!(suspects.first(&batch, &(2..4)), Some(3));
        suspects.learn(&batch, &(2..3), 4, &[]);
        assert_eq!(suspects.first(&batch, &(4..5)), Some(4));
    }
}
