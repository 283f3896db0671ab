//! The symbols that an expression of a rule is made of; touches nothing else.

/// A symbol of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A keyword or a function.
    Word(String),
    /// `$NAME`
    Variable(String),
    /// What a string constant holds.
    Text(String),
    /// A number as it is written.
    Number(String),
    /// An operator, a parenthesis or a comma.
    Sign(&'static str),
}

impl Symbol {
    /// The symbol as it is written, for messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Symbol::Word(text) | Symbol::Number(text) => text.clone(),
            Symbol::Variable(name) => format!("${name}"),
            Symbol::Text(text) => format!("'{text}'"),
            Symbol::Sign(sign) => (*sign).to_owned(),
        }
    }
}

const SIGNS: &[&str] =
    &["||", "==", "<>", "!=", "<=", ">=", "(", ")", ",", "=", "<", ">", "+", "-", "*", "/", "%"];

/// The symbols of an expression.
///
/// # Errors
/// A sentence about what is none.
pub(super) fn cut(text: &str) -> Result<Vec<Symbol>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let end_of = |text: &str, is_in: &dyn Fn(char) -> bool| {
            text.find(|c: char| !is_in(c)).unwrap_or(text.len())
        };
        let (token, behind) = if first == '\'' {
            let (content, behind) =
                quoted(rest).ok_or("its expression has a ' that nothing ends")?;
            (Symbol::Text(content), behind)
        } else if let Some(name) = rest.strip_prefix('$') {
            let (name, behind) = name.split_at(end_of(name, &|c| is_part(c) || c == '#'));
            if name.is_empty() {
                return Err("its expression has a $ without the name of a column".into());
            }
            (Symbol::Variable(name.to_owned()), behind)
        } else if first.is_ascii_digit() {
            let (number, behind) = rest.split_at(end_of(rest, &|c| c.is_ascii_digit() || c == '.'));
            if behind.starts_with(is_part) || number.matches('.').count() > 1 {
                return Err(format!("{number} in its expression is not a number"));
            }
            (Symbol::Number(number.to_owned()), behind)
        } else if first.is_alphabetic() || first == '_' {
            let (word, behind) = rest.split_at(end_of(rest, &is_part));
            (Symbol::Word(word.to_owned()), behind)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Symbol::Sign(sign), rest.get(sign.len()..).unwrap_or_default())
        } else if matches!(first, '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}') {
            return Err("its expression has typographic quotes; SQL takes only '".into());
        } else {
            return Err(format!("its expression has {first:?}, which is not taken"));
        };
        tokens.push(token);
        rest = behind.trim_start();
    }
    Ok(tokens)
}

/// The content of the constant at the start of a text, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (part, behind) = rest.split_once('\'')?;
        content.push_str(part);
        match behind.strip_prefix('\'') {
            Some(more) => rest = more,
            None => return Some((content, behind)),
        }
        content.push('\'');
    }
}
