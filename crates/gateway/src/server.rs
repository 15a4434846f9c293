//! The server: from a configuration to a process that serves, reloads and stops.

mod bound_listener;
mod listeners;
mod routes;
mod signals;
mod socket_file;
mod supervisor;

use std::{io, mem, sync::Arc};

use actix_web::{dev::ServerHandle, web::Data};
use opentelemetry_otlp::ExporterBuildError;
use profile_store::{
    Durability, OpenError, Store, StoreError, StoreOptions, SystemIdGenerator,
    engine::{EmbeddedEngine, EmbeddedOptions, Engine, EngineError, JournalArchive},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};

pub use self::routes::routes;
use self::{
    bound_listener::BoundListener,
    signals::Signals,
    supervisor::{ProcessPhase, notify},
};
use crate::{
    http::{development_lines::DevelopmentLines, refusal_log},
    limits,
    ops::{
        archive_directory::{self, OtherArchive, UnusableArchive},
        archive_watch,
        backup::BackupOrigin,
        certificate_expiry, connection_watch, data_directory,
        development_reset::{self, ResetError},
        disk_reserve::DiskReserve,
        disk_watch, history_watch, refusal_watch,
        span_export::SpanExport,
        unconfigured,
    },
    settings::{
        self, DurabilitySetting, ListenAddress, ServeArguments, ServerSettings, SettingsError,
        SocketMode, TableSetting,
    },
    state::GatewayState,
    telemetry::LogControl,
};

