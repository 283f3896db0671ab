//! Names of SQLSTATEs. Source: PostgreSQL, `src/backend/utils/errcodes.txt`.

/// The name of a condition; `None` for a code that PostgreSQL does not have.
pub fn condition_name(sqlstate: &str) -> Option<&'static str> {
    let lines = include_str!("conditions.txt").lines();
    lines
        .filter_map(|line| line.split_once(' '))
        .find(|(code, _)| *code == sqlstate)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names() {
        assert_eq!(condition_name("22012"), Some("division_by_zero"));
        assert_eq!(condition_name("ZZ999"), None);
    }
}
