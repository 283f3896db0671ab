//! What a text says of the rows that it writes, before any of them is looked at. Reads no tokens.

use super::script::{Script, Statement};
use super::{ConstantKinds, Write};

impl Script {
    /// Whether it has nothing but INSERTs of constants and parameters, and no constant to mend.
    pub fn has_only_rows(&self) -> bool {
        self.edits.is_empty()
            && self.constants.is_empty()
            && !self.may_execute
            && self.fault.is_none()
            && self.statements.iter().all(Statement::has_only_rows)
    }

    /// The kinds of constants that a statement may write; more of them where the text has runs of plain ones.
    pub fn constant_kinds(&self, write: &Write) -> ConstantKinds {
        write.constants.all().and(self.tokens.run_kinds)
    }

    /// The same at each place of the rows of an INSERT.
    pub fn constant_kinds_by_place(&self, write: &Write) -> impl Iterator<Item = ConstantKinds> {
        write.constants.iter().map(|kinds| kinds.and(self.tokens.run_kinds))
    }
}