/// Why the server did not start, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The settings are invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: ListenAddress,
        /// The cause.
        source: io::Error,
    },
    /// The data directory cannot be created.
    #[error("cannot create the data directory {path}")]
    DataDirectory {
        /// The directory.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("cannot open the store in {path}")]
    Store {
        /// The data directory.
        path: String,
        /// The cause.
        source: OpenError,
    },
    /// The journal cannot be archived.
    #[error(transparent)]
    Archive(#[from] UnusableArchive),
    /// The journal is archived elsewhere than the configuration says.
    #[error(transparent)]
    OtherArchive(#[from] OtherArchive),
    /// The export of traces cannot be started.
    #[error("traces cannot be exported")]
    Traces(#[from] ExporterBuildError),
    /// The data of development mode were not deleted.
    #[error(transparent)]
    Reset(#[from] ResetError),
    /// The operating system refused a resource.
    #[error("cannot serve")]
    Io(#[from] io::Error),
    /// The last writes may not be on disk.
    #[error("the store did not close: {0}")]
    Close(#[source] StoreError),
    /// All accepted requests are on disk, but the end of the journal could not be noted.
    #[error("the store did not close: {0}; all accepted requests are stored")]
    CloseEngine(#[source] EngineError),
}

/// Serves until a signal stops the process. Calls `announce` once requests are accepted, with the
/// text to show to the operator.
pub async fn serve(
    arguments: ServeArguments,
    log: &LogControl,
    announce: fn(&str),
) -> Result<(), ServeError> {
    let mut configuration = arguments.configure()?;
    let settings = configuration.server.clone();
    log.apply(&configuration.log.filter, configuration.log.access_log);
    report_unknown_variables();
    let clients = listen(&settings.listeners.clients, settings.listeners.socket_mode).await?;
    let admin = listen(&settings.listeners.admin, settings.listeners.socket_mode).await?;
    let addresses = (addresses_of(&clients), addresses_of(&admin));
    // Opening a store after a crash may take a while. A SIGHUP in that time must not end the
    // process.
    let reload = signal(SignalKind::hangup())?;
    let reserve = open_reserve(&settings)?;
    if arguments.development.is_reset {
        development_reset::reset(&settings.data_dir)?;
    }
    configuration.keep_development_keys(&arguments)?;
    let (store, engine) = open_archived_store(&settings).await?;
    let introduction = configuration.development.as_ref();
    let first = clients.first().map(|listener| &listener.address);
    let introduction =
        introduction.zip(first).map(|(development, first)| development.announcement(first));
    let mut state = GatewayState::new(configuration, store);
    state.development_lines = introduction.is_some().then(|| DevelopmentLines::new(announce));
    if let Some(endpoint) = &settings.traces.endpoint {
        state.spans = Some(SpanExport::start(endpoint)?);
    }
    state.backups = Some(BackupOrigin {
        engine: Arc::clone(&engine),
        archive: settings.archive.directory.clone(),
        permit: Arc::new(Semaphore::new(limits::BACKUPS_AT_ONCE)),
    });
    let gateway = Data::new(state);
    let watch =
        disk_watch::start(&gateway, &settings.data_dir, reserve, settings.disk.reserve_bytes)?;

    let connection_watch = connection_watch::start(&gateway);
    let watches = [refusal_watch::start(&gateway), history_watch::start(&gateway)];
    let archive_watch = archive_watch::start(&gateway, &settings.archive);

    // From here on signals are handled. An operator who reads "serving" may send one at once.
    let signals = Signals::install(reload)?;
    let (clients, client_files) = listeners::client_server(&settings, clients, &gateway)?;
    let (admin, admin_files) = listeners::admin_server(admin, &gateway)?;
    let handles = [clients.handle(), admin.handle()];
    actix_web::rt::spawn(admin);
    let running = actix_web::rt::spawn(clients);
    tracing::info!(listen = %addresses.0, admin_listen = %addresses.1, "serving");
    notify(ProcessPhase::Serving);
    if let Some(introduction) = introduction {
        announce(&introduction);
    }
    unconfigured::report(&gateway);
    certificate_expiry::report(&gateway, &settings);

    signals.obey(&arguments, &settings, &gateway, log).await;
    notify(ProcessPhase::Stopping);
    stop(handles).await;
    running.await.map_err(io::Error::other)??;
    drop((watch, connection_watch, watches, archive_watch));
    drop((client_files, admin_files));
    refusal_log::report_all_left_out(&gateway.refusal_lines.take_all_left_out());
    if let Some(spans) = &gateway.spans {
        spans.close();
    }
    close(gateway, engine).await
}

/// Says which variables of the environment are mistyped, as they have no effect.
fn report_unknown_variables() {
    let unknown = settings::unknown_variables();
    if !unknown.is_empty() {
        let variables = unknown.join(", ");
        tracing::warn!(variables, "these environment variables are no settings of the gateway");
    }
}

/// Stops accepting connections and waits for requests in flight. The admin listener stops last, so
/// health checks work until the end.
async fn stop([clients, admin]: [ServerHandle; 2]) {
    tracing::info!("stopping: waiting for requests in flight");
    clients.stop(true).await;
    admin.stop(false).await;
}

pub(crate) async fn close(
    gateway: Data<GatewayState>,
    engine: Arc<EmbeddedEngine>,
) -> Result<(), ServeError> {
    let closed = match gateway.store.close().await {
        Ok(()) => engine.close().map_err(ServeError::CloseEngine),
        Err(error) => Err(ServeError::Close(error)),
    };
    if let Err(error) = closed {
        // The engine's own `drop` would wait for ever for writes that cannot succeed.
        mem::forget((gateway, engine));
        return Err(error);
    }
    tracing::info!("stopped; all accepted requests are stored");
    Ok(())
}

/// Listens at all of these addresses.
async fn listen(
    addresses: &[ListenAddress],
    mode: SocketMode,
) -> Result<Vec<BoundListener>, ServeError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let bound = BoundListener::bind(address, mode).await;
        let failed = |source| ServeError::Listen { address: address.clone(), source };
        listeners.push(bound.map_err(failed)?);
    }
    Ok(listeners)
}

/// The addresses of listeners, with the ports that are bound, for people.
fn addresses_of(listeners: &[BoundListener]) -> String {
    let addresses: Vec<String> =
        listeners.iter().map(|listener| listener.address.to_string()).collect();
    addresses.join(", ")
}

/// Creates the data directory if it is missing, and opens its reserve.
pub(crate) fn open_reserve(server: &ServerSettings) -> Result<DiskReserve, ServeError> {
    let path = server.data_dir.display().to_string();
    if let Err(source) = data_directory::prepare(&server.data_dir) {
        return Err(ServeError::DataDirectory { path, source });
    }
    DiskReserve::open(&server.data_dir).map_err(|error| {
        let source = OpenError::Engine(EngineError::Io(error));
        ServeError::Store { path, source }
    })
}

/// The store that is served. Its archive is that of the settings from now on.
async fn open_archived_store(
    server: &ServerSettings,
) -> Result<(Store, Arc<EmbeddedEngine>), ServeError> {
    let archive = server.archive.directory.as_deref();
    archive.map_or(Ok(()), archive_directory::probe)?;
    let opened = open(server).await?;
    archive_directory::note(&server.data_dir, archive)?;
    Ok(opened)
}

/// The store of a command, and its engine, which is closed after it. Fails if the data directory
/// names another archive than the settings.
pub(crate) async fn open_store(
    server: &ServerSettings,
) -> Result<(Store, Arc<EmbeddedEngine>), ServeError> {
    let archive = server.archive.directory.as_deref();
    archive_directory::require_noted(&server.data_dir, archive)?;
    let opened = open(server).await?;
    if archive.is_some() {
        archive_directory::note(&server.data_dir, archive)?;
    }
    Ok(opened)
}

async fn open(server: &ServerSettings) -> Result<(Store, Arc<EmbeddedEngine>), ServeError> {
    let path = server.data_dir.display().to_string();
    let durability = match server.durability {
        DurabilitySetting::Flushed => Durability::Flushed,
        DurabilitySetting::Relaxed => Durability::Relaxed,
    };
    let failed = |source| ServeError::Store { path, source };
    let options = StoreOptions { durability, retention: server.outcomes };
    let embedded = EmbeddedOptions {
        cache_bytes: server.cache_bytes,
        table: server.table.into(),
        ..EmbeddedOptions::default()
    };
    let kept = data_directory::table_in(&server.data_dir);
    let archive = server.archive.directory.clone().map(JournalArchive::new);
    let engine = EmbeddedEngine::open_archived(&server.data_dir, embedded, archive);
    let engine = engine.map_err(OpenError::Engine);
    if let (Ok(Some(kept)), Ok(_)) = (kept, &engine) {
        report_other_table(kept.into(), server.table);
    }
    match engine {
        Ok(engine) => {
            let id_generator = Arc::new(SystemIdGenerator::default());
            let engine = Arc::new(engine);
            let shared: Arc<dyn Engine> = Arc::<EmbeddedEngine>::clone(&engine);
            let store = Store::open(shared, id_generator, options).await.map_err(failed)?;
            Ok((store, engine))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Says that the setting does not change the table of an existing directory.
fn report_other_table(kept: TableSetting, setting: TableSetting) {
    if kept != setting {
        tracing::warn!(
            table = %kept,
            %setting,
            "the data directory keeps its kind of table; `gateway compact` copies it into the other",
        );
    }
}
