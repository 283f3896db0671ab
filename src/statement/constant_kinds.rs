//! Which kinds of constants stand among values, as flags in a byte for each place of a row. Knows no value.

use std::ops::BitOrAssign;

/// Places of a row that are told apart. All behind them count for the last one.
const PLACES: usize = 16;

/// Kinds of constants, all of which may stand among some values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConstantKinds(u8);

impl ConstantKinds {
    /// Decimal digits.
    pub const INTEGER: ConstantKinds = ConstantKinds(1);
    /// `TRUE` or `FALSE`.
    pub const BOOLEAN: ConstantKinds = ConstantKinds(1 << 1);
    /// `X'1F'`, `B'01'` or `0x1F`.
    pub const BITS: ConstantKinds = ConstantKinds(1 << 2);
    /// A string constant, other than the next kind.
    pub const STRING: ConstantKinds = ConstantKinds(1 << 3);
    /// `N'..'`, and any other spelling that begins with neither a quote nor an E.
    pub const OTHER_STRING: ConstantKinds = ConstantKinds(1 << 4);
    /// An expression.
    pub const OTHER: ConstantKinds = ConstantKinds(1 << 5);

    /// These and others.
    pub const fn and(self, others: ConstantKinds) -> ConstantKinds {
        ConstantKinds(self.0 | others.0)
    }

    /// Whether any of some kinds may be among them.
    pub fn has_any(self, kinds: ConstantKinds) -> bool {
        self.0 & kinds.0 != 0
    }
}

/// The kinds of constants in rows, by the place of their column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KindsByPlace {
    kinds: [ConstantKinds; PLACES],
    /// The places that rows have.
    places: usize,
}

impl KindsByPlace {
    /// Adds the kind of a value.
    #[inline]
    pub(super) fn add(&mut self, place: usize, kind: ConstantKinds) {
        self.places = self.places.max(place + 1);
        if let Some(kinds) = self.kinds.get_mut(place.min(PLACES - 1)) {
            *kinds |= kind;
        }
    }

    /// Those of all places.
    pub(super) fn all(&self) -> ConstantKinds {
        self.kinds.iter().copied().fold(ConstantKinds::default(), ConstantKinds::and)
    }

    /// Those at each place, from the first on.
    pub(super) fn iter(&self) -> impl Iterator<Item = ConstantKinds> {
        let last = self.kinds.last().copied().into_iter().cycle();
        self.kinds.iter().copied().chain(last).take(self.places)
    }
}

impl BitOrAssign for ConstantKinds {
    fn bitor_assign(&mut self, other: ConstantKinds) {
        *self = self.and(other);
    }
}
