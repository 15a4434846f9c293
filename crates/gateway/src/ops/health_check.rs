//! Asks a serving gateway whether it is ready, for supervisors that run a program.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::otlp_client::status;
use crate::limits;

/// Why a gateway does not count as ready.
#[derive(Debug, thiserror::Error)]
pub enum HealthCheckError {
    /// There was no answer.
    #[error("the gateway at {address} does not answer")]
    NoAnswer {
        /// The address of the admin listener.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The answer is not that of a gateway that is ready.
    #[error("the gateway at {address} is not ready: {answer}")]
    NotReady {
        /// The address of the admin listener.
        address: SocketAddr,
        /// The reasons, or what else was answered.
        answer: String,
    },
}

/// Asks the admin listener at this address.
pub fn ask(address: SocketAddr) -> Result<(), HealthCheckError> {
    let answer =
        exchange(address).map_err(|source| HealthCheckError::NoAnswer { address, source })?;
    if status(&answer) == Some(200) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or(&*text, |(_, body)| body);
    let reasons: Vec<&str> = body.lines().collect();
    Err(HealthCheckError::NotReady { address, answer: reasons.join("; ") })
}

fn exchange(address: SocketAddr) -> io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect_timeout(&address, limits::HEALTH_CHECK_TIMEOUT)?;
    connection.set_read_timeout(Some(limits::HEALTH_CHECK_TIMEOUT))?;
    connection.set_write_timeout(Some(limits::HEALTH_CHECK_TIMEOUT))?;
    let head =
        format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    connection.take(limits::HEALTH_CHECK_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}
