//! The server: from a configuration to a process that serves, reloads and stops.

use std::{
    fs::{self, File},
    future::ready,
    io, mem,
    net::{SocketAddr, TcpListener},
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::Arc,
};

use actix_http::HttpService;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App, HttpServer,
    dev::{AppConfig, ServerHandle},
    rt::net::TcpStream,
    web::{self, Data, ServiceConfig},
};
use profile_store::{
    Durability, OpenError, Store, StoreError, StoreOptions, SystemIdGenerator,
    engine::{EngineError, SledEngine, SledOptions},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    admin, api, limits, open_files,
    patience::{Patience, Patient},
    profiles,
    settings::{self, Configuration, ServeArguments, Server, SettingsError},
    state::Gateway,
};

/// Why serving could not begin, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The data directory cannot be created.
    #[error("cannot create the data directory {path}")]
    DataDirectory {
        /// The directory.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("cannot open the store in {path}")]
    Store {
        /// Its directory.
        path: String,
        /// Why not.
        source: OpenError,
    },
    /// The system refused what a server needs.
    #[error("cannot serve")]
    Io(#[from] io::Error),
    /// What was stored last may not be on disk.
    #[error("the store did not close: {0}")]
    Close(#[source] StoreError),
}

/// The routes clients see.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/client/profiles", web::route().to(profiles::client_profiles))
        .route("/client/profiles/", web::route().to(profiles::client_profiles))
        .configure(api::routes)
        .default_service(web::route().to(profiles::unknown_path));
}

/// Serves until told to stop. `announce` is called once requests can be sent, with
/// what to tell the person who started it.
pub async fn serve(
    arguments: ServeArguments,
    announce: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let configuration = arguments.configure()?;
    let server = configuration.server.clone();
    let clients = listen(server.listen)?;
    let admin = listen(server.admin_listen)?;
    let (listening, admin_listening) = (clients.local_addr()?, admin.local_addr()?);
    // Opening a store after a crash may take a while, and being told to reload
    // meanwhile must not end the process.
    let reload = signal(SignalKind::hangup())?;
    let store = open_store(&server).await?;
    let introduction = configuration.development.as_ref().map(|dev| dev.announcement(listening));
    let gateway = Data::new(Gateway::new(configuration, store));

    // From here on a signal is obeyed and not fatal: whoever reads that it serves
    // may send one at once.
    let signals = Signals::install(reload)?;
    let (clients, admin) =
        (client_server(&server, clients, &gateway)?, admin_server(admin, &gateway)?);
    let handles = [clients.handle(), admin.handle()];
    actix_web::rt::spawn(admin);
    let running = actix_web::rt::spawn(clients);
    tracing::info!(listen = %listening, admin_listen = %admin_listening, "serving");
    if let Some(introduction) = introduction {
        announce(&introduction);
    }

    signals.obey(&arguments, &server, &gateway).await;
    stop(handles).await;
    running.await.map_err(io::Error::other)??;
    if let Err(error) = gateway.store.close().await {
        // What could not be written would be waited for, for ever, by the engine's
        // own way to close.
        mem::forget(gateway);
        return Err(ServeError::Close(error));
    }
    tracing::info!("stopped; everything accepted is stored");
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })
}

