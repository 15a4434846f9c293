//! The two servers: one for clients, one for operators, each with its listeners.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};

use actix_http::{HttpService, Request, error::DispatchError};
use actix_server::{GracefulShutdownSignal, ServerBuilder};
use actix_service::{
    Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config,
};
use actix_web::{
    App,
    dev::{AppConfig, Server},
    web::{Data, ServiceConfig},
};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

use super::{
    bound_listener::{BoundListener, ListenerSocket},
    routes::routes,
    socket_file::SocketFile,
};
use crate::{
    capacity::{
        client_network::ClientNetwork,
        connection_table::ConnectionTable,
        open_connection::{ConnectionActivity, OpenConnection},
    },
    http::{
        admitted_stream::AdmittedLayer,
        bare_response::DocumentedLayer,
        deadline::{DeadlineLayer, RequestDeadline},
        peer::Peer,
        raw_target::{self, TargetLayer},
        stream_layer::LayeredStream,
    },
    limits,
    ops::{admin, open_files},
    settings::{Connections, ServerSettings},
    state::GatewayState,
    tls::handshake::{EncryptedStream, encrypt},
};

/// A connection of a listener, without its layers: over TCP, to a unix socket, or encrypted.
type Transport = Either<Either<TcpStream, UnixStream>, EncryptedStream>;

/// A connection of a listener.
type ListenerStream = LayeredStream<
    LayeredStream<
        LayeredStream<LayeredStream<Transport, DeadlineLayer>, AdmittedLayer>,
        DocumentedLayer,
    >,
    TargetLayer,
>;

/// A connection, and what is known of its other side.
type Arrival = (ListenerStream, Option<SocketAddr>);

/// What the connections of a listener are subject to.
#[derive(Clone)]
struct Listening {
    name: &'static str,
    connections: Arc<ConnectionTable>,
    deadline: RequestDeadline,
    head_timeout: Duration,
    keep_alive: Duration,
    routes: fn(&mut ServiceConfig),
    gateway: Data<GatewayState>,
}

/// The server behind the client listeners.
pub(super) fn client_server(
    settings: &ServerSettings,
    listeners: Vec<BoundListener>,
    gateway: &Data<GatewayState>,
) -> io::Result<(Server, Vec<SocketFile>)> {
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
        gateway: gateway.clone(),
    };
    run(builder, listeners, &listening)
}

/// The server behind the admin listeners.
pub(super) fn admin_server(
    listeners: Vec<BoundListener>,
    gateway: &Data<GatewayState>,
) -> io::Result<(Server, Vec<SocketFile>)> {
    let builder = Server::build()
        .workers(1)
        .max_concurrent_connections(limits::ADMIN_FILES)
        .disable_signals();
    let deadline = Connections::default().request_deadline();
    let listening = Listening {
        name: "admin",
        connections: Arc::clone(&gateway.admin_connections),
        deadline: RequestDeadline { usual: deadline, granted: limits::ADMIN_DEADLINE },
        head_timeout: limits::HEAD_TIMEOUT,
        keep_alive: limits::KEEP_ALIVE,
        routes: admin::routes,
        gateway: gateway.clone(),
    };
    run(builder, listeners, &listening)
}

/// Serves at all of these listeners. Their connections are in one table.
fn run(
    mut builder: ServerBuilder,
    listeners: Vec<BoundListener>,
    listening: &Listening,
) -> io::Result<(Server, Vec<SocketFile>)> {
    let mut files = Vec::new();
    for BoundListener { address, socket } in listeners {
        let (stopping, listening) = (builder.graceful_shutdown_signal(), listening.clone());
        builder = match socket {
            ListenerSocket::Tcp(socket) if address.is_tls() => {
                builder.listen(listening.name, socket, move || {
                    let (admitting, ending) = (listening.clone(), stopping.clone());
                    let admit =
                        move |stream| admit_encrypted(stream, admitting.clone(), ending.clone());
                    fn_service(admit).and_then(http(&listening, &stopping))
                })?
            }
            ListenerSocket::Tcp(socket) => builder.listen(listening.name, socket, move || {
                let admitting = listening.clone();
                fn_service(move |stream| admit_tcp(stream, admitting.clone()))
                    .and_then(http(&listening, &stopping))
            })?,
            ListenerSocket::Unix(socket, file) => {
                files.push(file);
                builder.listen_uds(listening.name, socket, move || {
                    let admitting = listening.clone();
                    fn_service(move |stream| admit_unix(stream, admitting.clone()))
                        .and_then(http(&listening, &stopping))
                })?
            }
        };
    }
    Ok((builder.run(), files))
}

