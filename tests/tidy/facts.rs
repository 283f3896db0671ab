//! What one file of `src` says about itself: its names, its imports and its shapes. Unit tests are
//! left out.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// What is counted in one file.
#[derive(Debug, Default)]
pub struct Facts {
    /// Its path below `src`, with slashes.
    pub path: String,
    /// Its module path; empty for `lib.rs`.
    pub module: Vec<String>,
    /// Its text without unit tests.
    pub text: String,
    /// The names that it imports.
    pub uses: Vec<Import>,
    /// Paths of two and more segments in its code, macros included.
    pub paths: BTreeSet<Vec<String>>,
    /// Names that its code mentions, imports apart.
    pub mentions: BTreeSet<String>,
    /// Names of the items that it defines.
    pub items: BTreeSet<String>,
    /// Names of the types among them.
    pub types: Vec<String>,
    /// Its structs.
    pub structs: Vec<Struct>,
    /// Its impl blocks, those of traits left out.
    pub impls: Vec<Impl>,
    /// Calls of `Lexer::new`.
    pub lexers: usize,
    /// Variables and fields that count how deep something is nested.
    pub depths: usize,
}

/// One name that a `use` brings in.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    /// The name here; `*` for a glob.
    pub name: String,
    /// The path as it is written.
    pub path: Vec<String>,
    /// Whether others see it here: `pub use`, `pub(super) use`.
    pub is_public: bool,
}

/// The shape of a struct.
#[derive(Debug, PartialEq, Eq)]
pub struct Struct {
    /// Its name.
    pub name: String,
    /// How many fields it has.
    pub fields: usize,
    /// How many of them are or hold a boolean.
    pub booleans: usize,
}

/// One `impl NAME`.
#[derive(Debug, PartialEq, Eq)]
pub struct Impl {
    /// The type.
    pub name: String,
    /// How many functions it has.
    pub methods: usize,
    /// How many of them take `&mut self`.
    pub by_mut: usize,
}

/// The text of a file in front of its module for tests, private or not.
pub fn without_tests(text: &str) -> &str {
    const ATTRIBUTE: &str = "#[cfg(test)]\n";
    let is_module = |(at, _): &(usize, &str)| {
        let item = text[at + ATTRIBUTE.len()..].lines().next().unwrap_or_default();
        let item = item.trim_start_matches("pub").trim_start();
        let inside = item.starts_with('(').then(|| item.split_once(')')).flatten();
        inside.map_or(item, |(_, item)| item.trim_start()).starts_with("mod ")
    };
    let found = text.match_indices(ATTRIBUTE).find(is_module);
    found.map_or(text, |(at, _)| &text[..at])
}

impl PartialEq for Facts {
    fn eq(&self, other: &Facts) -> bool {
        self.path == other.path
    }
}

impl Eq for Facts {}

impl PartialOrd for Facts {
    fn partial_cmp(&self, other: &Facts) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Facts {
    fn cmp(&self, other: &Facts) -> std::cmp::Ordering {
        self.path.cmp(&other.path)
    }
}

impl Facts {
    /// The facts of a file with this path below `src`.
    pub fn of(path: &str, text: &str) -> Facts {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut module: Vec<String> =
            path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        let mut facts = Facts {
            path: path.to_owned(),
            module,
            text: without_tests(text).to_owned(),
            ..Facts::default()
        };
        facts.visit_file(&file);
        facts
    }

    fn define(&mut self, name: &syn::Ident, is_type: bool) {
        self.items.insert(name.to_string());
        if is_type {
            self.types.push(name.to_string());
        }
    }

    /// The leaves of a tree of imports.
    fn import(&mut self, tree: &syn::UseTree, before: &[String], is_public: bool) {
        let path = |name: &syn::Ident| {
            let mut path = before.to_vec();
            // `use a::{self}` is `use a`.
            if name != "self" || before.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        match tree {
            syn::UseTree::Path(inner) => self.import(&inner.tree, &path(&inner.ident), is_public),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.import(item, before, is_public));
            }
            syn::UseTree::Name(leaf) => {
                let path = path(&leaf.ident);
                let name = path.last().cloned().unwrap_or_default();
                self.uses.push(Import { name, path, is_public });
            }
            syn::UseTree::Rename(leaf) => {
                let name = leaf.rename.to_string();
                self.uses.push(Import { name, path: path(&leaf.ident), is_public });
            }
            syn::UseTree::Glob(_) => {
                self.uses.push(Import { name: "*".into(), path: before.to_vec(), is_public });
            }
        }
    }

    fn note_path(&mut self, path: Vec<String>) {
        if path.len() > 1 {
            if path.ends_with(&["Lexer".into(), "new".into()]) {
                self.lexers += 1;
            }
            self.paths.insert(path);
        }
    }

