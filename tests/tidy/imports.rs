//! Which file of `src` imports from which: names are followed through re-exports to the file that
//! defines them.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;

/// Names are followed through this many re-exports.
const HOPS_MAX: usize = 16;

/// The imports of all files.
pub struct Imports<'f> {
    by_module: BTreeMap<&'f [String], &'f Facts>,
}

/// Where a path leads.
#[derive(Clone, Copy)]
enum Found<'f> {
    /// To a module.
    Module(&'f Facts),
    /// To something that this file defines.
    Item(&'f Facts),
}

impl<'f> Imports<'f> {
    /// Those of `files`.
    pub fn of(files: &'f [Facts]) -> Imports<'f> {
        Imports { by_module: files.iter().map(|facts| (&facts.module[..], facts)).collect() }
    }

    /// The files that `from` uses anything of, itself left out.
    ///
    /// A re-export uses nothing unless its file mentions the name too.
    pub fn used_by(&self, from: &'f Facts) -> BTreeSet<&'f Facts> {
        self.followed(from, |_| true)
    }

    /// The same without what a module takes from its own children: what is climbed to by `crate::`
    /// and `super::`. Parents know their children; a circle is children that know each other.
    pub fn climbs_of(&self, from: &'f Facts) -> BTreeSet<&'f Facts> {
        let starts_up = |path: &[String]| {
            path.first().is_some_and(|first| matches!(first.as_str(), "crate" | "super"))
        };
        // `use super::b; b::f()` climbs as `super::b::f()` does.
        let modules: BTreeSet<&String> = (from.uses.iter())
            .filter(|import| starts_up(&import.path))
            .map(|import| &import.name)
            .collect();
        self.followed(from, |path| {
            starts_up(path) || path.first().is_some_and(|first| modules.contains(first))
        })
    }

    /// Paths into the crate that lead nowhere: the fences would not see them.
    pub fn lost(&self, from: &'f Facts) -> Vec<String> {
        let uses = from.uses.iter().map(|import| &import.path);
        let paths = uses
            .chain(&from.paths)
            .filter(|path| path.first().is_some_and(|first| first == "crate"));
        paths.filter(|path| self.find(from, path).is_none()).map(|path| path.join("::")).collect()
    }

    fn followed(&self, from: &'f Facts, counts: impl Fn(&[String]) -> bool) -> BTreeSet<&'f Facts> {
        let uses = from.uses.iter().filter(|import| {
            !import.is_public || (import.name != "*" && from.mentions.contains(&import.name))
        });
        let uses = uses.map(|import| (&import.path, import.name == "*"));
        let paths = uses.chain(from.paths.iter().map(|path| (path, false)));
        let found = paths.filter(|(path, _)| counts(path)).filter_map(|(path, is_glob)| {
            match self.find(from, path)? {
                Found::Item(facts) => Some(facts),
                // The name of a module takes nothing; what is taken from it does.
                Found::Module(facts) => is_glob.then_some(facts),
            }
        });
        found.filter(|facts| facts.path != from.path).collect()
    }

    fn find(&self, from: &'f Facts, path: &[String]) -> Option<Found<'f>> {
        let mut at = from;
        let mut rest: Vec<String> = path.to_vec();
        for _ in 0..HOPS_MAX {
            match self.walk(at, rest)? {
                Ok(found) => return Some(found),
                Err((facts, alias)) => (at, rest) = (facts, alias),
            }
        }
        None
    }

    /// One walk down from the module `at`: what was found, or an alias and the module where it is
    /// written.
    fn walk(
        &self,
        mut at: &'f Facts,
        rest: Vec<String>,
    ) -> Option<Result<Found<'f>, (&'f Facts, Vec<String>)>> {
        let mut rest = std::collections::VecDeque::from(rest);
        let mut is_first = true;
        while let Some(name) = rest.pop_front() {
            let alias = at.uses.iter().find(|import| import.name == name);
            let mut child = at.module.clone();
            child.push(name.clone());
            match name.as_str() {
                "crate" if is_first => at = self.by_module.get(&[][..])?,
                "self" if is_first => {}
                "super" => at = self.by_module.get(at.module.split_last()?.1)?,
                // A function may be named like its module; the last name is the function.
                _ if self.by_module.contains_key(&child[..])
                    && (alias.is_none() || !rest.is_empty()) =>
                {
                    at = self.by_module.get(&child[..])?;
                }
                _ if at.items.contains(&name) => return Some(Ok(Found::Item(at))),
                _ => {
                    if let Some(alias) = alias {
                        if alias.path.len() == 1 && alias.path.first() == Some(&name) {
                            return None; // a crate
                        }
                        return Some(Err((at, alias.path.iter().cloned().chain(rest).collect())));
                    }
                    return self.in_globs(at, &name);
                }
            }
            is_first = false;
        }
        Some(Ok(Found::Module(at)))
    }

    /// A name that came by a glob.
    fn in_globs(
        &self,
        at: &'f Facts,
        name: &str,
    ) -> Option<Result<Found<'f>, (&'f Facts, Vec<String>)>> {
        let globs = at.uses.iter().filter(|import| import.name == "*" && import.path.len() > 1);
        let mut found = globs.filter_map(|glob| match self.walk(at, glob.path.clone())? {
            Ok(Found::Module(facts)) if facts.items.contains(name) => Some(Found::Item(facts)),
            _ => None,
        });
        found.next().map(Ok)
    }
}

/// Groups of two and more that reach each other both ways along the arrows, each in order.
pub fn circles<'n>(arrows: &BTreeMap<&'n str, BTreeSet<&'n str>>) -> Vec<Vec<&'n str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|start| (*start, reach(arrows, start))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for start in arrows.keys() {
        if !seen.insert(*start) || !reaches(start, start) {
            continue;
        }
        let back = |other: &&&str| reaches(start, other) && reaches(other, start);
        let circle: Vec<&str> = arrows.keys().filter(back).copied().collect();
        seen.extend(&circle);
        circles.push(circle);
    }
    circles
}

/// What is reached from `start`; itself only by a circle.
fn reach<'n>(arrows: &BTreeMap<&'n str, BTreeSet<&'n str>>, start: &str) -> BTreeSet<&'n str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = arrows.get(start).into_iter().flatten().copied().collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(arrows.get(next).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<Facts> = files.iter().map(|(path, text)| Facts::of(path, text)).collect();
        let imports = Imports::of(&files);
        let of = |facts| {
            let to = imports.used_by(facts).into_iter();
            let to: Vec<&str> = to.map(|facts| facts.path.as_str()).collect();
            (!to.is_empty()).then(|| format!("{} -> {}", facts.path, to.join(" ")))
        };
        files.iter().filter_map(of).collect()
    }

    #[test]
    fn names_lead_to_the_file_that_defines_them() {
        let found = arrows(&[
            ("lib.rs", "pub mod value; pub mod session;"),
            ("value/mod.rs", "mod judge; mod rule; pub use judge::Judge; pub use rule::rule;"),
            (
                "value/judge.rs",
                "use super::rule::{self}; pub struct Judge; fn f() { rule::rule() }",
            ),
            ("value/rule.rs", "pub fn rule() {} use std::fmt;"),
            (
                "session/mod.rs",
                "mod bind; use crate::value::Judge; pub struct Session; fn f() { bind::g() }",
            ),
            (
                "session/bind.rs",
                "use super::{Judge, Session}; pub fn g() { x!(crate::value::rule()) }",
            ),
            ("session/all.rs", "use super::*;"),
        ]);
        let expected = [
            "value/judge.rs -> value/rule.rs",
            "session/mod.rs -> session/bind.rs value/judge.rs",
            "session/bind.rs -> session/mod.rs value/judge.rs value/rule.rs",
            "session/all.rs -> session/mod.rs",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_re_export_that_its_file_uses_is_an_import() {
        let child = ("a/b.rs", "pub struct B;");
        assert!(arrows(&[("a/mod.rs", "mod b; pub use b::B;"), child]).is_empty());
        let found = arrows(&[("a/mod.rs", "mod b; pub use b::B; struct A(B);"), child]);
        assert_eq!(found, ["a/mod.rs -> a/b.rs"]);
    }

    #[test]
    fn what_a_module_takes_from_its_children_is_not_climbed_to() {
        let files = [
            Facts::of("a/mod.rs", "mod b; use b::B; use super::c; struct A(B, c::C);"),
            Facts::of("a/b.rs", "use super::A; pub struct B; fn f() { crate::gone::g() }"),
            Facts::of("c.rs", "pub struct C;"),
            Facts::of("lib.rs", ""),
        ];
        let imports = Imports::of(&files);
        let climbs = |facts| -> Vec<&str> {
            imports.climbs_of(facts).into_iter().map(|facts| facts.path.as_str()).collect()
        };
        assert_eq!(
            files.iter().map(climbs).collect::<Vec<_>>(),
            [vec!["c.rs"], vec!["a/mod.rs"], vec![], vec![]]
        );
        assert_eq!(imports.lost(&files[1]), ["crate::gone::g"]);
    }

    #[test]
    fn circles_are_found() {
        let arrows = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("d", "e"), ("f", "f")];
        let mut map: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (from, to) in arrows {
            map.entry(from).or_default().insert(to);
        }
        assert_eq!(circles(&map), [vec!["b", "c"], vec!["f"]]);
        map.entry("e").or_default().insert("a");
        assert_eq!(circles(&map), [vec!["a", "b", "c", "d", "e"], vec!["f"]]);
    }
}
