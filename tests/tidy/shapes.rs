//! Shapes that can be counted: circles of imports, fields, methods, lengths, names.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::imports::{Imports, circles};
use super::{assert_none, complaints, sources};

/// Modules whose structs are small.
const SMALL_STRUCTS: [&str; 4] = ["session", "catalog", "rewrite", "statement"];

/// The module that a file belongs to, by its first name; `lib` for `lib.rs`.
fn top(facts: &Facts) -> &str {
    facts.module.first().map_or("lib", String::as_str)
}

/// How many files of each module are in circles of imports, and the arrows within the circles. A circle
/// through several modules counts under all their names.
fn files_in_circles(files: &[Facts]) -> (Vec<(String, usize)>, Vec<String>) {
    let imports = Imports::of(files);
    let arrows: BTreeMap<&str, BTreeSet<&str>> = files
        .iter()
        .map(|facts| {
            let to = imports.climbs_of(facts).into_iter();
            (facts.path.as_str(), to.map(|facts| facts.path.as_str()).collect())
        })
        .collect();
    let (mut counts, mut shown) = (BTreeMap::new(), Vec::new());
    for circle in circles(&arrows) {
        let is_in = |facts: &&Facts| circle.contains(&facts.path.as_str());
        let modules: BTreeSet<&str> = files.iter().filter(is_in).map(top).collect();
        let name = modules.into_iter().collect::<Vec<_>>().join(" and ");
        *counts.entry(name).or_default() += circle.len();
        for from in &circle {
            let to: Vec<_> =
                (arrows[from].iter().copied()).filter(|to| circle.contains(to)).collect();
            shown.push(format!("    {from} -> {}", to.join(", ")));
        }
    }
    (counts.into_iter().collect(), shown)
}

#[test]
fn no_file_is_in_a_circle_of_imports() {
    const EXCEPTIONS: &[(&str, usize)] = &[];
    let (found, shown) = files_in_circles(sources());
    let counts = found.iter().map(|(name, count)| (name.as_str(), *count));
    let complaints = complaints(counts, 0, EXCEPTIONS);
    assert!(complaints.is_empty(), "\n{}\n{}", complaints.join("\n"), shown.join("\n"));
}

#[test]
fn circles_are_counted_by_module() {
    let files = [
        Facts::of("lib.rs", ""),
        Facts::of("a/mod.rs", "mod b; mod c;"),
        Facts::of("a/b.rs", "use super::c::C; pub struct B;"),
        Facts::of("a/c.rs", "use super::b::B; pub struct C;"),
        Facts::of("d.rs", "use crate::e::E; pub struct D;"),
        Facts::of("e.rs", "use crate::d::D; pub struct E;"),
    ];
    let (counts, arrows) = files_in_circles(&files);
    assert_eq!(counts, [("a".into(), 2), ("d and e".into(), 2)]);
    assert_eq!(arrows[0], "    a/b.rs -> a/c.rs");
}

/// The fields of each struct of the modules with small structs.
fn fields(files: &[Facts]) -> Vec<(&str, usize)> {
    let small = files.iter().filter(|facts| SMALL_STRUCTS.contains(&top(facts)));
    let structs = small.flat_map(|facts| &facts.structs);
    structs.map(|one| (one.name.as_str(), one.fields)).collect()
}

#[test]
fn a_struct_has_twelve_fields_and_a_session_eleven() {
    const EXCEPTIONS: &[(&str, usize)] = &[];
    const SESSION: &[(&str, usize)] = &[];
    let (session, others): (Vec<_>, Vec<_>) =
        fields(sources()).into_iter().partition(|(name, _)| *name == "Session");
    assert_none(&complaints(others, 12, EXCEPTIONS));
    assert_none(&complaints(session, 11, SESSION));
}

#[test]
fn fields_are_counted() {
    let text = "struct A { a: u8, b: u8 } struct B(u8); struct C;";
    let files = [Facts::of("session/a.rs", text), Facts::of("wire.rs", text)];
    assert_eq!(fields(&files), [("A", 2), ("B", 1), ("C", 0)]);
}