/// HTTP/1.1 with its timeouts, and the routes.
fn http(
    listening: &Listening,
    stopping: &GracefulShutdownSignal,
) -> impl ServiceFactory<Arrival, Config = (), Response = (), Error = DispatchError, InitError = ()>
+ use<> {
    let stopping = stopping.clone();
    let app = App::new().app_data(listening.gateway.clone()).configure(listening.routes);
    let app = map_config(app, |()| AppConfig::default());
    HttpService::build()
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .client_request_timeout(listening.head_timeout)
        .client_disconnect_timeout(limits::DISCONNECT_TIMEOUT)
        .keep_alive(listening.keep_alive)
        .on_connect_ext(|stream: &ListenerStream, data| {
            let documented = stream.stream();
            let admitted = documented.stream();
            data.insert(admitted.stream().layer().extension());
            data.insert(admitted.layer().connection().activity());
            data.insert(documented.layer().peer());
            data.insert(stream.layer().target());
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
        }))
}

async fn admit_tcp(stream: TcpStream, listening: Listening) -> Result<Arrival, DispatchError> {
    let (address, connection) = admit(&stream, &listening).await?;
    let transport = Either::Left(Either::Left(stream));
    let peer = Peer::Tcp(address.ip());
    Ok((layered(transport, connection, peer, &listening), Some(address)))
}

/// The same with a TLS handshake. Until it has ended, the table may close the connection as it
/// closes an idle one, and a stop does not wait for it.
async fn admit_encrypted(
    stream: TcpStream,
    listening: Listening,
    stopping: GracefulShutdownSignal,
) -> Result<Arrival, DispatchError> {
    let (address, connection) = admit(&stream, &listening).await?;
    let Listening { gateway, head_timeout, .. } = &listening;
    let encrypting = encrypt(stream, address.ip(), gateway, *head_timeout);
    let encrypted = tokio::select! {
        biased;
        () = stopping.notified() => None,
        encrypted = connection.unless_closed(encrypting) => encrypted.flatten(),
    };
    let transport = Either::Right(encrypted.ok_or_else(refused)?);
    let peer = Peer::Tls(address.ip());
    Ok((layered(transport, connection, peer, &listening), Some(address)))
}

async fn admit_unix(stream: UnixStream, listening: Listening) -> Result<Arrival, DispatchError> {
    let connection = enter(&listening, Peer::Unix.address()).await?;
    let transport = Either::Left(Either::Right(stream));
    Ok((layered(transport, connection, Peer::Unix, &listening), None))
}

/// Adds a connection over TCP to the table.
async fn admit(
    stream: &TcpStream,
    listening: &Listening,
) -> Result<(SocketAddr, OpenConnection), DispatchError> {
    // A connection without an address has ended already.
    let address = stream.peer_addr().map_err(DispatchError::Io)?;
    let connection = enter(listening, address.ip()).await?;
    // Responses are small, and the client waits for each one.
    let _ = stream.set_nodelay(true);
    Ok((address, connection))
}

/// Adds a connection to the table. A refused connection is closed.
async fn enter(listening: &Listening, address: IpAddr) -> Result<OpenConnection, DispatchError> {
    let network = ClientNetwork::from(address);
    let admitted = OpenConnection::admit_in_turn(&listening.connections, network).await;
    admitted.map_err(|_counted| refused())
}

fn refused() -> DispatchError {
    DispatchError::Io(io::ErrorKind::ConnectionRefused.into())
}

/// Builds the layers of a connection: its deadline, its entry in the table, its error documents and
/// its raw targets.
fn layered(
    transport: Transport,
    connection: OpenConnection,
    peer: Peer,
    listening: &Listening,
) -> ListenerStream {
    let stream = LayeredStream::new(transport, DeadlineLayer::new(listening.deadline));
    let stream = LayeredStream::new(stream, AdmittedLayer::new(connection));
    let documented = DocumentedLayer::new(listening.gateway.clone(), peer);
    LayeredStream::new(LayeredStream::new(stream, documented), TargetLayer::new())
}
