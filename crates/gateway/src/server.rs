//! The server: from a configuration to a process that serves, reloads and stops.

use std::{
    future::ready,
    io, mem,
    net::{SocketAddr, TcpListener},
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
    engine::{SledEngine, SledOptions},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    api,
    client::profiles,
    http::deadline::{DeadlineStream, RequestDeadline},
    limits,
    ops::{admin, data_directory, open_files},
    settings::{self, Configuration, ServeArguments, ServerSettings, SettingsError},
    state::GatewayState,
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
        address: SocketAddr,
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
    /// The operating system refused a resource.
    #[error("cannot serve")]
    Io(#[from] io::Error),
    /// The last writes may not be on disk.
    #[error("the store did not close: {0}")]
    Close(#[source] StoreError),
}

/// The routes of the client listener.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/client/profiles", web::route().to(profiles::client_profiles))
        .route("/client/profiles/", web::route().to(profiles::client_profiles))
        .configure(api::routes)
        .default_service(web::route().to(profiles::unknown_path));
}

/// Serves until a signal stops the process. Calls `announce` once requests are accepted, with the
/// text to show to the operator.
pub async fn serve(
    arguments: ServeArguments,
    announce: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let configuration = arguments.configure()?;
    let server = configuration.server.clone();
    let clients = listen(server.listen)?;
    let admin = listen(server.admin_listen)?;
    let (listening, admin_listening) = (clients.local_addr()?, admin.local_addr()?);
    // Opening a store after a crash may take a while. A SIGHUP in that time must not end the
    // process.
    let reload = signal(SignalKind::hangup())?;
    let store = open_store(&server).await?;
    let introduction = configuration.development.as_ref().map(|dev| dev.announcement(listening));
    let gateway = Data::new(GatewayState::new(configuration, store));

    // From here on signals are handled. An operator who reads "serving" may send one at once.
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
        // The engine's own `drop` would wait for ever for writes that cannot succeed.
        mem::forget(gateway);
        return Err(ServeError::Close(error));
    }
    tracing::info!("stopped; all accepted requests are stored");
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })
}

async fn open_store(server: &ServerSettings) -> Result<Store, ServeError> {
    let path = server.data_dir.display().to_string();
    data_directory::create_private(&server.data_dir)
        .map_err(|source| ServeError::DataDirectory { path: path.clone(), source })?;
    let durability = match server.durability {
        settings::DurabilitySetting::Flushed => Durability::Flushed,
        settings::DurabilitySetting::Relaxed => Durability::Relaxed,
    };
    let failed = |source| ServeError::Store { path, source };
    let options = StoreOptions { durability, retention: server.outcomes };
    let sled = SledOptions { cache_bytes: server.cache_bytes, ..SledOptions::default() };
    let engine = SledEngine::open(&server.data_dir, sled).map_err(OpenError::Engine);
    match engine {
        Ok(engine) => {
            let id_generator = Arc::new(SystemIdGenerator::default());
            Store::open(Arc::new(engine), id_generator, options).await.map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

fn client_server(
    server: &ServerSettings,
    listener: TcpListener,
    gateway: &Data<GatewayState>,
) -> io::Result<actix_web::dev::Server> {
    let (shared, connections) = (gateway.clone(), server.connections);
    let workers = match server.workers {
        Some(workers) => workers,
        None => std::thread::available_parallelism()?.get(),
    };
    let most = open_files::connections(connections.most, workers);
    let deadline = RequestDeadline {
        usual: connections.request_deadline(),
        granted: connections.import_deadline(),
    };
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
                .on_connect_ext(|stream: &DeadlineStream<TcpStream>, data| {
                    data.insert(stream.extension());
                })
                .h1(map_config(app.configure(routes), |()| AppConfig::default()));
            fn_service(move |stream: TcpStream| {
                // Responses are small, and the client waits for each one.
                let _ = stream.set_nodelay(true);
                let peer = stream.peer_addr().ok();
                ready(Ok((DeadlineStream::new(stream, deadline), peer)))
            })
            .and_then(http)
        });
    Ok(listening?.run())
}

fn admin_server(
    listener: TcpListener,
    gateway: &Data<GatewayState>,
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

/// Stops accepting connections and waits for requests in flight. The admin listener stops last, so
/// health checks work until the end.
async fn stop([clients, admin]: [ServerHandle; 2]) {
    tracing::info!("stopping: waiting for requests in flight");
    clients.stop(true).await;
    admin.stop(false).await;
}

/// The signals that the server handles.
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

    /// Reloads on each SIGHUP. Returns on SIGINT or SIGTERM.
    async fn obey(
        mut self,
        arguments: &ServeArguments,
        server: &ServerSettings,
        gateway: &GatewayState,
    ) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.reload.recv() => reload(arguments, server, gateway),
            }
        }
    }
}

/// Applies the current configuration file. An invalid file is rejected as a whole, and the previous
/// configuration stays in force.
fn reload(arguments: &ServeArguments, server: &ServerSettings, gateway: &GatewayState) {
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
            gateway.reload(configuration);
            tracing::info!(companies, "reloaded the configuration");
        }
        Err(error) => {
            tracing::error!(error = %settings::chain(&error), "the configuration was not reloaded");
        }
    }
}
