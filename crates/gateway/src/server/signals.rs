//! Signals: SIGHUP reloads the configuration, SIGINT and SIGTERM stop the server.

use std::{future, io, pin::pin};

use actix_web::{rt::time::interval, web::Data};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    limits,
    ops::{certificate_expiry, printed_text::chain, unconfigured},
    settings::{Configuration, ServeArguments, ServerSettings},
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

    /// Reloads on each SIGHUP. Returns on SIGINT or SIGTERM, and after a failed write if that is to
    /// end the process.
    pub(super) async fn obey(
        mut self,
        arguments: &ServeArguments,
        server: &ServerSettings,
        gateway: &Data<GatewayState>,
        log: &LogControl,
    ) {
        let mut failed = pin!(failed_write(gateway, server.stop.exits_on_failed_write));
        loop {
            tokio::select! {
                () = &mut failed => return,
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.reload.recv() => reload(arguments, server, gateway, log),
            }
        }
    }
}

/// Returns once a write has failed, if that is to end the process.
async fn failed_write(gateway: &GatewayState, ends_process: bool) {
    if !ends_process {
        return future::pending().await;
    }
    let mut ticks = interval(limits::FAILED_WRITE_EVERY);
    while gateway.store.is_healthy() {
        ticks.tick().await;
    }
    tracing::error!("the store failed; the process ends, so that it can be started again");
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
            let changed = server.changed(new);
            if !changed.is_empty() {
                let settings = changed.join(", ");
                tracing::warn!(
                    settings,
                    "these new settings need a restart; they are not in force"
                );
            }
            let companies = companies.len();
            log.apply(&configuration.log.filter, configuration.log.access_log);
            gateway.reload(configuration);
            tracing::info!(companies, "reloaded the configuration");
            unconfigured::report(gateway);
            certificate_expiry::report(gateway, server);
        }
        Err(error) => {
            gateway.reloads.refused();
            tracing::error!(error = %chain(&error), "the configuration was not reloaded");
        }
    }
}