    /// Paths in the tokens of a macro, which are not parsed.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    self.mentions.insert(ident.to_string());
                    if colons != 2 {
                        self.note_path(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.note_path(std::mem::take(&mut path));
                    colons = 0;
                    self.note_tokens(group.stream());
                }
                _ => {
                    self.note_path(std::mem::take(&mut path));
                    colons = 0;
                }
            }
        }
        self.note_path(path);
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg = attribute.path().is_ident("cfg");
        let test = attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"));
        is_cfg && test
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether a type is or holds a boolean.
fn has_boolean(field: &syn::Field) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_ident(&mut self, name: &'ast syn::Ident) {
            self.0 |= name == "bool";
        }
    }
    let mut finder = Finder(false);
    finder.visit_type(&field.ty);
    finder.0
}

fn is_depth(name: &syn::Ident) -> bool {
    name.to_string().split('_').any(|word| word == "depth")
}

impl<'ast> Visit<'ast> for Facts {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        // A declaration of a module does not mention its name.
        let is_elsewhere = matches!(item, syn::Item::Mod(module) if module.content.is_none());
        if is_elsewhere || is_test(attributes(item)) {
            return;
        }
        match item {
            syn::Item::Const(item) => self.define(&item.ident, false),
            syn::Item::Enum(item) => self.define(&item.ident, true),
            syn::Item::Fn(item) => self.define(&item.sig.ident, false),
            syn::Item::Macro(item) => {
                item.ident.iter().for_each(|name| self.define(name, false));
            }
            syn::Item::Static(item) => self.define(&item.ident, false),
            syn::Item::Struct(item) => {
                self.define(&item.ident, true);
                self.structs.push(Struct {
                    name: item.ident.to_string(),
                    fields: item.fields.len(),
                    booleans: item.fields.iter().filter(|field| has_boolean(field)).count(),
                });
            }
            syn::Item::Trait(item) => self.define(&item.ident, true),
            syn::Item::Type(item) => self.define(&item.ident, true),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        self.import(&item.tree, &[], is_public);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let (None, syn::Type::Path(path)) = (&item.trait_, &*item.self_ty) {
            let signatures = item.items.iter().filter_map(|inner| match inner {
                syn::ImplItem::Fn(function) if !is_test(&function.attrs) => Some(&function.sig),
                _ => None,
            });
            let is_mut = |signature: &&syn::Signature| {
                let receiver = signature.receiver();
                receiver.is_some_and(|r| r.reference.is_some() && r.mutability.is_some())
            };
            let name = path.path.segments.last().map(|segment| segment.ident.to_string());
            self.impls.push(Impl {
                name: name.unwrap_or_default(),
                methods: signatures.clone().count(),
                by_mut: signatures.filter(is_mut).count(),
            });
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note_path(path.segments.iter().map(|part| part.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.note_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_ident(&mut self, name: &'ast syn::Ident) {
        self.mentions.insert(name.to_string());
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        self.depths += usize::from(pattern.mutability.is_some() && is_depth(&pattern.ident));
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.depths += usize::from(field.ident.as_ref().is_some_and(is_depth));
        visit::visit_field(self, field);
    }
}

#[test]
fn names_imports_and_paths_are_read() {
    let facts = Facts::of(
        "session/mod.rs",
        "use super::a::{self, B as C, d::*};
         pub(crate) use crate::e::F;
         struct G { yes: Option<bool>, no: u8, depth: usize }
         enum H { I }
         impl G {
             fn j(&mut self) { let mut k_depth = crate::l::m::<super::n::O>(); q!(r, crate::s::T, u::v(w)); }
             fn x(&self) { Lexer::new(); }
             #[cfg(test)] fn y(&mut self) { crate::z::z(); }
         }
         impl Default for G {}
         #[cfg(test)] use crate::tests_alone;
         #[cfg(test)]
         mod tests { use crate::tests_alone; struct G; }",
    );
    assert_eq!(facts.module, ["session"]);
    let uses: Vec<String> = (facts.uses.iter())
        .map(|import| format!("{}={} {}", import.name, import.path.join("::"), import.is_public))
        .collect();
    let expected = ["a=super::a false", "C=super::a::B false", "*=super::a::d false"];
    assert_eq!(uses[..3], expected);
    assert_eq!(uses[3..], ["F=crate::e::F true"]);
    let paths: Vec<String> = facts.paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["Lexer::new", "crate::l::m", "crate::s::T", "super::n::O", "u::v"]);
    assert_eq!(facts.types, ["G", "H"]);
    assert_eq!(facts.structs, [Struct { name: "G".into(), fields: 3, booleans: 1 }]);
    assert_eq!(facts.impls, [Impl { name: "G".into(), methods: 2, by_mut: 1 }]);
    assert_eq!((facts.lexers, facts.depths), (1, 2));
    assert!(facts.mentions.contains("k_depth") && !facts.mentions.contains("B"));
}
