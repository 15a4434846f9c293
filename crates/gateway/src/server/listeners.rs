//! The two listeners: one for clients, one for operators.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use actix_http::{HttpService, Request, error::DispatchError};
use actix_server::ServerBuilder;
use actix_service::{Service, ServiceFactoryExt, apply_fn_factory, fn_service, map_config};
use actix_web::{
    App,
    dev::{AppConfig, Server},
    rt::net::TcpStream,
    web::{Data, ServiceConfig},
};

use super::routes::routes;
use crate::{
    capacity::{
        client_network::ClientNetwork,
        connection_table::ConnectionTable,
        open_connection::{ConnectionActivity, OpenConnection},
    },
    http::{
        admitted_stream::AdmittedStream,
        bare_response::DocumentedStream,
        deadline::{DeadlineStream, RequestDeadline},
        raw_target::{self, TargetStream},
    },
    limits,
    ops::{admin, open_files},
    settings::{Connections, ServerSettings},
    state::GatewayState,
};

/// A connection of a listener.
type ListenerStream = TargetStream<DocumentedStream<AdmittedStream<DeadlineStream<TcpStream>>>>;

/// What the connections of a listener are subject to.
#[derive(Clone)]
struct Listening {
    name: &'static str,
    connections: Arc<ConnectionTable>,
    deadline: RequestDeadline,
    head_timeout: Duration,
    keep_alive: Duration,
    routes: fn(&mut ServiceConfig),
}

/// The server behind the client listener.
pub(super) fn client_server(
    settings: &ServerSettings,
    listener: TcpListener,
    gateway: &Data<GatewayState>,
) -> io::Result<Server> {
    let workers = match settings.workers {
        Some(workers) => workers,
        None => thread::available_parallelism()?.get(),
    };
    let connections = settings.connections;
    let most = open_files::connections(connections.most, workers);
    let closing = open_files::closing(most);
    gateway.client_connections.set_most(most, closing);
    // The table closes connections before a worker stops accepting. The bound of the workers is for
    // connections that are not in the table yet, or not any more.
    let accepted = most + closing + limits::ARRIVING_CONNECTIONS;
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(accepted.div_ceil(workers))
        .shutdown_timeout(settings.stop.drain.as_secs())
        .disable_signals();
    let listening = Listening {
        name: "clients",
        connections: Arc::clone(&gateway.client_connections),
        deadline: RequestDeadline {
            usual: connections.request_deadline(),
            granted: connections.import_deadline(),
        },
        head_timeout: connections.head_timeout,
        keep_alive: connections.keep_alive,
        routes,
    };
    Ok(listen(builder, listener, listening, gateway.clone())?.run())
}

/// The server behind the admin listener.
pub(super) fn admin_server(
    listener: TcpListener,
    gateway: &Data<GatewayState>,
) -> io::Result<Server> {
    let builder = Server::build()
        .workers(1)
        .max_concurrent_connections(limits::ADMIN_FILES)
        .disable_signals();
    let deadline = Connections::default().request_deadline();
    let listening = Listening {
        name: "admin",
        connections: Arc::clone(&gateway.admin_connections),
        deadline: RequestDeadline { usual: deadline, granted: deadline },
        head_timeout: limits::HEAD_TIMEOUT,
        keep_alive: limits::KEEP_ALIVE,
        routes: admin::routes,
    };
    Ok(listen(builder, listener, listening, gateway.clone())?.run())
}

/// Builds the layers of a connection: its deadline, its entry in the table, its error documents and
/// its raw targets, then HTTP/1.1 with its timeouts, then the routes.
fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    listening: Listening,
    gateway: Data<GatewayState>,
) -> io::Result<ServerBuilder> {
    let stopping = builder.graceful_shutdown_signal();
    builder.listen(listening.name, listener, move || {
        let stopping = stopping.clone();
        let app = App::new().app_data(gateway.clone()).configure(listening.routes);
        let app = map_config(app, |()| AppConfig::default());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .client_request_timeout(listening.head_timeout)
            .client_disconnect_timeout(limits::DISCONNECT_TIMEOUT)
            .keep_alive(listening.keep_alive)
            .on_connect_ext(|stream: &ListenerStream, data| {
                let admitted = stream.stream().stream();
                data.insert(admitted.stream().extension());
                data.insert(admitted.connection().activity());
                data.insert(stream.target());
            })
            .h1(apply_fn_factory(app, |mut request: Request, app| {
                raw_target::restore(&mut request);
                let activity = request.conn_data::<ConnectionActivity>();
                let in_progress = activity.and_then(ConnectionActivity::begin);
                let response = app.call(request);
                async move {
                    let response = response.await;
                    drop(in_progress);
                    response
                }
            }));
        let (listening, gateway) = (listening.clone(), gateway.clone());
        fn_service(move |stream| admit(stream, listening.clone(), gateway.clone())).and_then(http)
    })
}

/// Adds a connection to the table. A refused connection is closed.
async fn admit(
    stream: TcpStream,
    listening: Listening,
    gateway: Data<GatewayState>,
) -> Result<(ListenerStream, Option<SocketAddr>), DispatchError> {
    // A connection without an address has ended already.
    let peer = stream.peer_addr().map_err(DispatchError::Io)?;
    let network = ClientNetwork::from(peer.ip());
    let admitted = OpenConnection::admit_in_turn(&listening.connections, network).await;
    let refused = |_| DispatchError::Io(io::ErrorKind::ConnectionRefused.into());
    let connection = admitted.map_err(refused)?;
    // Responses are small, and the client waits for each one.
    let _ = stream.set_nodelay(true);
    let stream = DeadlineStream::new(stream, listening.deadline);
    let stream = AdmittedStream::new(stream, connection);
    let stream = DocumentedStream::new(stream, gateway, peer.ip());
    Ok((TargetStream::new(stream), Some(peer)))
}
