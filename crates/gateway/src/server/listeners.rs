//! The two listeners: one for clients, one for operators.

use std::{future::ready, io, net::TcpListener, thread};

use actix_http::HttpService;
use actix_server::ServerBuilder;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App, HttpServer,
    dev::{AppConfig, Server},
    rt::net::TcpStream,
    web::Data,
};

use super::routes::routes;
use crate::{
    http::deadline::{DeadlineStream, RequestDeadline},
    limits,
    ops::{admin, open_files},
    settings::{Connections, ServerSettings},
    state::GatewayState,
};

/// The server behind the client listener.
pub(super) fn client_server(
    settings: &ServerSettings,
    listener: TcpListener,
    gateway: &Data<GatewayState>,
) -> io::Result<Server> {
    let connections = settings.connections;
    let workers = match settings.workers {
        Some(workers) => workers,
        None => thread::available_parallelism()?.get(),
    };
    let most = open_files::connections(connections.most, workers);
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections((most / workers).max(1))
        .shutdown_timeout(limits::SHUTDOWN_TIMEOUT.as_secs())
        .disable_signals();
    Ok(listen(builder, listener, connections, gateway.clone())?.run())
}

/// Builds the layers of a client connection: the stream with its deadline, then HTTP/1.1 with its
/// timeouts, then the routes.
fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    connections: Connections,
    gateway: Data<GatewayState>,
) -> io::Result<ServerBuilder> {
    let deadline = RequestDeadline {
        usual: connections.request_deadline(),
        granted: connections.import_deadline(),
    };
    let stopping = builder.graceful_shutdown_signal();
    builder.listen("clients", listener, move || {
        let (app, stopping) = (App::new().app_data(gateway.clone()), stopping.clone());
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
    })
}

/// The server behind the admin listener.
pub(super) fn admin_server(
    listener: TcpListener,
    gateway: &Data<GatewayState>,
) -> io::Result<Server> {
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
