//! `dms-proxy serve`.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::{EXIT_USAGE, ServeArguments, say};
use crate::config::{Config, ForeignKeyMode, Switch};
use crate::listener::Listener;
use crate::target::embedded::{Embedded, EmbeddedOptions};
use crate::target::{TargetAddress, TargetUrl};
use crate::telemetry::{self, Totals};

/// The exit code when the proxy cannot run although its configuration is right.
const EXIT_FAILURE: u8 = 1;

pub(super) fn run(arguments: &ServeArguments) -> ExitCode {
    let mut config = match arguments.config.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Some(address) = arguments.listen {
        config.listen.address = address;
    }
    if let Some(url) = &arguments.target {
        config.target.url = url.clone();
    }
    if arguments.data_dir.is_some() && config.target.url.0 != TargetUrl::Embedded {
        say("dms-proxy: --data-dir goes with the embedded target only");
        return ExitCode::from(EXIT_USAGE);
    }
    telemetry::start(&config.log);
    match serve(&config, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            let is_config = error.kind() == io::ErrorKind::InvalidInput;
            ExitCode::from(if is_config { EXIT_USAGE } else { EXIT_FAILURE })
        }
    }
}

fn serve(config: &Config, arguments: &ServeArguments) -> io::Result<()> {
    let (embedded, target) = match &config.target.url.0 {
        TargetUrl::Address(address) => (None, address.clone()),
        TargetUrl::Embedded => {
            let options =
                EmbeddedOptions { data_dir: arguments.data_dir.clone(), ..Default::default() };
            let embedded = Embedded::start(&options).map_err(io::Error::other)?;
            let address = embedded_target(&embedded);
            (Some(embedded), address)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cut = runtime.block_on(async {
        let totals = Arc::new(Totals::default());
        let listener = Listener::bind(config, target.clone(), totals).await?;
        // Before anybody is told that it runs, or a stop at once would leave the socket's file.
        let stop = stop_signal()?;
        announce(config, &listener, &target, embedded.as_ref())?;
        listener.serve(stop).await
    })?;
    if cut > 0 {
        tracing::warn!(sessions = cut, "stopped; sessions were cut after limits.drain_timeout");
    } else {
        tracing::info!("stopped; every session had ended");
    }
    Ok(())
}

/// Where the embedded server listens.
pub(super) fn embedded_target(embedded: &Embedded) -> TargetAddress {
    let socket = format!(".s.PGSQL.{}", embedded.port());
    TargetAddress::Unix(embedded.socket_directory().join(socket))
}

/// The lines that a person who started the proxy wants to see.
fn announce(
    config: &Config,
    listener: &Listener,
    target: &TargetAddress,
    embedded: Option<&Embedded>,
) -> io::Result<()> {
    if let Some(embedded) = embedded {
        tracing::warn!(
            version = embedded.version(),
            "the target is an embedded PostgreSQL: for trying and testing, never for production"
        );
    }
    if config.rewrite == Switch::Off && config.fk.mode == ForeignKeyMode::Off {
        tracing::info!("rewrite and fk.mode are off: a plain relay");
    }
    let address = listener.address()?;
    tracing::info!("listening on {address}, target {target}, source {}", config.mapping.source.0);
    if let Some(path) = listener.unix_socket() {
        tracing::info!("listening on {} as well", path.display());
    }
    if embedded.is_some() {
        let (host, port) = (address.ip(), address.port());
        tracing::info!("try: psql -h {host} -p {port} -U postgres postgres");
    }
    Ok(())
}

/// Completes at the first SIGTERM or SIGINT; the second one ends the process at once.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::warn!("stopped at once by a second signal");
            std::process::exit(0);
        });
    })
}
