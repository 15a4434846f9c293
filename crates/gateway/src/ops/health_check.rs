//! Asks a serving gateway whether it is ready, for supervisors that run a program.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
};

use super::otlp_client::status;
use crate::{limits, settings::ListenAddress};

/// Why a gateway does not count as ready.
#[derive(Debug, thiserror::Error)]
pub enum HealthCheckError {
    /// TLS is spoken at every admin listener.
    #[error("every admin listener speaks TLS: add one at a unix socket, or at a loopback address")]
    OnlyTls,
    /// There was no answer.
    #[error("the gateway at {address} does not answer")]
    NoAnswer {
        /// The address of the admin listener.
        address: ListenAddress,
        /// The cause.
        source: io::Error,
    },
    /// The answer is not that of a gateway that is ready.
    #[error("the gateway at {address} is not ready: {answer}")]
    NotReady {
        /// The address of the admin listener.
        address: ListenAddress,
        /// The reasons, or what else was answered.
        answer: String,
    },
}

/// Asks the first of these admin listeners at which no TLS is spoken. Returns its address.
pub fn ask(listeners: &[ListenAddress]) -> Result<ListenAddress, HealthCheckError> {
    let plain = listeners.iter().find(|address| !matches!(address, ListenAddress::Tls(_)));
    let address = plain.cloned().ok_or(HealthCheckError::OnlyTls)?;
    let answer = match &address {
        ListenAddress::Tcp(address) | ListenAddress::Tls(address) => exchange_over_tcp(*address),
        ListenAddress::Unix(path) => exchange_over_socket(path),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(source) => return Err(HealthCheckError::NoAnswer { address, source }),
    };
    if status(&answer) == Some(200) {
        return Ok(address);
    }
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or(&*text, |(_, body)| body);
    let reasons: Vec<&str> = body.lines().collect();
    Err(HealthCheckError::NotReady { address, answer: reasons.join("; ") })
}

fn exchange_over_tcp(address: SocketAddr) -> io::Result<Vec<u8>> {
    let connection = TcpStream::connect_timeout(&address, limits::HEALTH_CHECK_TIMEOUT)?;
    connection.set_read_timeout(Some(limits::HEALTH_CHECK_TIMEOUT))?;
    connection.set_write_timeout(Some(limits::HEALTH_CHECK_TIMEOUT))?;
    exchange(connection)
}

fn exchange_over_socket(path: &Path) -> io::Result<Vec<u8>> {
    let connection = UnixStream::connect(path)?;
    connection.set_read_timeout(Some(limits::HEALTH_CHECK_TIMEOUT))?;
    connection.set_write_timeout(Some(limits::HEALTH_CHECK_TIMEOUT))?;
    exchange(connection)
}

fn exchange(mut connection: impl Read + Write) -> io::Result<Vec<u8>> {
    let head = "GET /health/ready HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n";
    connection.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    connection.take(limits::HEALTH_CHECK_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}
