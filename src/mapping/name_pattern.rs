//! The patterns by which table mappings and overrides name schemas, tables and columns; touches
//! nothing else.

use std::fmt;

/// A name with the wildcards of AWS DMS: `%` is any run of characters, `_` is one character,
/// `[ab]` and `[a-d]` are one character of a set, so `[_]` is an underscore. Case counts.
///
/// Source: AWS DMS user guide, "Wildcards in table mapping".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    text: String,
    pieces: Vec<PatternPiece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternPiece {
    Run,
    One,
    Literal(char),
    /// Ranges, ends included.
    Set(Vec<(char, char)>),
}

impl PatternPiece {
    fn takes(&self, character: char) -> bool {
        match self {
            PatternPiece::Run => false,
            PatternPiece::One => true,
            PatternPiece::Literal(literal) => *literal == character,
            PatternPiece::Set(ranges) => {
                ranges.iter().any(|&(first, last)| (first..=last).contains(&character))
            }
        }
    }
}

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence about a `[` that no `]` ends, a set that is empty or upside down, or one that
    /// starts with `^`: DMS documents no such sets, and another reading may match other tables.
    pub fn new(text: &str) -> Result<NamePattern, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
            match character {
                '%' if pieces.last() == Some(&PatternPiece::Run) => {}
                '%' => pieces.push(PatternPiece::Run),
                '_' => pieces.push(PatternPiece::One),
                '[' => {
                    let (set, after) = rest
                        .split_once(']')
                        .ok_or_else(|| format!("{text:?} has a [ that no ] ends"))?;
                    let ranges = set_ranges(set).ok_or_else(|| {
                        format!(
                            "{text:?} has [{set}], which is not a set such as [_], [ab] or [a-d]"
                        )
                    })?;
                    pieces.push(PatternPiece::Set(ranges));
                    rest = after;
                }
                literal => pieces.push(PatternPiece::Literal(literal)),
            }
        }
        Ok(NamePattern { text: text.into(), pieces })
    }

    /// The pattern of one name.
    pub fn exact(name: &str) -> NamePattern {
        let pieces = name.chars().map(PatternPiece::Literal).collect();
        NamePattern { text: name.into(), pieces }
    }

    /// Reads a pattern in which `*` and `%` are any run of characters and all else is itself.
    pub fn glob(text: &str) -> NamePattern {
        let piece = |character| match character {
            '*' | '%' => PatternPiece::Run,
            literal => PatternPiece::Literal(literal),
        };
        let mut pieces: Vec<PatternPiece> = text.chars().map(piece).collect();
        pieces.dedup_by(|a, b| *a == PatternPiece::Run && *b == PatternPiece::Run);
        NamePattern { text: text.into(), pieces }
    }

    /// Whether the pattern matches this name. Time is at most the product of both lengths.
    pub fn matches(&self, name: &str) -> bool {
        self.matches_by(name, PatternPiece::takes)
    }

    /// Whether it matches this name in one spelling of its letters or another. Beyond ASCII it always may.
    pub fn matches_in_any_case(&self, name: &str) -> bool {
        let takes = |piece: &PatternPiece, character: char| {
            let cases = [character.to_ascii_lowercase(), character.to_ascii_uppercase()];
            cases.into_iter().any(|character| piece.takes(character))
        };
        !name.is_ascii() || self.matches_by(name, takes)
    }

    fn matches_by(&self, name: &str, takes: impl Fn(&PatternPiece, char) -> bool) -> bool {
        let mut pieces = self.pieces.as_slice();
        let mut rest = name;
        // The pieces behind the last run, and where they were last tried: an earlier run need not
        // be looked at again, since the last one can take whatever that one could.
        let mut retry = None;
        loop {
            match pieces.split_first() {
                Some((PatternPiece::Run, after)) => {
                    retry = Some((after, rest));
                    pieces = after;
                    continue;
                }
                Some((piece, after)) => {
                    let mut characters = rest.chars();
                    if characters.next().is_some_and(|character| takes(piece, character)) {
                        (pieces, rest) = (after, characters.as_str());
                        continue;
                    }
                }
                None if rest.is_empty() => return true,
                // A run at the end takes all there is.
                None if self.pieces.last() == Some(&PatternPiece::Run) => return true,
                None => {}
            }
            let Some((after, from)) = retry else { return false };
            let mut characters = from.chars();
            if characters.next().is_none() {
                return false;
            }
            (pieces, rest) = (after, characters.as_str());
            retry = Some((after, rest));
        }
    }

    /// The one name that the pattern matches; `None` if there may be others.
    pub fn literal(&self) -> Option<String> {
        let character = |piece: &PatternPiece| match piece {
            PatternPiece::Literal(literal) => Some(*literal),
            PatternPiece::Set(ranges) => match ranges.as_slice() {
                [(first, last)] if first == last => Some(*first),
                _ => None,
            },
            PatternPiece::Run | PatternPiece::One => None,
        };
        self.pieces.iter().map(character).collect()
    }

    /// Whether the pattern matches every name.
    pub fn matches_all(&self) -> bool {
        self.pieces == [PatternPiece::Run]
    }

    /// Whether an `_` matches any one character, which is seldom what was meant.
    pub fn has_bare_underscore(&self) -> bool {
        self.pieces.contains(&PatternPiece::One)
    }
}

/// The pattern as it is written.
impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn set_ranges(set: &str) -> Option<Vec<(char, char)>> {
    if set.is_empty() || set.starts_with('^') {
        return None;
    }
    let mut ranges = Vec::new();
    let mut characters = set.chars();
    while let Some(first) = characters.next() {
        // A hyphen is itself where nothing stands behind it.
        let mut ahead = characters.clone();
        let last = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) => {
                characters = ahead;
                last
            }
            _ => first,
        };
        if first > last {
            return None;
        }
        ranges.push((first, last));
    }
    Some(ranges)
}

#[cfg(test)]
mod tests;
