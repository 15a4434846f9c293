//! Where the gateway listens, and where it refuses to.

use super::{super::*, refuses, serve, with_company};

#[test]
fn without_a_file_the_announced_command_reaches_the_first_listener() {
    let development = serve(&[]).configure().unwrap().development.unwrap();
    for (address, command) in [
        ("0.0.0.0:80", "curl -i 'http://localhost:80/client"),
        ("[::]:80", "curl -i 'http://localhost:80/client"),
        ("https://127.0.0.1:443", "curl -i -k 'https://127.0.0.1:443/client"),
        ("unix:/run/a.sock", "curl -i --unix-socket '/run/a.sock' 'http://localhost/client"),
    ] {
        let announcement = development.announcement(&address.parse().unwrap());
        assert!(announcement.contains(command), "{announcement}");
    }
}

#[test]
fn no_two_listeners_have_one_address() {
    let of_clients = ["--listen", "127.0.0.1:9090"];
    let of_one_list = ["--listen=127.0.0.1:1,127.0.0.1:2", "--listen=https://127.0.0.1:1"];
    let of_sockets = ["--listen=unix:/a", "--admin-listen=unix:/a"];
    for arguments in [of_clients, of_one_list, of_sockets] {
        let error = serve(&arguments).configure().unwrap_err();
        let expected = matches!(error, SettingsError::Listeners(InvalidListeners::Shared { .. }));
        assert!(expected, "{arguments:?}: {error}");
    }
    assert!(serve(&["--listen=127.0.0.1:0,127.0.0.1:0"]).configure().is_ok());
}

#[test]
fn there_are_not_too_many_listeners() {
    let most: Vec<String> = (1..=limits::LISTEN_ADDRESSES).map(|n| format!("[::1]:{n}")).collect();
    let listen = format!("--listen={}", most.join(","));
    assert!(serve(&[&listen]).configure().is_ok());
    let error = serve(&[&listen, "--listen=unix:/a"]).configure().unwrap_err();
    assert_eq!(error.to_string(), "--listen must name at most 8 addresses");
    let list = format!("listen = {:?}\n", [most, vec!["unix:/a".to_owned()]].concat());
    for list in [list.as_str(), "listen = []\n"] {
        let text = format!("{list}{}", with_company(""));
        refuses(&text, &["line 1: listen must have 1 to 8 entries"]);
    }
}

#[test]
fn an_address_at_which_tls_is_spoken_needs_a_certificate() {
    let error = serve(&["--listen=https://127.0.0.1:1"]).configure().unwrap_err();
    let expected = "https://127.0.0.1:1 needs a certificate: name its file";
    assert!(error.to_string().starts_with(expected), "{error}");
    let error = serve(&["--tls-key=/a"]).configure().unwrap_err();
    assert_eq!(error.to_string(), "a certificate needs two files: --tls-certificate and --tls-key");
    let tls = "tls = { certificate = \"\", keys = \"/a\" }\n";
    refuses(
        &format!("{tls}{}", with_company("")),
        &[
            "line 1: tls.certificate must not be empty",
            "line 1: tls.key is missing",
            "line 1: tls.keys is unknown; expected one of certificate, key",
        ],
    );
}

#[test]
fn without_a_file_only_loopback_is_listened_at() {
    for (flag, address) in
        [("listen", "0.0.0.0:8080"), ("admin-listen", "[::]:9090"), ("listen", "192.0.2.1:80")]
    {
        let error = serve(&[&format!("--{flag}"), address]).configure().unwrap_err();
        let expected = format!("--{flag} {address} can be reached from other machines");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
