//! The rules by which values are changed or noticed, and how often each of them did.

/// The rule by which U+0000 goes, whatever takes its place and on whatever way it came.
pub const NUL_RULE: &str = "nul";

/// A rule about row values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueRule {
    /// U+0000 became a space.
    NulToSpace,
    /// U+0000 was taken out.
    NulRemoved,
    /// A character was replaced as the CharacterReplacements say.
    CharacterReplaced,
    /// A value that was too long for its column was cut.
    Truncated,
    /// A value above the LOB limit was cut.
    LobTruncated,
    /// A date that does not exist became NULL.
    BadDateToNull,
    /// A date that does not exist became the configured one.
    BadDateToSentinel,
    /// A number became the date or time that the configuration says it is.
    NumberToDate,
    /// Bytes that are not UTF-8 became U+FFFD.
    InvalidUtf8Replaced,
    /// A value that is not UTF-8 was read as Windows-1252.
    InvalidUtf8AsCp1252,
    /// An integer above the range of bigint.
    UnsignedOverflow,
    /// A value was masked as table mappings say.
    Masked,
    /// A value of another type was given the type of its column.
    TypeConverted,
    /// `OVERRIDING SYSTEM VALUE` was added for an identity column.
    OverridingSystemValue,
    /// A value for a generated column was left out.
    GeneratedLeftOut,
    /// Digits of a second beyond the sixth, which PostgreSQL rounds.
    LossOfSecondDigits,
    /// Digits of a number beyond the scale of its column, which PostgreSQL rounds.
    LossOfNumericDigits,
    /// Blanks at the end, which `character(n)` does not keep apart from its padding, or which are
    /// too many for their column, so that PostgreSQL cuts them.
    LossOfBlanks,
    /// A key that stands twice in an object; `jsonb` keeps the last.
    LossOfDuplicateKeys,
    /// A length at which other systems cut values without a word. A hint: nothing is lost here, and
    /// no value is ever refused for it.
    SuspiciousLength,
}

impl ValueRule {
    /// The name under which it is counted.
    pub fn name(self) -> &'static str {
        match self {
            ValueRule::NulToSpace | ValueRule::NulRemoved => NUL_RULE,
            ValueRule::CharacterReplaced => "character-replaced",
            ValueRule::Truncated => "truncated",
            ValueRule::LobTruncated => "lob-truncated",
            ValueRule::BadDateToNull => "bad-date-to-null",
            ValueRule::BadDateToSentinel => "bad-date-to-sentinel",
            ValueRule::NumberToDate => "number-to-date",
            ValueRule::InvalidUtf8Replaced => "invalid-utf8-replaced",
            ValueRule::InvalidUtf8AsCp1252 => "invalid-utf8-as-cp1252",
            ValueRule::UnsignedOverflow => "unsigned-overflow",
            ValueRule::Masked => "masked",
            ValueRule::TypeConverted => "type-converted",
            ValueRule::OverridingSystemValue => "overriding-system-value",
            ValueRule::GeneratedLeftOut => "generated-left-out",
            ValueRule::LossOfSecondDigits => "loss-of-second-digits",
            ValueRule::LossOfNumericDigits => "loss-of-numeric-digits",
            ValueRule::LossOfBlanks => "loss-of-blanks",
            ValueRule::LossOfDuplicateKeys => "loss-of-duplicate-keys",
            ValueRule::SuspiciousLength => "suspicious-length",
        }
    }

    /// Whether PostgreSQL itself changes the value, or may show that another system has: the guard
    /// against silent loss.
    pub fn is_silent_loss(self) -> bool {
        matches!(
            self,
            ValueRule::LossOfSecondDigits
                | ValueRule::LossOfNumericDigits
                | ValueRule::LossOfBlanks
                | ValueRule::LossOfDuplicateKeys
                | ValueRule::SuspiciousLength
        )
    }
}

/// What the rules did, until it is taken: few entries, one a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    counts: Vec<(ValueRule, u64)>,
    sample: Option<String>,
}

/// Bytes of a value that a sample shows at most.
const SAMPLE_BYTES_MAX: usize = 100;

impl Findings {
    /// A rule did something `count` times.
    pub fn note(&mut self, rule: ValueRule, count: u64) {
        match self.counts.iter_mut().find(|(noted, _)| *noted == rule) {
            Some((_, so_far)) => *so_far += count,
            None => self.counts.push((rule, count)),
        }
    }

    /// The value in which something was found, as it came; only where samples are asked for.
    pub fn show(&mut self, value: &[u8]) {
        let shown = value.get(..SAMPLE_BYTES_MAX).unwrap_or(value);
        self.sample = Some(match std::str::from_utf8(shown) {
            Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
            _ => shown.escape_ascii().to_string(),
        });
    }

    /// The last value that was shown.
    pub fn take_sample(&mut self) -> Option<String> {
        self.sample.take()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The rules and how often, in the order in which they first did something.
    pub fn take(&mut self) -> Vec<(ValueRule, u64)> {
        std::mem::take(&mut self.counts)
    }
}
