//! What is known of prepared statements, by name. The unnamed one, which most are, stands by itself: to find it
//! takes no hash. Knows no rules about what is known.

use std::collections::HashMap;

use super::plan::KnownStatement;
use super::portals::key;

/// The statements of a session of which anything is known.
#[derive(Debug, Default)]
pub(super) struct StatementsByName {
    unnamed: Option<KnownStatement>,
    named: HashMap<Box<[u8]>, KnownStatement>,
}

impl StatementsByName {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.named.len() + usize::from(self.unnamed.is_some())
    }

    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<&KnownStatement> {
        if name.is_empty() { self.unnamed.as_ref() } else { self.named.get(key(name)) }
    }

    pub(super) fn get_mut(&mut self, name: &[u8]) -> Option<&mut KnownStatement> {
        if name.is_empty() { self.unnamed.as_mut() } else { self.named.get_mut(key(name)) }
    }

    /// What is known of a name, which is noted if nothing was.
    pub(super) fn entry(&mut self, name: &[u8]) -> &mut KnownStatement {
        match name.is_empty() {
            true => self.unnamed.get_or_insert_default(),
            false => self.named.entry(key(name).into()).or_default(),
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        match name.is_empty() {
            true => self.unnamed = None,
            false => {
                self.named.remove(key(name));
            }
        }
    }

    /// Whether this is true of any.
    pub(super) fn any(&self, is_so: impl FnMut(&KnownStatement) -> bool) -> bool {
        self.unnamed.iter().chain(self.named.values()).any(is_so)
    }

    /// Forgets those of which this is false.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&KnownStatement) -> bool) {
        self.unnamed = self.unnamed.take().filter(&mut stays);
        self.named.retain(|_, known| stays(known));
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut KnownStatement> {
        self.unnamed.iter_mut().chain(self.named.values_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::UndoableParse;
    use super::*;

    #[test]
    fn the_unnamed_statement_is_one_of_them() {
        let mut statements = StatementsByName::default();
        assert!(statements.get(b"").is_none() && statements.get(b"a").is_none());
        for (number, name) in [(1, &b""[..]), (2, b"a"), (3, &[b'x'; 70])] {
            statements.entry(name).parse = Some(UndoableParse { number, syncs: 0 });
        }
        let number = |statements: &StatementsByName, name: &[u8]| {
            statements.get(name).and_then(|known| known.parse).map(|parse| parse.number)
        };
        assert_eq!((statements.len(), number(&statements, b"")), (3, Some(1)));
        assert_eq!(number(&statements, &[b'x'; 63]), Some(3), "the server cuts names");
        statements.values_mut().for_each(|known| known.place = None);
        statements.retain(|known| known.parse.is_some_and(|parse| parse.number != 1));
        assert_eq!((statements.len(), number(&statements, b"")), (2, None));
        statements.remove(b"a");
        assert!(statements.get_mut(b"a").is_none());
    }
}
