//! The certificate: served, renewed, expired, and refused if it is wrong.

use std::{fs, path::PathBuf};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::{command, connect, serving, trusts};
use crate::{
    serving::{Finished, Home, Serving, finish, wait_until},
    wire::RawRequest,
};

/// The name in the certificates.
pub(super) const NAME: &str = "gateway.example";

/// A certificate that trusts itself, and its private key, in PEM.
pub(crate) struct Issued {
    pub(super) certificate: String,
    key: String,
}

impl Issued {
    /// A certificate that counts until the first day of this year.
    pub(crate) fn until(year: i32) -> Issued {
        let mut parameters = CertificateParams::new([NAME.to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        Issued { certificate, key: key.serialize_pem() }
    }

    /// Writes the files that the gateway reads.
    pub(super) fn put(&self, home: &Home) {
        fs::write(Issued::certificate_file(home), &self.certificate).unwrap();
        fs::write(Issued::key_file(home), &self.key).unwrap();
    }

    pub(super) fn certificate_file(home: &Home) -> PathBuf {
        home.directory().join("chain.pem")
    }

    pub(super) fn key_file(home: &Home) -> PathBuf {
        home.directory().join("key.pem")
    }
}

const NOT_AFTER: &str = "gateway_tls_certificate_not_after_timestamp_seconds";

/// The seconds since 1970 of the first days of these years.
const OF_2040: u64 = 2_208_988_800;
const OF_2050: u64 = 2_524_608_000;

fn check(home: &Home) -> Finished {
    let mut command = home.command(&["check", "--config"]);
    command.arg(home.config()).arg("--tls-key").arg(Issued::key_file(home));
    finish(command.arg("--tls-certificate").arg(Issued::certificate_file(home)))
}

/// Reloads, and waits until that is logged once more than before.
fn reload(gateway: &Serving, expected: &str) {
    let count = || gateway.written().matches(expected).count();
    let before = count();
    gateway.signal("HUP");
    wait_until(expected, || before < count());
}

#[test]
fn a_renewed_certificate_is_served_to_new_connections_and_open_ones_go_on() {
    let (old, new) = (Issued::until(2040), Issued::until(2050));
    let (home, gateway) = serving(&old, "");
    assert_eq!(gateway.meter(NOT_AFTER), OF_2040);
    gateway.logged("2040-01-01T00:00:00Z");
    let mut open = connect(&gateway, &old);
    let request = RawRequest::email("ann@example.com");
    open.exchange(&request).assert_accepted();
    new.put(&home);
    reload(&gateway, "reloaded the configuration");
    gateway.logged("2050-01-01T00:00:00Z");
    assert_eq!(gateway.meter(NOT_AFTER), OF_2050);
    open.exchange(&request).assert_accepted();
    connect(&gateway, &new).exchange(&request).assert_accepted();
    assert!(trusts(&gateway, &new) && !trusts(&gateway, &old));
    gateway.stop().assert_exit(0);
}

#[test]
fn a_certificate_that_is_wrong_is_refused_at_a_reload_and_the_old_one_is_served() {
    let (old, new) = (Issued::until(2040), Issued::until(2050));
    let (home, gateway) = serving(&old, "");
    let broken = [
        // The key is still that of the old certificate.
        (Issued::certificate_file(&home), new.certificate.clone(), "cannot be used with"),
        (Issued::certificate_file(&home), String::new(), "must have 1 to 10 certificates"),
        (Issued::key_file(&home), "nonsense".to_owned(), "no private key"),
    ];
    for (file, text, reason) in broken {
        fs::write(&file, text).unwrap();
        home.configure("[[company]]\nid = \"NEW001\"\n");
        reload(&gateway, "the configuration was not reloaded");
        gateway.logged(reason);
        assert_eq!(gateway.meter("gateway_config_last_reload_successful"), 0);
        assert_eq!(gateway.meter(NOT_AFTER), OF_2040);
        assert!(trusts(&gateway, &old));
        // The file with the companies is refused together with the certificate.
        let request = RawRequest::email("ann@example.com");
        connect(&gateway, &old).exchange(&request).assert_accepted();
        assert_eq!(connect(&gateway, &old).exchange(&request.of("NEW001")).status, 400);
        old.put(&home);
    }
    fs::remove_file(Issued::key_file(&home)).unwrap();
    reload(&gateway, "the configuration was not reloaded");
    gateway.logged("key.pem cannot be read");
    new.put(&home);
    reload(&gateway, "reloaded the configuration");
    assert_eq!(gateway.meter("gateway_config_last_reload_successful"), 1);
    assert!(trusts(&gateway, &new));
    let finished = gateway.stop();
    finished.assert_exit(0);
    assert!(!finished.output.contains("PRIVATE KEY"), "{}", finished.output);
}

#[test]
fn a_certificate_that_is_wrong_is_refused_by_a_start_and_by_check() {
    let home = Home::new();
    let (one, other) = (Issued::until(2040), Issued::until(2040));
    one.put(&home);
    let checked = check(&home);
    checked.assert_exit(0);
    checked.assert_output("the TLS certificate expires at 2040-01-01T00:00:00Z");
    fs::write(Issued::key_file(&home), &other.key).unwrap();
    for refused in [check(&home), finish(&mut command(&home))] {
        refused.assert_exit(1);
        refused.assert_output("key.pem cannot be used with the certificate of ");
    }
    fs::remove_file(Issued::certificate_file(&home)).unwrap();
    for refused in [check(&home), finish(&mut command(&home))] {
        refused.assert_exit(1);
        refused.assert_output("chain.pem cannot be read");
    }
    assert!(!home.data_dir().exists(), "nothing was opened");
}

#[test]
fn an_expired_certificate_is_served_with_a_warning() {
    let expired = Issued::until(2001);
    let (home, gateway) = serving(&expired, "");
    let line = gateway.logged("the TLS certificate has expired");
    assert!(line.contains("\"WARN\"") && line.contains("2001-01-01T00:00:00Z"), "{line}");
    assert_eq!(gateway.meter(NOT_AFTER), 978_307_200);
    // The client refuses it, which is counted.
    assert!(!trusts(&gateway, &expired));
    let refused = r#"gateway_tls_handshakes_failed_total{reason="refused"}"#;
    wait_until("counted", || gateway.meter(refused) == 1);
    let checked = check(&home);
    checked.assert_exit(0);
    checked.assert_output("the TLS certificate expired at 2001-01-01T00:00:00Z");
    gateway.stop().assert_exit(0);
}

#[test]
fn without_a_certificate_nothing_is_shown_of_one_and_tls_is_not_spoken() {
    let home = Home::new();
    let gateway = home.serve();
    let rendered = gateway.ask("/metrics");
    assert!(!rendered.text().lines().any(|line| line.starts_with(NOT_AFTER)));
    gateway.stop().assert_exit(0);
    let mut command = home.serve_command();
    let refused = finish(command.arg("--listen=https://127.0.0.1:0"));
    refused.assert_exit(1);
    refused.assert_output("https://127.0.0.1:0 needs a certificate");
}

#[test]
fn a_certificate_that_no_listener_uses_is_reported() {
    let home = Home::new();
    Issued::until(2040).put(&home);
    let files = format!(
        "tls = {{ certificate = {:?}, key = {:?} }}\n[[company]]\nid = \"ABC123\"\n",
        Issued::certificate_file(&home),
        Issued::key_file(&home)
    );
    home.configure(&files);
    let gateway = home.serve();
    gateway.logged("the certificate is not used");
    gateway.stop().assert_exit(0);
}
