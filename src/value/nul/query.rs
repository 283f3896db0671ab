//! Raw NULs in the body of a simple Query; knows nothing of the SQL in it.

use super::nul_to_space;

/// Mends the body of one simple Query that arrives in pieces: every byte 0x00 but the terminator
/// becomes a space. The server would otherwise take the first of them for the end of the text and
/// refuse the message (08P01).
#[derive(Debug)]
pub struct QueryScanner {
    /// Bytes of the text that are still to come, the terminator not among them.
    text_left: usize,
    replaced: u64,
}

impl QueryScanner {
    /// A scanner for a body of `body_length` bytes, terminator included.
    pub fn new(body_length: usize) -> QueryScanner {
        QueryScanner { text_left: body_length.saturating_sub(1), replaced: 0 }
    }

    /// Mends the next bytes of the body in place.
    pub fn scan(&mut self, chunk: &mut [u8]) {
        let text = chunk.len().min(self.text_left);
        self.text_left -= text;
        self.replaced += chunk.get_mut(..text).map_or(0, nul_to_space);
    }

    /// NULs replaced since the last call.
    pub fn take_replaced(&mut self) -> u64 {
        std::mem::take(&mut self.replaced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mend(body: &[u8], chunk_bytes: usize) -> (Vec<u8>, u64) {
        let mut body = body.to_vec();
        let mut scanner = QueryScanner::new(body.len());
        body.chunks_mut(chunk_bytes).for_each(|chunk| scanner.scan(chunk));
        (body, scanner.take_replaced())
    }

    #[test]
    fn every_nul_but_the_terminator_becomes_a_space() {
        for chunk_bytes in [1, 2, 3, 100] {
            assert_eq!(mend(b"SELECT '\0a\0'\0", chunk_bytes), (b"SELECT ' a '\0".to_vec(), 2));
            assert_eq!(mend(b"\0\0\0", chunk_bytes), (b"  \0".to_vec(), 2));
            assert_eq!(mend(b"\0", chunk_bytes), (b"\0".to_vec(), 0));
            assert_eq!(mend(b"", chunk_bytes), (b"".to_vec(), 0));
        }
    }

    #[test]
    fn many_nuls_in_a_row_are_all_counted() {
        let mut body = vec![0; 2000];
        body.extend(b"a\0b\0");
        assert_eq!(mend(&body, 700).1, 2001);
    }
}
