use proptest::prelude::*;

use super::*;

#[test]
fn wildcards_and_escapes() {
    for (pattern, matching, other) in [
        ("", &[""][..], &["a"][..]),
        ("%", &["", "a", "%"], &[]),
        ("%%", &["", "a"], &[]),
        ("a%", &["a", "ab", "aé"], &["", "ba", "Ab"]),
        ("%a", &["a", "ba", "aa"], &["", "ab"]),
        ("a%b%c", &["abc", "axbxc", "abbcc", "abcbc"], &["acb", "abcd"]),
        ("order_items", &["order_items", "orderXitems", "orderéitems"], &["orderitems"]),
        ("order[_]items", &["order_items"], &["orderXitems", "order[_]items"]),
        ("[%]%", &["%", "%a"], &["", "a%"]),
        ("t[ab]", &["ta", "tb"], &["tc", "t", "tab"]),
        ("t[a-dz]", &["ta", "tc", "tz"], &["te", "t-"]),
        ("t[a-]", &["ta", "t-"], &["tb"]),
        ("t[-a]", &["ta", "t-"], &["tb"]),
        ("a]", &["a]"], &["a"]),
        ("Größe_", &["Größen"], &["Größe", "grössen"]),
        ("a\\_", &["a\\x"], &["a_"]),
    ] {
        let compiled = NamePattern::new(pattern).unwrap();
        assert_eq!(compiled.to_string(), pattern);
        for name in matching {
            assert!(compiled.matches(name), "{pattern} and {name}");
        }
        for name in other {
            assert!(!compiled.matches(name), "{pattern} and {name}");
        }
    }
}

#[test]
fn what_is_no_set_is_refused() {
    for pattern in ["[", "a[b", "[]", "[]]", "[^a]", "[d-a]", "x[a-d"] {
        let message = NamePattern::new(pattern).unwrap_err();
        assert!(message.contains(&format!("{pattern:?}")), "{message}");
    }
}

#[test]
fn what_a_pattern_says_of_itself() {
    let pattern = |text| NamePattern::new(text).unwrap();
    assert!(pattern("%").matches_all() && pattern("%%").matches_all());
    assert!(!pattern("%_").matches_all() && !pattern("").matches_all());
    assert!(pattern("a_b").has_bare_underscore() && !pattern("a[_]b").has_bare_underscore());
}

#[test]
fn many_runs_take_no_exponential_time() {
    let pattern = NamePattern::new(&"%a".repeat(60)).unwrap();
    assert!(!pattern.matches(&format!("{}b", "a".repeat(10_000))));
    assert!(pattern.matches(&"a".repeat(10_000)));
}

/// Whether `pattern` matches, by trying every split.
fn matches_slowly(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['%', after @ ..] => (0..=name.len()).any(|cut| matches_slowly(after, &name[cut..])),
        [piece, after @ ..] => {
            name.first().is_some_and(|first| *piece == '_' || piece == first)
                && matches_slowly(after, &name[1..])
        }
    }
}

proptest! {
    #[test]
    fn matching_agrees_with_trying_everything(pattern in "[ab%_]{0,8}", name in "[ab]{0,8}") {
        let characters = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(
            NamePattern::new(&pattern).unwrap().matches(&name),
            matches_slowly(&characters(&pattern), &characters(&name))
        );
    }

    #[test]
    fn a_name_in_sets_matches_itself_alone(name in "[^\\]^]{1,8}", other in "[^\\]^]{1,8}") {
        let pattern: String = name.chars().map(|character| format!("[{character}]")).collect();
        let pattern = NamePattern::new(&pattern).unwrap();
        prop_assert!(pattern.matches(&name));
        prop_assert_eq!(pattern.matches(&other), name == other);
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(pattern in any::<String>(), name in any::<String>()) {
        if let Ok(pattern) = NamePattern::new(&pattern) {
            pattern.matches(&name);
        }
    }
}
