//! `dms-proxy serve`.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::admin_side::AdminSide;
use super::look::look_now_and_then;
use super::reload::{Reloading, allow_descriptors};
use super::settings::SettingArguments;
use super::signals::{on_pause_signals, stop_signals};
use super::{EXIT_USAGE, config, say, systemd};
use crate::admin::{Operator, Order};
use crate::config::{Config, Limits, LogLevels, Switch};
use crate::listener::{Listener, Stopped};
use crate::policy::ForeignKeys;
use crate::target::embedded::{Embedded, EmbeddedOptions};
use crate::target::{TargetAddress, TargetPlace, without_os_errors};
use crate::telemetry::{Logging, Totals};

/// The exit code when the proxy cannot run although its configuration is right.
const EXIT_FAILURE: u8 = 1;

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    settings: SettingArguments,
    /// Keep the data of the embedded target in this directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only read the configuration and everything that it names; as config check
    #[arg(long)]
    check_config: bool,
    /// With --check-config: also connect to the target
    #[arg(long, requires = "check_config")]
    connect: bool,
}

pub(super) fn run(arguments: &ServeArguments) -> ExitCode {
    if arguments.check_config {
        return config::check(&arguments.settings, arguments.connect);
    }
    let config = match arguments.settings.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    if arguments.data_dir.is_some() && config.target.url.place != TargetPlace::Embedded {
        say("dms-proxy: --data-dir goes with the embedded target only");
        return ExitCode::from(EXIT_USAGE);
    }
    let logging = match Logging::start(&config.log) {
        Ok(logging) => logging,
        Err(error) => {
            say(&format!("dms-proxy: {error}"));
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    match serve(&config, arguments, &logging) {
        Ok(Stopped { cut: 0, hurried: false }) => ExitCode::SUCCESS,
        // Sessions were cut, or were not waited for.
        Ok(_) => ExitCode::from(EXIT_FAILURE),
        Err(error) => {
            tracing::error!(event = "failed", "{}", without_os_errors(&error.to_string()));
            let is_config = error.kind() == io::ErrorKind::InvalidInput;
            ExitCode::from(if is_config { EXIT_USAGE } else { EXIT_FAILURE })
        }
    }
}

fn serve(config: &Config, arguments: &ServeArguments, logging: &Logging) -> io::Result<Stopped> {
    let (embedded, target) = start_target(config, arguments)?;
    allow_descriptors(&config.limits);
    let (inherited, inherited_admin) = systemd::sockets()?;
    let is_inherited = inherited.tcp.is_some();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stopping = std::cell::Cell::new(None::<Instant>);
    let stopped = runtime.block_on(async {
        let totals = Arc::new(Totals::default());
        let listener = Listener::bind(config, inherited, target.clone(), totals).await?;
        let settings = &arguments.settings;
        let in_force = settings.effective(settings.config.file()).map_err(io::Error::other)?;
        let mut admin =
            AdminSide::start((config, &in_force), settings, &listener, (inherited_admin, logging))?;
        // Before anybody is told that it runs, or a stop at once would leave the socket's file.
        let shutdown = Arc::new(tokio::sync::Notify::new());
        let (stop, hurry) = stop_signals(logging.lines(), Arc::clone(&shutdown))?;
        let (operator, looker) = (admin.operator.clone(), admin.operator.clone());
        let counted = admin.operator.clone();
        let admin_status = || counted.as_ref().map(|operator| operator.load_in_words());
        let is_well = || counted.as_ref().is_none_or(|operator| operator.threads_are_well());
        on_pause_signals(move |holds| pause(operator.as_deref(), holds))?;
        let mut hang_up = signal(SignalKind::hangup())?;
        announce(config, (&listener, is_inherited), &target, embedded.as_ref())?;
        let status = format!("listening on {}, target {target}", listener.address()?);
        admin.announce();
        systemd::ready(&status);
        let reloading = Reloading {
            running: config,
            in_force: RefCell::new(in_force),
            settings,
            rules: listener.reload(),
            logging,
            operator: admin.operator.clone(),
        };
        let drain = tokio::sync::Notify::new();
        let orders = obey(&mut hang_up, &mut admin, &reloading, &status, (&drain, &shutdown));
        let stop = async {
            tokio::select! {
                () = stop => {}
                () = drain.notified() => {}
            }
        };
        let Limits { drain_delay, drain_timeout, .. } = config.limits;
        let drain_timeout = Duration::from_secs(drain_delay.saturating_add(drain_timeout));
        let stop = async {
            stop.await;
            stopping.set(Some(Instant::now()));
            systemd::stopping(drain_timeout);
        };
        tokio::select! {
            stopped = listener.serve(stop, hurry) => stopped,
            stopped = orders => stopped,
            stopped = look_now_and_then(config, looker.as_deref()) => stopped,
            stopped = systemd::tell_status(admin_status) => stopped,
            stopped = systemd::keep_alive(is_well) => stopped,
        }
    })?;
    say_stopped(&stopped, stopping.get().map_or(Duration::ZERO, |at| at.elapsed()));
    Ok(stopped)
}

/// The last line.
fn say_stopped(stopped: &Stopped, took: Duration) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let Stopped { cut, hurried } = *stopped;
    if cut > 0 {
        let after = if hurried { "a second signal" } else { "limits.drain_timeout" };
        tracing::warn!(
            event = "stopped",
            sessions = cut,
            cut,
            took_ms,
            "stopped; sessions were cut after {after}"
        );
    } else {
        tracing::info!(event = "stopped", cut, took_ms, "stopped; every session had ended");
    }
}

/// The target, which is started where it is the embedded one.
fn start_target(
    config: &Config,
    arguments: &ServeArguments,
) -> io::Result<(Option<Embedded>, TargetAddress)> {
    if let TargetPlace::Address(address) = &config.target.url.place {
        return Ok((None, address.clone()));
    }
    let options = EmbeddedOptions { data_dir: arguments.data_dir.clone(), ..Default::default() };
    let embedded = Embedded::start(&options).map_err(io::Error::other)?;
    let address = embedded_target(&embedded);
    Ok((Some(embedded), address))
}

/// Reads the configuration again at SIGHUP, and does what an operator asks of the process. Does not end.
async fn obey<T>(
    hang_up: &mut Signal,
    admin: &mut AdminSide,
    reloading: &Reloading<'_>,
    status: &str,
    stops: (&tokio::sync::Notify, &tokio::sync::Notify),
) -> T {
    loop {
        tokio::select! {
            Some(()) = hang_up.recv() => {
                systemd::reloading();
                // What has gone wrong is in the log.
                let _ = reloading.read_again();
                systemd::ready(status);
            }
            order = admin.next_order() => carry_out(order, reloading, stops),
        }
    }
}

/// Does what an operator asks of the process.
fn carry_out(
    order: Order,
    reloading: &Reloading<'_>,
    (drain, shutdown): (&tokio::sync::Notify, &tokio::sync::Notify),
) {
    match order {
        Order::Reload(done) => {
            // Whoever asked may have gone.
            let _ = done.send(reloading.read_again());
        }
        Order::Drain => drain.notify_one(),
        Order::Shutdown => shutdown.notify_one(),
        Order::LogLevel(level, done) => {
            let _ = done.send(
                level.parse::<LogLevels>().map(|levels| reloading.logging.set_level(&levels)),
            );
        }
    }
}

/// SIGUSR1 and SIGUSR2.
fn pause(operator: Option<&Operator>, holds: bool) {
    match operator {
        None => tracing::warn!(
            event = "no_admin",
            "SIGUSR1 and SIGUSR2 pause and resume only with [admin]"
        ),
        Some(operator) => operator.pause(None, holds),
    }
}

/// Where the embedded server listens.
pub(super) fn embedded_target(embedded: &Embedded) -> TargetAddress {
    let socket = format!(".s.PGSQL.{}", embedded.port());
    TargetAddress::Unix(embedded.socket_directory().join(socket))
}

/// A mode as the configuration spells it: `verify-full`.
fn spelled(mode: impl std::fmt::Debug) -> String {
    let mut spelled = String::new();
    for letter in format!("{mode:?}").chars() {
        if letter.is_uppercase() && !spelled.is_empty() {
            spelled.push('-');
        }
        spelled.extend(letter.to_lowercase());
    }
    spelled
}

/// The lines that a person who started the proxy wants to see.
fn announce(
    config: &Config,
    (listener, is_inherited): (&Listener, bool),
    target: &TargetAddress,
    embedded: Option<&Embedded>,
) -> io::Result<()> {
    if let Some(embedded) = embedded {
        tracing::warn!(
            event = "embedded",
            version = embedded.version(),
            "the target is an embedded PostgreSQL: for trying and testing, never for production"
        );
    }
    if config.rewrite == Switch::Off && config.fk.mode == ForeignKeys::Off {
        tracing::info!(event = "plain_relay", "rewrite and fk.mode are off: a plain relay");
    }
    let address = listener.address()?;
    let file = match &config.file {
        Some(path) => format!("configuration {}", path.display()),
        None => "no configuration file".to_owned(),
    };
    let rules = config.policy().map(|policy| policy.rules).map_err(io::Error::other)?;
    let source = &config.mapping.source.0;
    tracing::info!(
        event = "started",
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        config = config.file.as_ref().map_or("none".into(), |path| path.display().to_string()),
        target = %target,
        tls_target = spelled(config.target.url.tls.mode),
        tls_listen = spelled(config.listen.sslmode),
        auth = config.auth.mode.name(),
        source,
        rewrite = config.rewrite.name(),
        fk = config.fk.mode.name(),
        threads = config.limits.threads,
        admin = config.admin.as_ref().and_then(|admin| admin.address).map(|at| at.to_string()),
        console = config.admin.as_ref().map(|admin| admin.console.join(", ")),
        "dms-proxy {}", env!("CARGO_PKG_VERSION")
    );
    let unix_socket = listener.unix_socket().map(|path| path.display().to_string());
    let as_well = unix_socket.as_ref().map_or(String::new(), |path| format!(", socket {path}"));
    tracing::info!(
        event = "listening",
        address = %address,
        unix_socket,
        by = if is_inherited { "systemd" } else { "bind" },
        "listening on {address}, target {target}, source {source}, rules {rules}, {file}{as_well}"
    );
    if embedded.is_some() {
        let (host, port) = (address.ip(), address.port());
        tracing::info!(
            event = "embedded_hint",
            "try: psql -h {host} -p {port} -U postgres postgres"
        );
    }
    Ok(())
}
