//! The columns of a stream: who judges them, what was found in them, and what they refuse. Knows
//! no format.

use super::{CopyColumn, CopyFinding, RowRefusal};
use crate::value::copy::fields::{END_OF_DATA, Forced};
use crate::value::copy::options::CopyOptions;
use crate::value::judge::{ColumnJudge, ValueRefusal, ValueVerdict};
use crate::value::rule::Findings;

/// How the fields of a column pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Whole, to be judged.
    Judged,
    /// As they come.
    Kept,
    /// Not at all.
    LeftOut,
}

/// The columns of the stream.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<CopyColumn>,
    /// What was found, by column: one entry a rule, few a column.
    found: Vec<Vec<CopyFinding>>,
    has_found: bool,
    /// What the verdict at hand found.
    fresh: Findings,
    left_out: usize,
    first_written: usize,
    pub(super) field_bytes_max: usize,
    pub(super) too_long: u64,
    pub(super) of_two_encodings: u64,
}

impl Columns {
    pub(super) fn new(columns: Vec<CopyColumn>, field_bytes_max: usize) -> Columns {
        let is_left_out = |column: &CopyColumn| matches!(column, CopyColumn::LeftOut);
        Columns {
            found: vec![Vec::new(); columns.len()],
            has_found: false,
            fresh: Findings::default(),
            left_out: columns.iter().filter(|column| is_left_out(column)).count(),
            first_written: columns.iter().take_while(|column| is_left_out(column)).count(),
            columns,
            // The end of data must be seen.
            field_bytes_max: field_bytes_max.max(END_OF_DATA.len()),
            too_long: 0,
            of_two_encodings: 0,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.columns.len()
    }

    /// The number of columns that are left out.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    /// The first column that is not left out.
    pub(super) fn first_written(&self) -> usize {
        self.first_written
    }

    #[inline]
    pub(super) fn passage(&self, column: usize) -> Passage {
        match self.columns.get(column) {
            Some(CopyColumn::Judged(_)) => Passage::Judged,
            Some(CopyColumn::LeftOut) => Passage::LeftOut,
            Some(CopyColumn::Kept) | None => Passage::Kept,
        }
    }

    /// Whether the values of a column are masked.
    pub(super) fn is_masked(&self, column: usize) -> bool {
        match self.columns.get(column) {
            Some(CopyColumn::Judged(judge)) => judge.mask().is_some(),
            _ => false,
        }
    }

    /// The same for a field of this length in bytes in binary format.
    #[inline]
    pub(super) fn passage_of(&self, column: usize, bytes: usize) -> Passage {
        match self.columns.get(column) {
            Some(CopyColumn::Judged(judge)) if judge.is_idle_in_binary_of(bytes) => Passage::Kept,
            _ => self.passage(column),
        }
    }

    /// What the options force on each column.
    pub(super) fn forced(&self, options: &CopyOptions) -> Vec<Forced> {
        let forced = |column: &CopyColumn| match column {
            CopyColumn::Judged(judge) => {
                let name = judge.column().name.as_bytes();
                let null = options.force_null.contains(name);
                Forced { null, not_null: options.force_not_null.contains(name) }
            }
            CopyColumn::Kept | CopyColumn::LeftOut => Forced::default(),
        };
        self.columns.iter().map(forced).collect()
    }

    /// Judges a value in text format; gives what is to take its place. What was found with that
    /// counts once it is [noted](Columns::note).
    #[inline]
    pub(super) fn judge_text(
        &mut self,
        place: FieldPlace,
        value: &[u8],
    ) -> Result<Option<NewField>, RowRefusal> {
        self.judge(place, |judge, findings| judge.judge_text(value, findings))
    }

    /// Judges a value in binary format, as above.
    #[inline]
    pub(super) fn judge_binary(
        &mut self,
        place: FieldPlace,
        value: &[u8],
    ) -> Result<Option<NewField>, RowRefusal> {
        self.judge(place, |judge, findings| judge.judge_binary(value, findings))
    }

    #[inline]
    fn judge(
        &mut self,
        place: FieldPlace,
        judge_value: impl FnOnce(&mut ColumnJudge, &mut Findings) -> ValueVerdict,
    ) -> Result<Option<NewField>, RowRefusal> {
        let Some(CopyColumn::Judged(judge)) = self.columns.get_mut(place.column) else {
            return Ok(None);
        };
        match judge_value(judge, &mut self.fresh) {
            ValueVerdict::Keep => {
                self.note(place);
                Ok(None)
            }
            ValueVerdict::Replace(value) => Ok(Some(NewField::Value(value))),
            ValueVerdict::Null => Ok(Some(NewField::Null)),
            ValueVerdict::Refuse(refusal) => {
                self.note(place);
                Err(RowRefusal { row: place.row, column: Some(place.column), refusal })
            }
        }
    }

    /// The last change was made.
    #[inline]
    pub(super) fn note(&mut self, place: FieldPlace) {
        if self.fresh.is_empty() {
            return;
        }
        let Some(found) = self.found.get_mut(place.column) else { return };
        let sample = self.fresh.take_sample();
        for (rule, count) in self.fresh.take() {
            match found.iter_mut().find(|finding| finding.rule == rule) {
                Some(finding) => finding.count += count,
                None => found.push(CopyFinding {
                    column: place.column,
                    rule,
                    count,
                    row: place.row,
                    sample: sample.clone(),
                }),
            }
        }
        self.has_found = true;
    }

    /// The last change could not be made.
    pub(super) fn forget(&mut self) {
        self.fresh.take();
    }

    pub(super) fn take_findings(&mut self) -> Vec<CopyFinding> {
        if !std::mem::take(&mut self.has_found) {
            return Vec::new();
        }
        self.found.iter_mut().flat_map(|found| found.drain(..)).collect()
    }

    /// The refusal of a row that has not as many fields as there are columns.
    pub(super) fn wrong_count(&self, row: u64, fields: usize) -> RowRefusal {
        let expected = self.columns.len();
        RowRefusal {
            row,
            column: (fields < expected).then_some(fields),
            refusal: ValueRefusal {
                sqlstate: "22P04",
                message: format!("row field count is {fields}, expected {expected}"),
                hint: "Every row needs a field for each column that the COPY lists.".to_owned(),
            },
        }
    }

    /// The refusal of a row whose value is too long to be held, and is to be masked.
    pub(super) fn too_long_to_mask(&self, place: FieldPlace) -> RowRefusal {
        RowRefusal {
            row: place.row,
            column: Some(place.column),
            refusal: ValueRefusal {
                sqlstate: "54000",
                message: "the value is too long to be masked".to_owned(),
                hint: format!("Values of up to {} bytes are masked.", self.field_bytes_max),
            },
        }
    }

    /// The refusal of a row that would read as the end of data without the columns left out.
    pub(super) fn unwritable(&self, place: FieldPlace) -> RowRefusal {
        RowRefusal {
            row: place.row,
            column: Some(place.column),
            refusal: ValueRefusal {
                sqlstate: "22P04",
                message: "without its generated columns the row would be the end of data"
                    .to_owned(),
                hint: "Choose another NULL string than \"\\.\".".to_owned(),
            },
        }
    }
}

/// What is to take the place of a value.
#[derive(Debug)]
pub(super) enum NewField {
    Value(Vec<u8>),
    Null,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldPlace {
    pub(super) column: usize,
    pub(super) row: u64,
}
