//! Words that comments and documents do without: old turns of speech, persons for programs, "no" for
//! "not a".

use std::fs;

use super::{assert_none, complaints, files, root, sources};

/// "Road" is not among them: it is the name of a column. Each with how often it still stands in `src` and in the documents.
const PHRASES: &[(&str, usize)] = &[
    ("are no", 3),
    ("business", 0),
    ("go again", 0),
    ("goes again", 0),
    ("is no", 44),
    ("its ways", 0),
    ("nobody", 34),
    ("nobody's", 3),
    ("roads", 0),
    ("so many", 26),
    ("somebody", 13),
    ("take its leave", 0),
    ("taken its leave", 0),
    ("takes its leave", 0),
    ("took its leave", 0),
    ("was no", 0),
    ("whoever", 13),
    ("without a word", 6),
];

/// The words of a text in one line each, comment marks left out and letters small, so that a phrase is
/// found where a line breaks.
fn words(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let line = line.trim();
        line.trim_start_matches("///").trim_start_matches("//!").trim_start_matches(['/', '#'])
    });
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '_' | '-');
    let words = lines.flat_map(|line| line.split_whitespace()).flat_map(|word| {
        // What ends a clause ends a phrase, too.
        let bare = word.trim_matches(|c: char| !is_inside(c));
        let ends = !word.ends_with(is_inside);
        [bare.to_lowercase(), if ends { ".".to_owned() } else { String::new() }]
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// How often a phrase stands among these words. "There is no" is plain English, "it is no" is not.
fn count(words: &[String], phrase: &str) -> usize {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    let is_no = phrase.last() == Some(&"no");
    let starts = words.windows(phrase.len()).enumerate().filter(|(_, window)| *window == phrase);
    starts
        .filter(|(start, _)| {
            let before = start.checked_sub(1).and_then(|at| words.get(at));
            !is_no || before.is_none_or(|word| word != "there")
        })
        .count()
}

fn texts() -> Vec<String> {
    let mut paths = files(&root().join("docs"), "md");
    let names = ["README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "proxy.toml"];
    paths.extend(names.map(|name| root().join(name)));
    let documents = paths.into_iter().map(|path| fs::read_to_string(path).unwrap());
    documents.chain(sources().iter().map(|facts| facts.text.clone())).collect()
}

#[test]
fn plain_words_are_used() {
    let texts: Vec<_> = texts().iter().map(|text| words(text)).collect();
    let counts = PHRASES
        .iter()
        .map(|(phrase, _)| (*phrase, texts.iter().map(|words| count(words, phrase)).sum()));
    let exceptions: Vec<_> = PHRASES.iter().copied().filter(|(_, count)| *count > 0).collect();
    assert_none(&complaints(counts, 0, &exceptions));
}

#[test]
fn phrases_are_counted() {
    let words = words(
        "/// A client takes its\n    /// leave. It is no `Parse`, there is no other. Is that so? Many,\n// so many.\n",
    );
    assert_eq!(count(&words, "takes its leave"), 1);
    assert_eq!(count(&words, "is no"), 1);
    assert_eq!(count(&words, "so many"), 1);
    assert_eq!(count(&words, "leave it"), 0);
    assert_eq!(count(&words, "parse"), 1);
}
