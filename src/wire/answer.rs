//! What the target answered to a question of the proxy's own: rows, or an error. Reads frames; may not
//! know what was asked.

use super::conditions::condition_name;
use super::message::{data_row_text, error_field, parameter_oids};
use super::{printable, tag};

/// Bytes of memory that the rows of one answer may take. The longest that is expected, the columns of a
/// thousand relations, takes a tenth of it.
pub const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;

/// A row of an answer, in text format; a NULL is `None`.
pub type AnswerRow = Vec<Option<Vec<u8>>>;

/// What the target answered so far.
#[derive(Debug, Default)]
pub struct Answer {
    /// The rows.
    pub rows: Vec<AnswerRow>,
    /// The error, where there was one; or one that the statement has caught and warns of.
    pub failure: Option<Failure>,
    /// The types of a ParameterDescription.
    pub parameters: Vec<u32>,
    /// A row was too long to be kept.
    pub is_cut: bool,
    bytes: usize,
    /// The DETAIL by which a WARNING is known as an error that the statement has caught.
    caught: Option<&'static str>,
}

/// An error that the target raised for a statement of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Five characters.
    pub sqlstate: String,
    /// The message in the target's language.
    pub message: String,
}

impl Failure {
    /// What the log may have of it. Messages of class 42, about names and rights, quote no values; of others
    /// there is the name of the condition.
    pub fn logged(&self) -> &str {
        match condition_name(&self.sqlstate) {
            Some(name) if !self.sqlstate.starts_with("42") => name,
            None => &self.sqlstate,
            Some(_) => &self.message,
        }
    }
}

/// An answer with more rows than any question of ours has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerTooLong;

impl From<Vec<AnswerRow>> for Answer {
    fn from(rows: Vec<AnswerRow>) -> Answer {
        Answer { rows, ..Answer::default() }
    }
}

impl Answer {
    /// An answer to a statement that catches its errors and raises them as a WARNING with this DETAIL.
    pub fn catching(caught: Option<&'static str>) -> Answer {
        Answer { caught, ..Answer::default() }
    }

    /// Takes note of one frame of the answer.
    ///
    /// # Errors
    /// The rows take more than [`ANSWER_BYTES_MAX`] bytes.
    pub fn on_frame(&mut self, frame_tag: u8, body: &[u8]) -> Result<(), AnswerTooLong> {
        match frame_tag {
            tag::DATA_ROW => {
                let columns = data_row_text(body).unwrap_or_default();
                // A NULL takes as much as an empty value, and a row without columns takes something.
                let held = size_of::<AnswerRow>() + columns.len() * size_of::<Option<Vec<u8>>>();
                self.count(body.len().saturating_add(held))?;
                self.rows.push(columns.into_iter().map(|value| Some(value?.to_vec())).collect());
            }
            tag::PARAMETER_DESCRIPTION => self.parameters = parameter_oids(body),
            tag::NOTICE_RESPONSE
                if self.caught.is_none()
                    || error_field(body, b'D') != self.caught.map(str::as_bytes) => {}
            tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => {
                let field = |code| printable(error_field(body, code).unwrap_or_default());
                self.failure = Some(Failure { sqlstate: field(b'C'), message: field(b'M') });
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes note of a frame that is too long to be held. A row among them is missing from the answer.
    ///
    /// # Errors
    /// The rows have more than [`ANSWER_BYTES_MAX`] bytes.
    pub fn on_long_frame(&mut self, frame_tag: u8, bytes: usize) -> Result<(), AnswerTooLong> {
        self.is_cut |= frame_tag == tag::DATA_ROW;
        self.count(bytes)
    }

    fn count(&mut self, bytes: usize) -> Result<(), AnswerTooLong> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > ANSWER_BYTES_MAX { Err(AnswerTooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_errors_are_kept_and_notices_are_not() {
        let mut answer = Answer::default();
        answer.on_frame(tag::DATA_ROW, b"\0\x02\0\0\0\x01x\xFF\xFF\xFF\xFF").unwrap();
        answer.on_frame(tag::NOTICE_RESPONSE, b"C00000\0Mnotice\0\0").unwrap();
        assert_eq!(answer.rows, [vec![Some(b"x".to_vec()), None]]);
        assert_eq!(answer.failure, None);
        let mut answer = Answer::catching(Some("Caught."));
        answer.on_frame(tag::NOTICE_RESPONSE, b"C55P03\0Mlocked\0DCaught.\0\0").unwrap();
        assert_eq!(answer.failure.unwrap().sqlstate, "55P03");
    }

    #[test]
    fn an_answer_without_an_end_is_refused() {
        let mut answer = Answer::default();
        let mut row = vec![0, 1];
        row.extend(u32::try_from(8 * 1024 * 1024).unwrap().to_be_bytes());
        row.resize(row.len() + 8 * 1024 * 1024, b'x');
        let taken = (0..20).take_while(|_| answer.on_frame(tag::DATA_ROW, &row).is_ok()).count();
        assert_eq!(taken, 15);
        // Rows that are next to nothing on the wire.
        let mut answer = Answer::default();
        let nulls = [&[0, 100][..], &[0xFF; 400]].concat();
        for row in [&nulls[..], b"\0\0"] {
            while answer.on_frame(tag::DATA_ROW, row).is_ok() {}
            let columns: usize = answer.rows.iter().map(Vec::len).sum();
            assert!(columns * size_of::<Option<Vec<u8>>>() <= ANSWER_BYTES_MAX);
        }
    }
}
