//! What `serve` and `config` take in place of keys of the file: flags and variables.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::arguments::{OrEmpty, TargetArgument};
use super::{ConfigArguments, EXIT_USAGE, is_quiet, say, warn};
use crate::config::{
    AuthMode, Config, DEFAULT_FILE, Effective, LogFormat, LogLevel, LogLevels, ValueSource,
};

#[derive(Debug, Args)]
pub(super) struct SettingArguments {
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    /// Where clients connect; port 0 takes a free one
    #[arg(long, value_name = "ADDR", env = "DMS_PROXY_LISTEN", hide_env_values = true, value_parser = OrEmpty::listen)]
    listen: Option<OrEmpty<SocketAddr>>,
    /// What is loaded into: a libpq URI, or "embedded" for a throw-away server
    #[arg(long, value_name = "URL", env = "DMS_PROXY_TARGET", hide_env_values = true)]
    target: Option<TargetArgument>,
    /// The lowest level that is logged: error, warn, info, debug or trace; by part: info,session=debug
    #[arg(long, value_name = "LEVEL", env = "DMS_PROXY_LOG_LEVEL", hide_env_values = true, value_parser = OrEmpty::<LogLevels>::levels)]
    log_level: Option<OrEmpty<LogLevels>>,
    /// How a line of the log looks: text or json
    #[arg(long, value_name = "FORMAT", env = "DMS_PROXY_LOG_FORMAT", hide_env_values = true, value_parser = OrEmpty::<LogFormat>::keyword)]
    log_format: Option<OrEmpty<LogFormat>>,
}

impl SettingArguments {
    /// The file that is read; `None` where there is none.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let named = self.config.config.as_ref().and_then(|file| file.0.clone());
        named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()))
    }

    /// Whether a flag, a variable or the file says where the target is.
    pub(super) fn names_target(&self) -> bool {
        let by_flag = self.target.as_ref().is_some_and(|target| !target.is_empty());
        let text = self.file().and_then(|file| std::fs::read_to_string(file).ok());
        let by_file = text.and_then(|text| text.parse::<toml::Table>().ok()).is_some_and(|table| {
            table.get("target").is_some_and(|target| target.get("url").is_some())
        });
        by_flag || by_file
    }

    /// The file, with what goes before it. A person has been told what is wrong when there is none.
    pub(super) fn load(&self) -> Result<Config, ExitCode> {
        let config = self.read().map_err(|error| {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        })?;
        for warning in config.warnings.iter().cloned().chain(url_warnings(&config)) {
            warn(&warning);
        }
        Ok(config)
    }

    /// The file, with what goes before it, or what is wrong with them.
    pub(super) fn read(&self) -> Result<Config, String> {
        let mut config = self.config.read()?;
        if let Some(OrEmpty(Some(address))) = self.listen {
            config.listen.address = address;
        }
        if let Some(url) = self.target.as_ref().map(TargetArgument::url).transpose()?.flatten() {
            config.target.url = url;
            config.names_target = true;
        }
        if let Some(OrEmpty(Some(levels))) = &self.log_level {
            config.log.level = levels.clone();
        }
        if let Some(OrEmpty(Some(format))) = self.log_format {
            config.log.format = format;
        }
        if is_quiet() {
            config.log.level = LogLevel::Error.into();
        }
        Ok(config)
    }

    /// Every key with the value that is in force.
    pub(super) fn effective(&self, file: Option<&Path>) -> Result<Effective, String> {
        let mut effective = Effective::load(file).map_err(|error| error.to_string())?;
        let mut set = |section, key, value: Option<String>, flag, variable| {
            if let Some(value) = value {
                effective.set_argument(section, key, &value, source_of(flag, variable));
            }
        };
        let listen = self.listen.as_ref().and_then(|listen| listen.0);
        let source = self.config.source.as_ref().and_then(|source| source.0.as_ref());
        let level = self.log_level.as_ref().and_then(|level| level.0.as_ref());
        let format = self.log_format.as_ref().and_then(|format| format.0);
        let target = self.target.as_ref().map(ToString::to_string);
        let target = target.filter(|target| !target.is_empty());
        set("listen", "address", listen.map(|to| to.to_string()), "--listen", "DMS_PROXY_LISTEN");
        set("target", "url", target, "--target", "DMS_PROXY_TARGET");
        set("mapping", "source", source.map(|to| to.0.clone()), "--source", "DMS_PROXY_SOURCE");
        let level = level.map(ToString::to_string);
        set("log", "level", level, "--log-level", "DMS_PROXY_LOG_LEVEL");
        let format = format.map(|to| to.name().to_owned());
        set("log", "format", format, "--log-format", "DMS_PROXY_LOG_FORMAT");
        set("log", "level", is_quiet().then(|| "error".to_owned()), "--quiet", "");
        Ok(effective)
    }
}

/// Whether a value that goes before the file is a flag's or a variable's.
fn source_of(flag: &'static str, variable: &'static str) -> ValueSource {
    let is_flag = |argument: &str| {
        argument.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    let mut arguments = std::env::args_os();
    match arguments.any(|argument| is_flag(&argument.to_string_lossy())) || variable.is_empty() {
        true => ValueSource::Flag(flag),
        false => ValueSource::Variable(variable),
    }
}

/// What the target's URL says and does not come about, a sentence each.
pub(super) fn url_warnings(config: &Config) -> Vec<String> {
    let url = &config.target.url;
    let warnings = url.warnings.iter().map(|warning| format!("target.url: {warning}"));
    let mut warnings: Vec<String> = warnings.collect();
    if url.demands.is_some() && config.auth.mode == AuthMode::Passthrough {
        warnings.push(
            "target.url: require_auth and channel_binding are about logins of the proxy; with \
             auth.mode = \"passthrough\" clients log in, and have to demand it themselves"
                .into(),
        );
    }
    if url.login.options.is_some() {
        warnings.push(
            "target.url: options are for the commands; a client names its own, and \
             target.after_connect_script is for all"
                .into(),
        );
    }
    warnings
}
