//! What the answer to the question about settings says. Reads it; keeps nothing.

use crate::policy::{BadSetting, NAMES, Settings};
use crate::session::context::TargetKind;
use crate::wire::{self, Answer};

/// What kind of target it is, by the answer to the question at login.
pub(super) fn kind_of(answer: &Answer) -> TargetKind {
    let shard_count = answer.rows.first().and_then(|row| row.get(NAMES.len())?.as_ref());
    match shard_count {
        Some(count) if !count.is_empty() => TargetKind::Citus,
        _ => TargetKind::PostgreSql,
    }
}

/// The process that serves the session, by the answer to the question at login.
pub(super) fn process_of(answer: &Answer) -> Option<i32> {
    let value = answer.rows.first()?.get(NAMES.len() + 1)?.as_deref()?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The settings in force: the defaults, changed by what the target says. Values that mean nothing are
/// handed back and leave the default.
pub(super) fn settings_of(answer: &Answer, defaults: Settings) -> (Settings, Vec<BadSetting>) {
    let mut settings = defaults;
    let values = answer.rows.first().map(Vec::as_slice).unwrap_or_default();
    let bad = NAMES
        .into_iter()
        .zip(values)
        .filter_map(|(name, value)| Some((name, wire::printable(value.as_ref()?))))
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, value)| settings.set(name, &value).err())
        .collect();
    (settings, bad)
}
