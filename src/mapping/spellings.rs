//! The spellings of source types, found word by word: a tree of words, built once. Knows no rows
//! but their numbers.

use super::postgresql::is_native_phrase;

/// A point in the tree: the words so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpellingId(usize);

#[derive(Clone, Debug, Default)]
struct Node {
    word: String,
    /// The words from the root, with a blank between them.
    words: String,
    children: Vec<usize>,
    /// The rows of a type that ends here, in order.
    rows: Vec<usize>,
    /// Whether PostgreSQL has a type of these words.
    native: bool,
}

/// The spellings of one source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spellings {
    nodes: Vec<Node>,
    /// By first letter, the first words.
    letters: [Vec<usize>; 26],
}

/// Words that make a type of their own of a type before them, and are the name of a column's alias
/// to PostgreSQL.
const SIGNS: &[&str] = &["SIGNED", "UNSIGNED", "ZEROFILL"];

impl Spellings {
    /// Adds a spelling; words in brackets may be left out.
    pub(super) fn add(&mut self, spelling: &str, row: usize) {
        match spelling.split_once('[') {
            Some((before, rest)) => {
                let (optional, after) = rest.split_once(']').unwrap_or((rest, ""));
                self.add(&format!("{before}{after}"), row);
                self.add(&format!("{before}{optional}{after}"), row);
            }
            None => self.add_words(spelling, row),
        }
    }

    fn add_words(&mut self, spelling: &str, row: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for word in spelling.split_whitespace() {
            at = match self.child(SpellingId(at), word.as_bytes()) {
                Some(SpellingId(child)) => child,
                None => self.push(at, word),
            };
        }
        if let Some(node) = self.nodes.get_mut(at)
            && !node.rows.contains(&row)
        {
            node.rows.push(row);
        }
    }

    fn push(&mut self, parent: usize, word: &str) -> usize {
        let child = self.nodes.len();
        let Some(node) = self.nodes.get_mut(parent) else { return child };
        node.children.push(child);
        let words = format!("{} {word}", node.words).trim_start().to_owned();
        let native = is_native_phrase(&words) || (node.native && SIGNS.contains(&word));
        self.nodes.push(Node { word: word.to_owned(), words, native, ..Node::default() });
        child
    }

    /// Makes the first words quick to find.
    pub(super) fn index(&mut self) {
        let Some(root) = self.nodes.first() else { return };
        for &child in &root.children {
            let first = self.nodes.get(child).and_then(|node| node.word.bytes().next());
            let letter = first.map_or(0, |letter| letter.wrapping_sub(b'A'));
            if let Some(bucket) = self.letters.get_mut(usize::from(letter)) {
                bucket.push(child);
            }
        }
    }

    /// The point of the first word of a type, in any case.
    pub(crate) fn first(&self, word: &[u8]) -> Option<SpellingId> {
        let letter = word.first()?.to_ascii_uppercase().wrapping_sub(b'A');
        self.among(self.letters.get(usize::from(letter))?, word)
    }

    /// The point behind `at` and this word.
    pub(crate) fn child(&self, at: SpellingId, word: &[u8]) -> Option<SpellingId> {
        self.among(&self.nodes.get(at.0)?.children, word)
    }

    /// Whether any word may follow.
    pub(crate) fn goes_on(&self, at: SpellingId) -> bool {
        self.nodes.get(at.0).is_some_and(|node| !node.children.is_empty())
    }

    /// Whether a type ends here.
    pub(crate) fn is_type(&self, at: SpellingId) -> bool {
        !self.rows(at).is_empty()
    }

    /// Whether PostgreSQL has a type of these words too, so that a query may mean it.
    pub(crate) fn is_native(&self, at: SpellingId) -> bool {
        self.nodes.get(at.0).is_some_and(|node| node.native)
    }

    pub(super) fn rows(&self, at: SpellingId) -> &[usize] {
        self.nodes.get(at.0).map_or(&[], |node| &node.rows)
    }

    fn among(&self, children: &[usize], word: &[u8]) -> Option<SpellingId> {
        children
            .iter()
            .find(|&&child| {
                let known = self.nodes.get(child).map_or(&[][..], |node| node.word.as_bytes());
                known.eq_ignore_ascii_case(word)
            })
            .map(|&child| SpellingId(child))
    }
}
