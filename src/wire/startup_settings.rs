//! The settings that a startup packet states: parameters that are settings, and command-line options of the
//! server. Knows their spelling, not their meaning.
//!
//! Source: PostgreSQL, `pg_split_opts` in `src/backend/utils/init/postinit.c`, `ParseLongOption` in
//! `src/backend/utils/misc/guc.c`.

/// The settings that the value of `options` states, by `-c name=value` and `--name=value`, in its order.
pub(super) fn settings_in_options(options: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut words = split(options).into_iter();
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let assignment = match word.strip_prefix(b"-c") {
            Some([]) => words.next(),
            Some(rest) => Some(rest.to_vec()),
            None => word.strip_prefix(b"--").map(<[u8]>::to_vec),
        };
        let Some(assignment) = assignment else { continue };
        let mut parts = assignment.splitn(2, |&byte| byte == b'=');
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            settings.push((name.to_vec(), value.to_vec()));
        }
    }
    settings
}

/// The words: a backslash takes the next character as it is.
fn split(options: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = options.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            byte if byte.is_ascii_whitespace() || byte == 0x0B => words.extend(word.take()),
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            byte => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_state_settings() {
        let options = br"-c dms.phase=cdc --dms.fk=off -cdms.table-prep=a\ b\\ -B 5 -c x";
        let expected: [(&[u8], &[u8]); 3] =
            [(b"dms.phase", b"cdc"), (b"dms.fk", b"off"), (b"dms.table-prep", b"a b\\")];
        let found = settings_in_options(options);
        let found: Vec<(&[u8], &[u8])> =
            found.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        assert_eq!(found, expected);
        assert!(settings_in_options(b"").is_empty());
    }
}
