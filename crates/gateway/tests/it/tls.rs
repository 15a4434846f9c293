//! Listeners that speak TLS, and their certificate.

mod certificates;
mod handshakes;

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};

pub(crate) use self::certificates::Issued;
use self::certificates::NAME;
use crate::{
    api::{KEY, asking, key},
    hostile::Watch,
    serving::{Home, Serving, wait_until},
    wire::{Connection, RawRequest, TEST_TIMEOUT},
};

/// A stream that a client encrypts.
pub(crate) type TlsClientStream = StreamOwned<ClientConnection, TcpStream>;

/// `gateway serve` with this certificate, over TLS and without.
fn command(home: &Home) -> Command {
    let mut command = home.serve_command();
    command.arg("--listen=https://127.0.0.1:0");
    command.arg("--tls-certificate").arg(Issued::certificate_file(home));
    command.arg("--tls-key").arg(Issued::key_file(home));
    command
}

/// A home whose company has a key, and a gateway there that serves this certificate.
pub(crate) fn serving(issued: &Issued, settings: &str) -> (Home, Serving) {
    let company =
        "[[company]]\nid = \"ABC123\"\nnetwork_limits = \"none\"\napi_limits = \"none\"\n";
    let home =
        Home::configured(&format!("{settings}{company}{}", key("all", KEY, "\"profiles:read\"")));
    issued.put(&home);
    let gateway = Serving::start(command(&home));
    (home, gateway)
}

/// A client that trusts a certificate.
fn client_config(
    issued: &Issued,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// A connection of such a client, before the handshake.
fn begin(config: ClientConfig, address: SocketAddr) -> TlsClientStream {
    let name = ServerName::try_from(NAME).unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    StreamOwned::new(client, stream)
}

/// A connection of a client that trusts this certificate.
fn connect(gateway: &Serving, issued: &Issued) -> Connection<TlsClientStream> {
    let config = client_config(issued, &[&TLS13, &TLS12], &[]);
    Connection::over_any(begin(config, gateway.encrypted))
}

/// Whether a client that trusts only this certificate can connect.
fn trusts(gateway: &Serving, issued: &Issued) -> bool {
    let mut stream = begin(client_config(issued, &[&TLS13], &[]), gateway.encrypted);
    stream.conn.complete_io(&mut stream.sock).is_ok()
}

#[test]
fn requests_are_served_over_both_versions_of_tls() {
    let issued = Issued::until(2040);
    let (_home, gateway) = serving(&issued, "");
    for (version, expected) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = client_config(&issued, &[version], &["h2", "http/1.1"]);
        let mut connection = Connection::over_any(begin(config, gateway.encrypted));
        let request = RawRequest::email("ann@example.com");
        for _ in 0..3 {
            connection.exchange(&request).assert_accepted();
        }
        // Over several records in both directions.
        let long = "x".repeat(60_000);
        let body = format!(
            r#"{{"data":{{"type":"profile","attributes":{{"email":"ann@example.com","properties":{{"long":"{long}"}}}}}}}}"#
        );
        connection.exchange(&RawRequest::profile(body)).assert_accepted();
        let listed = connection.exchange(&asking("GET", "/api/profiles"));
        assert!(listed.text().contains(&long), "{}", listed.text().len());
        let tls = &connection.stream().conn;
        assert_eq!(tls.protocol_version(), Some(expected));
        assert_eq!(tls.alpn_protocol(), Some(b"http/1.1".as_slice()));
    }
    assert_eq!(gateway.meter(r#"gateway_tls_handshakes_failed_total{reason="closed"}"#), 0);
    // The other address is not encrypted.
    gateway.send(&RawRequest::email("ann@example.com")).assert_accepted();
    let finished = gateway.stop();
    finished.assert_exit(0);
    assert!(!finished.output.contains("\"level\":\"ERROR\""), "{}", finished.output);
}

#[test]
fn links_begin_with_https_and_a_client_is_at_its_own_address() {
    let issued = Issued::until(2040);
    let (_home, gateway) = serving(&issued, "");
    let mut connection = connect(&gateway, &issued);
    let listed = connection.exchange(&asking("GET", "/api/profiles"));
    let link = listed.json()["links"]["self"].to_string();
    assert!(link.starts_with("\"https://gateway/api/profiles"), "{link}");
    let refused = RawRequest::profile("{").with("X-Forwarded-For", "192.0.2.77");
    assert_eq!(connection.exchange(&refused).status, 400);
    let logged = gateway.logged("refused a request");
    assert!(logged.contains("\"client\":\"127.0.0.1\""), "{logged}");
}

#[test]
fn curl_is_served() {
    let issued = Issued::until(2040);
    let (home, gateway) = serving(&issued, "");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--include", "--http1.1", "--noproxy", "*"]);
    curl.arg("--cacert").arg(Issued::certificate_file(&home));
    curl.arg("--connect-to").arg(format!("{NAME}:443:{}", gateway.encrypted));
    curl.args(["-H", "content-type: application/json", "-H", "revision: 2026-07-15", "-d"]);
    curl.arg(r#"{"data":{"type":"profile","attributes":{"email":"ann@example.com"}}}"#);
    curl.arg(format!("https://{NAME}/client/profiles?company_id=ABC123"));
    let Ok(output) = curl.output() else {
        // There is no curl here.
        assert!(Command::new("curl").arg("--version").output().is_err());
        return;
    };
    let answer = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}{errors}");
}

#[test]
fn a_client_that_does_not_read_what_is_encrypted_for_it_is_cut_off() {
    const REQUESTS: usize = 500;
    let issued = Issued::until(2040);
    let settings = "connections = { head_seconds = 2, body_seconds = 1, answer_seconds = 1 }\n";
    let (_home, gateway) = serving(&issued, settings);
    let mut connection = connect(&gateway, &issued);
    let long = "x".repeat(90_000);
    let body = format!(
        r#"{{"data":{{"type":"profile","attributes":{{"email":"ann@example.com","properties":{{"long":"{long}"}}}}}}}}"#
    );
    connection.exchange(&RawRequest::profile(body)).assert_accepted();
    // Their answers are larger than what the system buffers.
    connection.send(asking("GET", "/api/profiles").bytes().repeat(REQUESTS));
    let began = Watch::start();
    wait_until("it is closed", || gateway.meter("gateway_connections") == 0);
    assert!(Duration::from_secs(1) < began.elapsed(), "{:?}", began.elapsed());
    let answered = connection.read_to_end();
    assert!(answered < REQUESTS * long.len(), "all were answered: {answered} bytes");
    gateway.send(&RawRequest::email("ann@example.com")).assert_accepted();
}

#[test]
fn a_clean_stop_finishes_a_request_over_tls() {
    let issued = Issued::until(2040);
    let (_home, gateway) = serving(&issued, "");
    let mut connection = connect(&gateway, &issued);
    let request = RawRequest::email("ann@example.com").with("Expect", "100-continue");
    let (head, whole) = (request.head(), request.bytes());
    assert!(connection.send(&head));
    assert_eq!(connection.receive().status, 100);
    gateway.signal("TERM");
    gateway.logged("stopping");
    assert!(connection.send(&whole[head.len()..]));
    connection.receive().assert_accepted();
    assert!(connection.ends());
    gateway.wait().assert_exit(0);
}
