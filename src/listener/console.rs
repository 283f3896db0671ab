//! Clients of the console, and clients that an operator holds back.

use std::io;
use std::time::Duration;

use super::Shared;
use crate::admin::Operator;
use crate::admin::console::{ConsoleRole, converse};
use crate::config::Limits;
use crate::login::{Client, LoginRefusal, Startup};
use crate::wire::{OwnError, StartupParameters};

/// Who a client of the console is, once its login is checked; `None` for a client that wants a session. The
/// inner error is for the client.
pub(super) async fn admit(
    client: &mut Client,
    startup: &Startup,
    shared: &Shared,
    limits: &Limits,
) -> io::Result<Option<Result<(ConsoleRole, String), LoginRefusal>>> {
    let (Some(operator), Some(wanted)) = (shared.operator.get(), &startup.parameters) else {
        return Ok(None);
    };
    if !operator.settings.console.contains(&wanted.database) {
        return Ok(None);
    }
    if client.is_same_user() {
        // Who runs the proxy may do with it what he wants.
        return Ok(Some(Ok((ConsoleRole::Admin, wanted.user.clone()))));
    }
    let Some(role) = role(operator, wanted) else {
        let message = format!("user \"{}\" may not use the console", wanted.user);
        let hint = "admin.users and admin.stats_users of the proxy name those who may.";
        return Ok(Some(Err(OwnError::new("28000", message).with_hint(hint).into())));
    };
    let database = &operator.settings.login_database;
    let checked = shared.login.check_console(client, wanted, database, limits).await?;
    Ok(Some(checked.map(|()| (role, wanted.user.clone()))))
}

fn role(operator: &Operator, wanted: &StartupParameters) -> Option<ConsoleRole> {
    let settings = &operator.settings;
    if settings.users.contains(&wanted.user) {
        return Some(ConsoleRole::Admin);
    }
    settings.stats_users.contains(&wanted.user).then_some(ConsoleRole::Stats)
}

/// Talks to a client of the console until it goes, or until `stop` completes.
pub(super) async fn serve(
    client: Client,
    role: ConsoleRole,
    user: &str,
    number: u64,
    shared: &Shared,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let Some(operator) = shared.operator.get() else { return Ok(()) };
    let stream = client.into_stream()?;
    tokio::select! {
        talked = converse(stream, role, user, number, operator) => talked,
        () = stop => Ok(()),
    }
}

/// Waits while an operator lets clients of the database wait; the error for one that is not let in.
pub(super) async fn hold_back(
    startup: &Startup,
    shared: &Shared,
    limits: &Limits,
) -> Option<OwnError> {
    let operator = shared.operator.get()?;
    let database = startup.parameters.as_ref().map_or("", |wanted| &wanted.database);
    let held = operator.life.held();
    if held.disabled.contains(database) {
        let message = format!("database \"{database}\" is disabled");
        return Some(OwnError::new("57P03", message));
    }
    let timeout = Duration::from_secs(limits.startup_timeout);
    let let_in = tokio::time::timeout(timeout, operator.life.let_in(database)).await;
    let_in.err().map(|_| {
        OwnError::new("57P03", "clients wait, and this one has waited for limits.startup_timeout")
    })
}
