//! Listeners that are bound, before connections are accepted.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixListener,
};

use tokio::net::TcpSocket;

use super::socket_file::SocketFile;
use crate::{
    limits,
    settings::{ListenAddress, SocketMode},
};

/// A listener that is bound.
#[derive(Debug)]
pub(super) struct BoundListener {
    pub(super) address: ListenAddress,
    pub(super) socket: ListenerSocket,
}

/// The socket of a listener.
#[derive(Debug)]
pub(super) enum ListenerSocket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl BoundListener {
    /// Binds a listener with a longer queue than that of the standard library. The address has the
    /// port that is bound.
    pub(super) async fn bind(
        address: &ListenAddress,
        mode: SocketMode,
    ) -> io::Result<BoundListener> {
        Ok(match address {
            ListenAddress::Tcp(address) => {
                let socket = bind_tcp(*address)?;
                let address = ListenAddress::Tcp(socket.local_addr()?);
                BoundListener { address, socket: ListenerSocket::Tcp(socket) }
            }
            ListenAddress::Tls(address) => {
                let socket = bind_tcp(*address)?;
                let address = ListenAddress::Tls(socket.local_addr()?);
                BoundListener { address, socket: ListenerSocket::Tcp(socket) }
            }
            ListenAddress::Unix(path) => {
                let (socket, file) = SocketFile::bind(path, mode).await?;
                let socket = ListenerSocket::Unix(socket, file);
                BoundListener { address: address.clone(), socket }
            }
        })
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart does not wait for the last connections of the previous process.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(limits::BACKLOG)?.into_std()
}
