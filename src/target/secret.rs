//! Texts that may hold a password, and what is shown of them.

use std::fmt;

/// A text that no message and no log shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// What stands where a password stood.
const HIDDEN: &str = "***";

/// Parameters of a connection whose values are secret.
const SECRET_PARAMETERS: [&str; 5] =
    ["password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"];

/// A copy of a text for people, with the passwords of the connection URIs in it hidden:
/// `://user:PASSWORD@` and `password=PASSWORD`. A URI ends at a blank, a quote or a bracket.
pub fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(&without_parameters(before));
        shown.push_str("://");
        let end = after.find(ends_word).unwrap_or(after.len());
        let (uri, behind) = after.split_at_checked(end).unwrap_or((after, ""));
        // The last one: a password that was not percent-encoded may hold others.
        rest = match uri.rsplit_once('@') {
            Some((who, address)) => {
                let user = who.split_once(':').map(|(user, _)| user);
                shown.push_str(&user.map_or_else(|| who.into(), |user| format!("{user}:{HIDDEN}")));
                shown.push('@');
                shown.push_str(&without_parameters(address));
                behind
            }
            None => after,
        };
    }
    shown.push_str(&without_parameters(rest));
    shown
}

/// A copy of a text for people, without the numbers that the system has for its errors: ` (os error 2)`.
pub fn without_os_errors(text: &str) -> String {
    const BEGIN: &str = " (os error ";
    let mut parts = text.split(BEGIN);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                shown.push_str(rest);
            }
            _ => shown.extend([BEGIN, part]),
        }
    }
    shown
}

/// The same for parameters alone.
fn without_parameters(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        shown.push_str(before);
        shown.push('=');
        rest = after;
        let name_at = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = before.get(name_at.map_or(0, |at| at + 1)..).unwrap_or(before);
        if SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            let end = after.find(ends_value).unwrap_or(after.len());
            shown.push_str(HIDDEN);
            rest = after.get(end..).unwrap_or_default();
        }
    }
    shown.push_str(rest);
    shown
}

fn ends_word(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\'' | '"' | '`' | '<' | '>' | ')')
}

fn ends_value(character: char) -> bool {
    ends_word(character) || character == '&'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_errors_are_left_out() {
        for (text, shown) in [
            ("a: not there (os error 2)", "a: not there"),
            ("a (os error 2): b (os error 111)", "a: b"),
            ("a (os error x) (os error 3", "a (os error x) (os error 3"),
        ] {
            assert_eq!(without_os_errors(text), shown);
        }
    }

    #[test]
    fn passwords_are_hidden_and_the_rest_stays() {
        for (text, shown) in [
            ("'postgresql://u:geheim@h:port/d' is wrong", "'postgresql://u:***@h:port/d' is wrong"),
            ("postgres://u:ge/h@e?i:m@h/d", "postgres://u:***@h/d"),
            ("postgres://u@h/d?password=geheim&user=x", "postgres://u@h/d?password=***&user=x"),
            ("postgres:///d?sslPassword=geheim", "postgres:///d?sslPassword=***"),
            ("password=geheim", "password=***"),
            ("postgres://h/d and postgres://a:b@c", "postgres://h/d and postgres://a:***@c"),
            ("pass=word a=b", "pass=word a=b"),
            ("no URI at all: ü", "no URI at all: ü"),
            ("http://h/?x=1", "http://h/?x=1"),
            ("://", "://"),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }
}
