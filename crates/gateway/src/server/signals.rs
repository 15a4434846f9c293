//! Signals: SIGHUP reloads the configuration, SIGINT and SIGTERM stop the server.

use std::io;

use actix_web::web::Data;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    ops::unconfigured,
    settings::{self, Configuration, ServeArguments, ServerSettings},
    state::GatewayState,
    telemetry::LogControl,
};

/// The signals that the server handles.
pub(super) struct Signals {
    reload: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn install(reload: Signal) -> io::Result<Signals> {
        Ok(Signals {
            reload,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Reloads on each SIGHUP. Returns on SIGINT or SIGTERM.
    pub(super) async fn obey(
        mut self,
        arguments: &ServeArguments,
        server: &ServerSettings,
        gateway: &Data<GatewayState>,
        log: &LogControl,
    ) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.reload.recv() => reload(arguments, server, gateway, log),
            }
        }
    }
}

/// Applies the current configuration file. An invalid file is rejected as a whole, and the previous
/// configuration stays in force.
fn reload(
    arguments: &ServeArguments,
    server: &ServerSettings,
    gateway: &Data<GatewayState>,
    log: &LogControl,
) {
    if arguments.config.is_none() {
        tracing::warn!("no configuration file to reload");
        return;
    }
    match arguments.configure() {
        Ok(configuration) => {
            let Configuration { companies, server: new, .. } = &configuration;
            if new != server {
                tracing::warn!("some of the new settings need a restart; they are not in force");
            }
            let companies = companies.len();
            log.apply(&configuration.log.filter, configuration.log.access_log);
            gateway.reload(configuration);
            tracing::info!(companies, "reloaded the configuration");
            unconfigured::report(gateway);
        }
        Err(error) => {
            gateway.reloads.refused();
            tracing::error!(error = %settings::chain(&error), "the configuration was not reloaded");
        }
    }
}