/// Files with an `impl Session`, its methods, those by `&mut self`, and such files outside of
/// `session`.
fn session_methods(files: &[Facts]) -> [(&str, usize); 4] {
    let of_session = |facts: &&Facts| facts.impls.iter().any(|one| one.name == "Session");
    let implementing: Vec<&Facts> = files.iter().filter(of_session).collect();
    let impls = implementing.iter().flat_map(|facts| &facts.impls);
    let impls: Vec<_> = impls.filter(|one| one.name == "Session").collect();
    [
        ("files", implementing.len()),
        ("methods", impls.iter().map(|one| one.methods).sum()),
        ("methods by &mut self", impls.iter().map(|one| one.by_mut).sum()),
        ("files elsewhere", implementing.iter().filter(|facts| top(facts) != "session").count()),
    ]
}

#[test]
fn a_session_has_few_methods_in_few_files() {
    const LIMITS: [usize; 4] = [3, 40, 25, 0];
    const EXCEPTIONS: &[(&str, usize)] = &[];
    for ((name, count), limit) in session_methods(sources()).into_iter().zip(LIMITS) {
        let exceptions: Vec<_> = EXCEPTIONS.iter().copied().filter(|(of, _)| *of == name).collect();
        assert_none(&complaints([(name, count)], limit, &exceptions));
    }
}

#[test]
fn methods_of_a_session_are_counted() {
    let files = [
        Facts::of(
            "session/mod.rs",
            "impl Session { fn a(&self) {} } impl Session { fn b(&mut self) {} }",
        ),
        Facts::of(
            "session/c.rs",
            "impl super::Session { fn d(&mut self) {} } impl Other { fn e() {} }",
        ),
        Facts::of("cli.rs", "impl Session { fn f() {} }"),
    ];
    let expected =
        [("files", 3), ("methods", 4), ("methods by &mut self", 2), ("files elsewhere", 1)];
    assert_eq!(session_methods(&files), expected);
}

/// Files of `session` that name the whole of it, once each.
fn naming_session(files: &[Facts]) -> Vec<(&str, usize)> {
    let parts = files.iter().filter(|facts| top(facts) == "session");
    let naming = parts.filter(|facts| {
        let imports = facts.uses.iter().any(|import| import.name == "Session");
        imports || facts.mentions.contains("Session")
    });
    naming.map(|facts| (facts.path.as_str(), 1)).collect()
}

#[test]
fn no_part_of_a_session_names_it() {
    /// The three that implement it, and what holds it between two buffers.
    const WHOLE: [&str; 4] =
        ["session/mod.rs", "session/client.rs", "session/target.rs", "session/exchange.rs"];
    const EXCEPTIONS: &[(&str, usize)] = &[];
    let naming = naming_session(sources()).into_iter().filter(|(path, _)| !WHOLE.contains(path));
    assert_none(&complaints(naming, 0, EXCEPTIONS));
}

#[test]
fn parts_that_name_a_session_are_counted() {
    let files = [
        Facts::of("session/a.rs", "use super::Session;"),
        Facts::of("session/b.rs", "fn f(session: &mut super::Session) {}"),
        Facts::of("session/c.rs", "/// Of a Session. \n fn session() {}"),
        Facts::of("connection.rs", "use crate::session::Session;"),
    ];
    assert_eq!(naming_session(&files), [("session/a.rs", 1), ("session/b.rs", 1)]);
}

/// Booleans in structs of `session`.
fn booleans(files: &[Facts]) -> usize {
    let parts = files.iter().filter(|facts| top(facts) == "session");
    parts.flat_map(|facts| &facts.structs).map(|one| one.booleans).sum()
}

#[test]
fn a_session_has_few_booleans() {
    const EXCEPTIONS: &[(&str, usize)] = &[];
    assert_none(&complaints([("booleans in session", booleans(sources()))], 15, EXCEPTIONS));
}

#[test]
fn booleans_are_counted() {
    let text = "struct A { a: bool, b: Option<(u8, bool)>, c: u8 } struct B(bool);
                enum C { D { e: bool } } fn f(g: bool) {}";
    let files = [Facts::of("session/a.rs", text), Facts::of("value/a.rs", text)];
    assert_eq!(booleans(&files), 3);
}

/// Calls of `Lexer::new` by file.
fn lexers(files: &[Facts]) -> Vec<(&str, usize)> {
    let lexing = files.iter().filter(|facts| facts.lexers > 0);
    lexing.map(|facts| (facts.path.as_str(), facts.lexers)).collect()
}

