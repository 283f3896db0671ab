//! What `serve` asks the target now and then for the operator's side, where a login is configured.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::login;
use crate::admin::{FoundCommand, FoundKey, Operator, TargetFound};
use crate::close_out::{KeyState, Target, TargetLook, look};
use crate::config::Config;

/// Databases that are looked at in one round.
const DATABASES_MAX: usize = 50;

/// Looks again and again, in every database that sessions are in and in that of the URL. Does not end.
pub(super) async fn look_now_and_then<T>(config: &Config, operator: Option<&Operator>) -> T {
    let interval = config.admin.as_ref().map_or(0, |admin| admin.look_interval);
    let timeout = config.target.connect_timeout();
    let target = (config.target.url.login.user.is_some() && interval > 0)
        .then(|| login::target(&config.target.url, timeout).ok())
        .flatten();
    let (Some(operator), Some(target)) = (operator, target) else {
        return std::future::pending().await;
    };
    let of_url = config.target.url.login.database.clone();
    let mut rounds = tokio::time::interval(Duration::from_secs(interval));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let mut databases = operator.databases();
        databases.extend(of_url.clone());
        for database in databases.into_iter().take(DATABASES_MAX) {
            let target = Target { database: database.clone(), ..target.clone() };
            match look(&target).await {
                Ok(seen) => operator.note_found(&database, &target.user, found(seen)),
                Err(error) => {
                    tracing::debug!(
                        event = "target_not_looked_at",
                        database,
                        "the target was not looked at: {error}"
                    );
                }
            }
        }
    }
}

fn found(seen: TargetLook) -> TargetFound {
    let keys = seen.foreign_keys.into_iter().map(|one| {
        let (schema, table, constraint) = one.key;
        let (parked_at, parked_by) = one.parked.unwrap_or_default();
        FoundKey {
            schema,
            table,
            constraint,
            referenced: one.referenced,
            state: match one.state {
                KeyState::Valid => "valid",
                KeyState::NotValid => "not_valid",
                KeyState::NotEnforced => "not_enforced",
                KeyState::Parked => "parked",
            },
            parked_at: utc_micros(&parked_at).unwrap_or(0),
            parked_by,
            orphans: one.counted.as_ref().and_then(|counted| u64::try_from(counted.orphans?).ok()),
            counted_at: one.counted.and_then(|counted| utc_micros(&counted.at)).unwrap_or(0),
        }
    });
    let commands = seen.commands.into_iter().map(|one| FoundCommand {
        command: one.command,
        phase: one.phase,
        done: one.done,
        total: one.total,
    });
    let (foreign_keys, commands) = (keys.collect(), commands.collect());
    TargetFound { foreign_keys, commands, estimates: seen.estimates }
}

/// Microseconds since 1970 of a moment as the server writes it in UTC: `2026-11-26 04:55:00.123+00`. Source of
/// the days: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn utc_micros(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix("+00")?.split_once(' ')?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = time.splitn(3, ':');
    let (hour, minute): (u64, u64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (second, fraction) = parts.next().map(|part| part.split_once('.').unwrap_or((part, "")))?;
    let micros: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let of_era = (year % 400) * 365 + year % 400 / 4 - year % 400 / 100 + of_year;
    let days = (year / 400 * 146_097 + of_era).checked_sub(719_468)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second.parse::<u64>().ok()?;
    Some(seconds * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_server_are_counted() {
        assert_eq!(utc_micros("1970-01-01 00:00:00+00"), Some(0));
        assert_eq!(utc_micros("2000-02-29 00:00:00+00"), Some(951_782_400_000_000));
        assert_eq!(utc_micros("2026-11-26 10:15:30.123456+00"), Some(1_795_688_130_123_456));
        assert_eq!(utc_micros("2026-11-26 10:15:30.1+00"), Some(1_795_688_130_100_000));
        for wrong in ["", "now", "2026-11-26 10:15:30+02", "infinity"] {
            assert_eq!(utc_micros(wrong), None, "{wrong}");
        }
    }
}