async fn open_store(server: &Server) -> Result<Store, ServeError> {
    let path = server.data_dir.display().to_string();
    create_private(&server.data_dir)
        .map_err(|source| ServeError::DataDirectory { path: path.clone(), source })?;
    let durability = match server.durability {
        settings::Durability::Flushed => Durability::Flushed,
        settings::Durability::Relaxed => Durability::Relaxed,
    };
    let failed = |source| ServeError::Store { path, source };
    let options = StoreOptions { durability, retention: server.outcomes };
    let sled = SledOptions { cache_bytes: server.cache_bytes, ..SledOptions::default() };
    let engine = SledEngine::open(&server.data_dir, sled).map_err(OpenError::Engine);
    match engine {
        Ok(engine) => {
            let id_generator = Box::new(SystemIdGenerator::default());
            Store::open(Arc::new(engine), id_generator, options).await.map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Creates a directory that only its owner may enter, if there is none.
pub(crate) fn create_private(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // That it is there has to last as long as what will be in it.
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn client_server(
    server: &Server,
    listener: TcpListener,
    gateway: &Data<Gateway>,
) -> io::Result<actix_web::dev::Server> {
    let (shared, connections) = (gateway.clone(), server.connections);
    let workers = match server.workers {
        Some(workers) => workers,
        None => std::thread::available_parallelism()?.get(),
    };
    let most = open_files::connections(connections.most, workers);
    let patience =
        Patience { usual: connections.patience(), granted: connections.import_patience() };
    let builder = actix_server::Server::build();
    let stopping = builder.graceful_shutdown_signal();
    let listening = builder
        .workers(workers)
        .max_concurrent_connections((most / workers).max(1))
        .shutdown_timeout(limits::SHUTDOWN_TIMEOUT.as_secs())
        .disable_signals()
        .listen("clients", listener, move || {
            let (app, stopping) = (App::new().app_data(shared.clone()), stopping.clone());
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .client_request_timeout(connections.head_timeout)
                .client_disconnect_timeout(limits::DISCONNECT_TIMEOUT)
                .keep_alive(connections.keep_alive)
                .on_connect_ext(|stream: &Patient<TcpStream>, data| {
                    data.insert(stream.leave());
                })
                .h1(map_config(app.configure(routes), |()| AppConfig::default()));
            fn_service(move |stream: TcpStream| {
                // Answers are small, and each is waited for.
                let _ = stream.set_nodelay(true);
                let peer = stream.peer_addr().ok();
                ready(Ok((Patient::new(stream, patience), peer)))
            })
            .and_then(http)
        });
    Ok(listening?.run())
}

fn admin_server(
    listener: TcpListener,
    gateway: &Data<Gateway>,
) -> io::Result<actix_web::dev::Server> {
    let shared = gateway.clone();
    let http =
        HttpServer::new(move || App::new().app_data(shared.clone()).configure(admin::routes));
    let http = http
        .client_request_timeout(limits::HEAD_TIMEOUT)
        .client_disconnect_timeout(limits::DISCONNECT_TIMEOUT)
        .keep_alive(limits::KEEP_ALIVE)
        .max_connections(limits::ADMIN_CONNECTIONS);
    Ok(http.workers(1).disable_signals().listen(listener)?.run())
}

/// Stops accepting, and waits for what is in flight. The admin listener goes
/// last, so that health can be asked for until the end.
async fn stop([clients, admin]: [ServerHandle; 2]) {
    tracing::info!("stopping: finishing what is in flight");
    clients.stop(true).await;
    admin.stop(false).await;
}

/// The signals a server obeys.
struct Signals {
    reload: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn install(reload: tokio::signal::unix::Signal) -> io::Result<Signals> {
        Ok(Signals {
            reload,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Reloads as often as told to; returns when told to stop.
    async fn obey(mut self, arguments: &ServeArguments, server: &Server, gateway: &Gateway) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.reload.recv() => reload(arguments, server, gateway),
            }
        }
    }
}

/// Serves what the configuration file says now. A bad file is refused whole, and
/// what was served before stays.
fn reload(arguments: &ServeArguments, server: &Server, gateway: &Gateway) {
    if arguments.config.is_none() {
        tracing::warn!("there is no configuration file to reload");
        return;
    }
    match arguments.configure() {
        Ok(configuration) => {
            let Configuration { companies, server: new, .. } = &configuration;
            if new != server {
                tracing::warn!("some of the new settings take a restart; they are not in force");
            }
            let companies = companies.len();
            gateway.reload(configuration);
            tracing::info!(companies, "reloaded the configuration");
        }
        Err(error) => {
            tracing::error!(error = %settings::chain(&error), "the configuration was not reloaded");
        }
    }
}

/// Reports on the store in `directory`, which must not be served meanwhile.
pub async fn verify(directory: &Path) -> Result<profile_store::Audit, VerifyError> {
    let engine = open_existing(directory, SledOptions::default())?;
    Ok(profile_store::audit(&engine).await?)
}

/// Opens the database in `directory`, and makes none if there is none.
pub(crate) fn open_existing(
    directory: &Path,
    options: SledOptions,
) -> Result<SledEngine, VerifyError> {
    if !directory.join("db").is_file() {
        return Err(VerifyError::NoStore { path: directory.display().to_string() });
    }
    Ok(SledEngine::open(directory, options)?)
}

/// Why a store could not be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no store to verify.
    #[error("there is no store in {path}")]
    NoStore {
        /// Where it was looked for.
        path: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
