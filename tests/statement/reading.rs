//! What a reading says, gathered for assertions.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::sync::OnceLock;

use dms_proxy::mapping::{Mapping, MappingOptions};
use dms_proxy::statement::script::{ConstantPurpose, Scratch, Script};
use dms_proxy::statement::{Lexing, Slot, StringConstant, Write, WriteKind};

/// What one statement writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub kind: WriteKind,
    pub name: Vec<Vec<u8>>,
    pub columns: Vec<Vec<u8>>,
    pub is_prepare: bool,
    pub overriding_at: Option<usize>,
    pub span: Range<usize>,
    pub slots: Vec<Slot>,
    pub other_uses: Vec<u16>,
}

/// A reading with the types of DMS.
pub fn read(sql: &[u8], lexing: Lexing) -> Script {
    static MAPPING: OnceLock<Mapping> = OnceLock::new();
    let mapping = MAPPING.get_or_init(|| Mapping::new(MappingOptions::default()).unwrap());
    Script::read(sql, lexing, mapping, &mut Scratch::default())
}

/// What each INSERT, UPDATE and MERGE of a text writes.
pub fn writes(sql: &[u8], lexing: Lexing) -> Vec<Written> {
    let script = read(sql, lexing);
    let writes = script.writes().map(|(statement, write)| {
        let mut slots = Vec::new();
        script.slots(write, sql, &mut |slot| {
            slots.push(slot);
            ControlFlow::Continue(())
        });
        Written {
            kind: write.kind,
            name: write.name.clone(),
            columns: script.listed_columns(write, sql).into_iter().map(Cow::into_owned).collect(),
            is_prepare: write.is_prepare,
            overriding_at: write.overriding_at,
            span: statement.span.clone(),
            slots,
            other_uses: other_uses(&script, write, sql, usize::MAX),
        }
    });
    writes.collect()
}

/// The parameters that stand anywhere else than as the whole value of one of the first slots.
pub fn other_uses(script: &Script, write: &Write, sql: &[u8], slots_max: usize) -> Vec<u16> {
    let (mut uses, mut left) = (script.parameter_uses(write, sql), slots_max);
    script.slots(write, sql, &mut |slot| {
        let Some(next) = left.checked_sub(1) else { return ControlFlow::Break(()) };
        left = next;
        uses.leave_out(&slot);
        ControlFlow::Continue(())
    });
    uses.into_numbers()
}

/// The constants that a cast makes JSON.
pub fn json_casts(sql: &[u8], lexing: Lexing) -> Vec<StringConstant> {
    let noted = read(sql, lexing).constants.into_iter();
    let casts = noted.filter(|noted| noted.purpose == ConstantPurpose::JsonByCast);
    casts.map(|noted| noted.constant).collect()
}

/// Mends the constants that may spell U+0000; gives the number of NULs.
pub fn mend_nuls(sql: &mut [u8], lexing: Lexing) -> u64 {
    let noted = read(sql, lexing).constants.into_iter();
    let noted = noted.filter(|noted| noted.purpose == ConstantPurpose::SpellsNul);
    noted.map(|noted| noted.constant.mend_nul(sql, lexing.encoding)).sum()
}
