//! What an administrator orders at the console. Knows no frames, and not who may order.

use tokio::sync::oneshot;

use super::super::life::Order;
use super::super::operator::Operator;
use crate::wire::OwnError;

/// A verb of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConsoleVerb {
    /// The configuration is read again.
    Reload,
    /// Clients that come wait, or are let in again.
    Pause { holds: bool },
    /// Clients of a database are refused, or taken again.
    Disable { refuses: bool },
    /// No more clients, and the end with the last one.
    Drain,
    /// The end.
    Shutdown,
    /// Sessions end.
    Kill,
    /// One session ends.
    KillClient,
    /// Another log level.
    Set,
    /// Counts begin at zero.
    Reset,
    /// A command about the pools of pgbouncer. This proxy has no pools.
    OfPools,
}

/// Notices to who has ordered.
type Notices = Vec<String>;

impl ConsoleVerb {
    /// The verb with this name, in capital letters.
    pub(super) fn of(name: &str) -> Option<ConsoleVerb> {
        Some(match name {
            "RELOAD" => ConsoleVerb::Reload,
            "PAUSE" => ConsoleVerb::Pause { holds: true },
            "RESUME" => ConsoleVerb::Pause { holds: false },
            "DISABLE" => ConsoleVerb::Disable { refuses: true },
            "ENABLE" => ConsoleVerb::Disable { refuses: false },
            "DRAIN" => ConsoleVerb::Drain,
            "SHUTDOWN" => ConsoleVerb::Shutdown,
            "KILL" => ConsoleVerb::Kill,
            "KILL_CLIENT" => ConsoleVerb::KillClient,
            "SET" => ConsoleVerb::Set,
            "RESET" => ConsoleVerb::Reset,
            "RECONNECT" | "SUSPEND" | "WAIT_CLOSE" => ConsoleVerb::OfPools,
            _ => return None,
        })
    }

    /// Does it; `words` are those of the whole statement.
    ///
    /// # Errors
    /// It cannot be done, or not now.
    pub(super) async fn obey(
        self,
        words: &[String],
        operator: &Operator,
    ) -> Result<Notices, OwnError> {
        let name = words.get(1).map(String::as_str);
        let is_next = |word: &str| name.is_some_and(|name| name.eq_ignore_ascii_case(word));
        let waits = is_next("WAIT_FOR_CLIENTS") || is_next("WAIT_FOR_SERVERS");
        match self {
            ConsoleVerb::Reload => return reload(operator).await,
            ConsoleVerb::Pause { holds } => return Ok(pause(name, holds, operator)),
            ConsoleVerb::Disable { refuses } => disable(needed(name, words)?, refuses, operator),
            ConsoleVerb::Shutdown if !waits => order(Order::Shutdown, operator)?,
            ConsoleVerb::Drain | ConsoleVerb::Shutdown => order(Order::Drain, operator)?,
            ConsoleVerb::Kill => {
                return Ok(vec![format!("{} sessions end", operator.life.kill_all(name))]);
            }
            ConsoleVerb::KillClient => kill(needed(name, words)?, operator)?,
            ConsoleVerb::Set => {
                set_level(words.last().map_or("", String::as_str), operator).await?
            }
            ConsoleVerb::Reset if is_next("STATS") => {
                operator.collected().reset(words.get(2).map(String::as_str));
            }
            ConsoleVerb::Reset => operator.collected().rewrites.clear(),
            ConsoleVerb::OfPools => {
                let message =
                    "the proxy has no pools: each client has a target connection of its own";
                return Err(OwnError::new("0A000", message));
            }
        }
        Ok(Notices::new())
    }
}

fn needed<'n>(name: Option<&'n str>, words: &[String]) -> Result<&'n str, OwnError> {
    name.ok_or_else(|| {
        let verb = words.first().map_or("", String::as_str).to_uppercase();
        OwnError::new("42601", format!("{verb} needs a name"))
    })
}

fn ends() -> OwnError {
    OwnError::new("55000", "the proxy is ending")
}

fn order(order: Order, operator: &Operator) -> Result<(), OwnError> {
    operator.life.order(order).then_some(()).ok_or_else(ends)
}

async fn reload(operator: &Operator) -> Result<Notices, OwnError> {
    let (reloaded, outcome) = oneshot::channel();
    order(Order::Reload(reloaded), operator)?;
    let done = outcome.await.map_err(|_| ends())?;
    let done = done.map_err(|error| OwnError::new("F0000", error))?;
    let of = |what: &str, keys: Vec<String>| {
        (!keys.is_empty()).then(|| format!("{what}: {}", keys.join(", ")))
    };
    let stay = of("these need a restart and stay as they were", done.needs_restart);
    Ok(of("changed", done.changed).into_iter().chain(stay).collect())
}

async fn set_level(level: &str, operator: &Operator) -> Result<(), OwnError> {
    let (set, outcome) = oneshot::channel();
    order(Order::LogLevel(level.to_owned(), set), operator)?;
    let done = outcome.await.map_err(|_| ends())?;
    done.map_err(|error| OwnError::new("22023", error))
}

fn pause(database: Option<&str>, holds: bool, operator: &Operator) -> Notices {
    operator.pause(database, holds);
    if !holds {
        return Notices::new();
    }
    let running = operator.collected().sessions.len();
    vec![format!("{running} sessions go on; clients that come wait")]
}

fn disable(database: &str, refuses: bool, operator: &Operator) {
    operator.life.change(|held| {
        match refuses {
            true => held.disabled.insert(database.to_owned()),
            false => held.disabled.remove(database),
        };
    });
}

fn kill(number: &str, operator: &Operator) -> Result<(), OwnError> {
    let is_there = number.parse().is_ok_and(|number| operator.life.kill(number));
    is_there.then_some(()).ok_or_else(|| OwnError::new("22023", "no session has this number"))
}
