//! Tells the supervisor that started the process when it serves and when it stops, as `Type=notify`
//! of systemd expects.

use std::{
    env, io,
    os::unix::net::{SocketAddr, UnixDatagram},
};

/// The variable with the address of the supervisor.
const SOCKET: &str = "NOTIFY_SOCKET";

/// What a supervisor is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum ProcessPhase {
    /// Requests are accepted.
    Serving,
    /// The process is about to end.
    Stopping,
}

/// Tells the supervisor, if there is one.
pub(super) fn notify(phase: ProcessPhase) {
    let Some(socket) = env::var_os(SOCKET).and_then(|socket| socket.into_string().ok()) else {
        return;
    };
    let message = match phase {
        ProcessPhase::Serving => "READY=1",
        ProcessPhase::Stopping => "STOPPING=1",
    };
    if let Err(error) = send(&socket, message) {
        tracing::warn!(%error, message, "the supervisor that asks to be told was not told");
    }
}

fn send(socket: &str, message: &str) -> io::Result<()> {
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address(socket)?)?;
    Ok(())
}

/// An address that begins with `@` is no path.
#[cfg(target_os = "linux")]
fn address(socket: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;

    match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(socket),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(socket: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_pathname(socket)
}
