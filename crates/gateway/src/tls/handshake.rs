//! The TLS handshake of a connection.

use std::{
    error::Error,
    io,
    net::IpAddr,
    time::{Duration, UNIX_EPOCH},
};

use actix_web::http::header::HttpDate;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    http::{bare_response::refuse_head, refusal::HeadFault, refusal_log},
    limits,
    metrics::FailedHandshake,
    state::GatewayState,
};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

/// A stream that rustls encrypts.
pub(crate) type EncryptedStream = Box<TlsStream<TcpStream>>;

/// Why there is no encrypted stream.
enum HandshakeFault {
    /// The client closed the connection without a byte, as a port scanner or a health check does.
    NotBegun,
    /// The client sent something else. It may be a request without encryption.
    NotEncrypted(TcpStream),
    /// The handshake took too long.
    TooSlow,
    /// The handshake failed.
    Failed(io::Error),
}

/// Encrypts the stream of a client within this time. A failure is counted and logged, and a request
/// that is not encrypted is refused. The connection is to be closed then.
pub(crate) async fn encrypt(
    stream: TcpStream,
    client: IpAddr,
    gateway: &GatewayState,
    time: Duration,
) -> Option<EncryptedStream> {
    let acceptor = TlsAcceptor::from(gateway.certificate()?.config());
    let shaken = timeout(time, shake_hands(stream, &acceptor)).await;
    let fault = match shaken.unwrap_or(Err(HandshakeFault::TooSlow)) {
        Ok(stream) => return Some(stream),
        Err(fault) => fault,
    };
    match fault {
        HandshakeFault::NotBegun => {}
        HandshakeFault::NotEncrypted(stream) => refuse(stream, client, gateway).await,
        HandshakeFault::TooSlow => report(gateway, client, FailedHandshake::Timeout, None),
        HandshakeFault::Failed(error) => {
            report(gateway, client, reason_of(&error), Some(&error));
        }
    }
    None
}

async fn shake_hands(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
) -> Result<EncryptedStream, HandshakeFault> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(0) | Err(_) => Err(HandshakeFault::NotBegun),
        Ok(_) if first != [HANDSHAKE] => Err(HandshakeFault::NotEncrypted(stream)),
        Ok(_) => {
            let encrypted = acceptor.accept(stream).await;
            encrypted.map(Box::new).map_err(HandshakeFault::Failed)
        }
    }
}

/// The reason for which a failed handshake is counted.
fn reason_of(error: &io::Error) -> FailedHandshake {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        None => FailedHandshake::Closed,
        Some(rustls::Error::AlertReceived(_)) => FailedHandshake::Refused,
        Some(_) => FailedHandshake::Protocol,
    }
}

fn report(
    gateway: &GatewayState,
    client: IpAddr,
    reason: FailedHandshake,
    error: Option<&(dyn Error + 'static)>,
) {
    gateway.metrics.handshake_failed(reason);
    refusal_log::report_handshake(gateway, client, reason.as_str(), error);
}

/// Answers a request that is not encrypted, and waits until the client has read the response. If
/// the connection were closed before its bytes are read, the client would get no response.
async fn refuse(mut stream: TcpStream, client: IpAddr, gateway: &GatewayState) {
    let date = HttpDate::from(UNIX_EPOCH + gateway.clock.unix_time()).to_string();
    let (fault, status_line) = (HeadFault::NotEncrypted, "HTTP/1.1 400 Bad Request");
    let Some(response) = refuse_head(gateway, client, fault, status_line, &date) else { return };
    let answer = async {
        stream.write_all(&response).await?;
        stream.shutdown().await?;
        let mut discarded = [0; 1_024];
        while 0 < stream.read(&mut discarded).await? {}
        Ok::<(), io::Error>(())
    };
    // The client may be gone, or may never stop to send.
    let _ = timeout(limits::DISCONNECT_TIMEOUT, answer).await;
}
