//! Enums that people write: one table of names for each, which the configuration, the dms.* settings and
//! the command line read alike. Uses no other module.

/// An enum whose values have names.
pub trait Keyword: Copy + PartialEq + 'static {
    /// The names in lower case, with dashes, in the order in which they are offered.
    const NAMES: &'static [(&'static str, Self)];

    /// The value with this name: in any case, and with underscores for dashes, as AWS DMS writes names
    /// (`TRUNCATE_BEFORE_LOAD`).
    ///
    /// # Errors
    /// No value has this name.
    fn from_name(text: &str) -> Result<Self, UnknownKeyword> {
        let is_it = |name: &str| {
            name.len() == text.len()
                && name.bytes().zip(text.bytes()).all(|(of_name, written)| {
                    of_name == written.to_ascii_lowercase() || (of_name == b'-' && written == b'_')
                })
        };
        let found = Self::NAMES.iter().find(|(name, _)| is_it(name)).map(|(_, value)| *value);
        found.ok_or_else(|| UnknownKeyword {
            written: text.to_owned(),
            names: Self::NAMES.iter().map(|(name, _)| *name).collect(),
        })
    }
}

/// A text that names no value of an enum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown value `{written}`, expected {}", offered(names))]
pub struct UnknownKeyword {
    /// What is written.
    pub written: String,
    /// What may be written instead.
    pub names: Vec<&'static str>,
}

/// Names in the words of serde's own errors.
fn offered(names: &[&str]) -> String {
    match names {
        [one] => format!("`{one}`"),
        [one, other] => format!("`{one}` or `{other}`"),
        _ => format!("one of `{}`", names.join("`, `")),
    }
}

/// Implements [`Keyword`], `name`, `FromStr` and serde's `Deserialize` from one table.
macro_rules! keywords {
    ($type:ident { $($name:literal => $value:ident),+ $(,)? }) => {
        impl $crate::keyword::Keyword for $type {
            const NAMES: &'static [(&'static str, Self)] = &[$(($name, $type::$value)),+];
        }

        impl $type {
            /// The name of this value in configurations and settings.
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$value => $name),+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::keyword::UnknownKeyword;

            fn from_str(text: &str) -> Result<$type, $crate::keyword::UnknownKeyword> {
                $crate::keyword::Keyword::from_name(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use keywords;

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro is made for public enums")]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Pace {
        Slow,
        VeryFast,
    }

    keywords!(Pace { "slow" => Slow, "very-fast" => VeryFast });

    #[test]
    fn names_are_read_in_any_case_with_dashes_or_underscores() {
        for text in ["very-fast", "VERY_FAST", "Very-Fast", "very_fast"] {
            assert_eq!(text.parse(), Ok(Pace::VeryFast), "{text}");
        }
        assert_eq!((Pace::Slow.name(), Pace::VeryFast.name()), ("slow", "very-fast"));
        for text in ["", "slo", "slow ", "very fast", "very--fast", "\u{17f}low"] {
            assert!(text.parse::<Pace>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "fast".parse::<Pace>().unwrap_err();
        assert_eq!(error.to_string(), "unknown value `fast`, expected `slow` or `very-fast`");
        assert_eq!(offered(&["a", "b", "c"]), "one of `a`, `b`, `c`");
    }
}
