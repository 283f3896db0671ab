//! How SQL spells names and constants, whatever they hold. Touches nothing but `encoding`.

use crate::encoding::Encoding;

/// An identifier in quotes.
pub fn quoted_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's name, qualified and quoted.
pub fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted_identifier(schema), quoted_identifier(table))
}

/// A string constant, whatever `standard_conforming_strings` is.
pub fn quoted_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A string constant that holds a name of several parts in quotes, in the client's encoding and
/// whatever `standard_conforming_strings` is. No `$` is in it, so it cannot end a dollar quote
/// around it.
pub fn name_constant(parts: &[Vec<u8>], encoding: Encoding) -> Vec<u8> {
    let mut text = b"E'".to_vec();
    for (number, part) in parts.iter().enumerate() {
        text.extend_from_slice(if number == 0 { b"\"" } else { b".\"" });
        let mut rest = part.as_slice();
        while !rest.is_empty() {
            // In some encodings a byte of a longer character looks like one of these.
            let (character, behind) = rest.split_at(encoding.character_length(rest));
            match character {
                b"'" | b"\\" | b"\"" => text.extend([character, character].concat()),
                b"$" => text.extend_from_slice(b"\\044"),
                _ => text.extend_from_slice(character),
            }
            rest = behind;
        }
        text.push(b'"');
    }
    text.push(b'\'');
    text
}

/// A text between dollar quotes that do not end inside it.
pub fn dollar_quoted(text: &str) -> String {
    let mut tag = "$dms_proxy$".to_owned();
    let mut number = 0u64;
    while text.contains(&tag) {
        number += 1;
        tag = format!("$dms_proxy{number}$");
    }
    format!("{tag}{text}{tag}")
}

/// A template with every `{key}` that is in `values` replaced, in one pass: what a value holds is
/// not looked at again. Other braces stay as they are.
pub fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(before);
        let found = behind.split_once('}').and_then(|(key, after)| {
            let value = values.iter().find(|(name, _)| *name == key)?;
            Some((value.1, after))
        });
        match found {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push('{');
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_whatever_is_in_them() {
        assert_eq!(quoted_identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(quoted_literal("o'b"), "'o''b'");
        assert_eq!(quoted_literal("a\\'"), "E'a\\\\'''");
        assert_eq!(dollar_quoted("x$dms_proxy$y"), "$dms_proxy1$x$dms_proxy$y$dms_proxy1$");
    }

    #[test]
    fn a_name_cannot_leave_its_constant() {
        let constant = |name: &[u8], encoding| {
            name_constant(&[name.to_vec()], encoding).escape_ascii().to_string()
        };
        assert_eq!(constant(b"a'\\\"$$", Encoding::Utf8), r#"E\'\"a\'\'\\\\\"\"\\044\\044\"\'"#);
        // U+8868 in Shift-JIS ends in a byte that looks like a backslash.
        assert_eq!(constant(b"\x95\\", Encoding::ShiftJis), r#"E\'\"\x95\\\"\'"#);
        let two = name_constant(&[b"s".to_vec(), b"t".to_vec()], Encoding::Utf8);
        assert_eq!(two, br#"E'"s"."t"'"#);
    }

    #[test]
    fn values_are_filled_in_once() {
        let values = [("a", "{b}"), ("b", "B")];
        assert_eq!(filled("{a} {b} '{}'::int[] {c} {", &values), "{b} B '{}'::int[] {c} {");
    }
}