#[test]
fn a_text_is_cut_into_tokens_in_one_place() {
    const PLACE: &str = "statement/tokens.rs";
    const EXCEPTIONS: &[(&str, usize)] = &[];
    let elsewhere = lexers(sources()).into_iter().filter(|(path, _)| *path != PLACE);
    assert_none(&complaints(elsewhere, 0, EXCEPTIONS));
}

#[test]
fn lexers_are_counted() {
    let files = [
        Facts::of("a.rs", "fn f() { Lexer::new(x); let y = super::lexer::Lexer::new(z); }"),
        Facts::of("b.rs", "fn f() { q!(Lexer::new(x)); Other::new(); lexer.next(); }"),
        Facts::of("c.rs", "#[cfg(test)]\nmod tests { fn f() { Lexer::new(x); } }"),
    ];
    assert_eq!(lexers(&files), [("a.rs", 2), ("b.rs", 1)]);
}

/// Variables and fields of `statement` that count nested brackets, by file; the lexer left out, which
/// counts nested comments.
fn depths(files: &[Facts]) -> Vec<(&str, usize)> {
    let files = files.iter().filter(|facts| top(facts) == "statement" && facts.depths > 0);
    let files = files.filter(|facts| facts.path != "statement/lexer.rs");
    files.map(|facts| (facts.path.as_str(), facts.depths)).collect()
}

#[test]
fn open_brackets_are_counted_in_one_place() {
    const PLACE: &str = "statement/nesting.rs";
    const EXCEPTIONS: &[(&str, usize)] = &[];
    let (place, others): (Vec<_>, Vec<_>) =
        depths(sources()).into_iter().partition(|(path, _)| *path == PLACE);
    assert_none(&complaints(others, 0, EXCEPTIONS));
    assert_none(&complaints(place, 1, &[]));
}

#[test]
fn depths_are_counted() {
    let text = "struct A { depth: u8, deep: u8 } fn f(depth: u8) { let mut max_depth = 1; }";
    let paths = ["statement/a.rs", "statement/lexer.rs", "value/a.rs"];
    let files = paths.map(|path| Facts::of(path, text));
    assert_eq!(depths(&files), [("statement/a.rs", 2)]);
}

/// The lines of each file without its unit tests.
fn lines(files: &[Facts]) -> Vec<(&str, usize)> {
    files.iter().map(|facts| (facts.path.as_str(), facts.text.lines().count())).collect()
}

#[test]
fn a_file_has_four_hundred_lines() {
    const EXCEPTIONS: &[(&str, usize)] = &[];
    assert_none(&complaints(lines(sources()), 400, EXCEPTIONS));
}

#[test]
fn lines_are_counted_without_unit_tests() {
    for tests in ["mod tests", "pub(super) mod tests", "pub(in crate::a) mod support", "pub mod b"]
    {
        let code = "//! One.\n\n#[cfg(test)]\nuse a::b;\nfn f() {}\n\n";
        let text = format!("{code}#[cfg(test)]\n{tests} {{\n    fn g() {{}}\n}}\n");
        assert_eq!(lines(&[Facts::of("a.rs", &text)]), [("a.rs", 6)], "{tests}");
    }
}

/// Names of types and how often each stands for another one.
fn type_names(files: &[Facts]) -> Vec<(&str, usize)> {
    let mut counts = BTreeMap::new();
    for name in files.iter().flat_map(|facts| &facts.types) {
        *counts.entry(name.as_str()).or_default() += 1;
    }
    counts.into_iter().collect()
}

#[test]
fn a_name_stands_for_one_type() {
    /// When ten are left, the list stays as it is.
    const EXCEPTIONS: &[(&str, usize)] = &[
        ("Body", 2),
        ("Connection", 2),
        ("Parked", 2),
        ("Place", 3),
        ("Rules", 2),
        ("Statement", 2),
        ("Stream", 2),
        ("Target", 2),
        ("Verdict", 5),
    ];
    assert_none(&complaints(type_names(sources()), 1, EXCEPTIONS));
}

#[test]
fn type_names_are_counted() {
    let files = [
        Facts::of("a.rs", "struct A; enum B {} trait C {} type D = A;"),
        Facts::of("b.rs", "struct B; #[cfg(test)]\nmod tests { struct A; }"),
    ];
    assert_eq!(type_names(&files), [("A", 1), ("B", 2), ("C", 1), ("D", 1)]);
}
