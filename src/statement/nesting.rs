//! How many brackets are open at a point of a text. Knows neither tokens nor bytes.

/// The brackets that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nesting {
    depth: usize,
}

impl Nesting {
    /// Outside of any bracket.
    pub(super) const OUTSIDE: Nesting = Nesting { depth: 0 };

    /// Inside one more.
    #[inline]
    #[must_use]
    pub(super) fn inside(self) -> Nesting {
        Nesting { depth: self.depth + 1 }
    }

    /// A bracket opens.
    #[inline]
    pub(super) fn open(&mut self) {
        self.depth += 1;
    }

    /// A bracket closes; one that was not opened changes nothing.
    #[inline]
    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    #[inline]
    pub(super) fn is_outside(self) -> bool {
        self == Nesting::OUTSIDE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_opened_closes_nothing() {
        let mut nesting = Nesting::OUTSIDE;
        nesting.open();
        assert!(!nesting.is_outside() && nesting == Nesting::OUTSIDE.inside());
        nesting.close();
        nesting.close();
        assert!(nesting.is_outside());
        nesting.open();
        assert!(!nesting.is_outside());
    }
}
