//! Values whose NULs were mended, as PostgreSQL stores them, next to what a model makes of them.

mod copy_rows;
mod json_values;
mod judged_values;
mod slots;
mod string_constants;

/// A few thousand numbers that look random and are the same in each run.
pub struct Numbers(u64);

impl Numbers {
    pub fn new() -> Numbers {
        Numbers(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    /// Up to ten of the pieces, in any order.
    pub fn pieces<T: Copy>(&mut self, pieces: &[T]) -> Vec<T> {
        (0..=self.below(10)).map(|_| pieces[self.below(pieces.len())]).collect()
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
