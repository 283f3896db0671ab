//! Patterns of names. Linear in the length of the name times that of the pattern.

/// Whether a name fits a pattern in which `*` stands for any run of characters.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    matches(pattern, name, |c| c == '*', |_| false)
}

/// The same of LIKE: `%` and `_`, without regard to case; `*`, too.
pub(super) fn is_like(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    matches(&pattern, &name, |c| c == '%' || c == '*', |c| c == '_')
}

fn matches(
    pattern: &str,
    name: &str,
    is_run: impl Fn(char) -> bool,
    is_one: impl Fn(char) -> bool,
) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Where the last run stands in the pattern, and what it has taken of the name.
    let mut run: Option<(usize, usize)> = None;
    while let Some(&c) = name.get(at) {
        match pattern.get(of) {
            Some(&wanted) if is_run(wanted) => {
                run = Some((of, at));
                of += 1;
            }
            Some(&wanted) if is_one(wanted) || wanted == c => (at, of) = (at + 1, of + 1),
            _ => {
                let Some((start, taken)) = run else { return false };
                run = Some((start, taken + 1));
                (at, of) = (taken + 1, start + 1);
            }
        }
    }
    pattern.get(of..).unwrap_or_default().iter().all(|&c| is_run(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_fit_anything() {
        for (pattern, name) in
            [("*", ""), ("a*", "abc"), ("*c", "abc"), ("a*c*e", "abcde"), ("s.t", "s.t")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("", "a"), ("a", "ab"), ("*b", "abc"), ("a_c", "abc"), ("A", "a")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        assert!(is_like("A_C%", "abcde") && !is_like("a_", "abc"));
    }
}
