//! Several listeners, over TCP and at unix sockets.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    process::Command,
};

use crate::{
    serving::{Finished, Home, Serving, finish},
    stored::StoredProfiles,
    wire::{Connection, RawRequest, RawResponse},
};

/// Serves at two addresses over TCP and at a unix socket.
fn command(home: &Home) -> Command {
    let mut command = home.serve_command();
    command.args(["--listen", "127.0.0.1:0"]).arg(format!("--listen=unix:{}", socket(home)));
    command
}

fn socket(home: &Home) -> String {
    path(home).display().to_string()
}

fn path(home: &Home) -> PathBuf {
    home.directory().join("clients.sock")
}

fn connect(home: &Home) -> Connection<UnixStream> {
    Connection::open_unix(&path(home))
}

fn send(home: &Home, request: &RawRequest) -> RawResponse {
    connect(home).exchange(request)
}

/// The addresses in the line that says where the gateway serves.
fn addresses(gateway: &Serving, name: &str) -> Vec<String> {
    let line: serde_json::Value = serde_json::from_str(&gateway.logged("\"serving\"")).unwrap();
    line[name].as_str().unwrap().split(", ").map(str::to_owned).collect()
}

fn start_refused(home: &Home) -> Finished {
    let refused = finish(&mut command(home));
    refused.assert_exit(1);
    assert!(!home.data_dir().exists(), "nothing was opened");
    refused
}

#[test]
fn clients_are_served_at_every_address() {
    let home = Home::new();
    let gateway = Serving::start(command(&home));
    let addresses = addresses(&gateway, "listen");
    assert_eq!(addresses.len(), 3);
    assert_eq!(addresses[2], format!("unix:{}", socket(&home)));
    for (number, address) in addresses[..2].iter().enumerate() {
        let request = RawRequest::email(&format!("tcp{number}@example.com"));
        Connection::open(address.parse().unwrap()).exchange(&request).assert_accepted();
    }
    send(&home, &RawRequest::email("unix@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    let stored = StoredProfiles::open(&home);
    for email in ["tcp0@example.com", "tcp1@example.com", "unix@example.com"] {
        assert!(stored.by_email("ABC123", email).is_some(), "{email}");
    }
}

#[test]
fn operators_are_served_at_a_unix_socket() {
    let home = Home::new();
    let path = home.directory().join("admin.sock");
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--config"]);
    command.arg(home.config()).arg("--data-dir").arg(home.data_dir());
    command.arg(format!("--admin-listen=unix:{}", path.display()));
    let gateway = Serving::start(command);
    let ask = |target: &str| Connection::open_unix(&path).exchange(&RawRequest::new("GET", target));
    assert_eq!(ask("/health/ready").status, 200);
    assert!(ask("/metrics").text().contains("gateway_ready 1\n"));
    gateway.stop().assert_exit(0);
    assert!(!path.exists());
}

#[test]
fn the_file_and_the_environment_name_several_addresses() {
    let home = Home::new();
    let config = fs::read_to_string(home.config()).unwrap();
    let socket = socket(&home);
    let listen = format!("listen = [\"127.0.0.1:0\", \"unix:{socket}\"]\n");
    let listen = format!("{listen}unix_socket_mode = \"600\"\nadmin_listen = \"127.0.0.1:0\"\n");
    fs::write(home.config(), format!("{listen}{config}")).unwrap();
    let mut by_file = home.command(&["serve", "--config"]);
    by_file.arg(home.config()).arg("--data-dir").arg(home.data_dir());
    let gateway = Serving::start(by_file);
    assert_eq!(addresses(&gateway, "listen").len(), 2);
    assert_eq!(path(&home).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    gateway.stop().assert_exit(0);

    let mut by_environment = home.command(&["serve", "--config"]);
    by_environment.arg(home.config()).arg("--data-dir").arg(home.data_dir());
    by_environment.env("GATEWAY_LISTEN", format!("unix:{socket},127.0.0.1:0,127.0.0.1:0"));
    let gateway = Serving::start(by_environment);
    assert_eq!(addresses(&gateway, "listen").len(), 3);
    send(&home, &RawRequest::email("ann@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
}

#[test]
fn a_proxy_at_a_unix_socket_reports_the_address_of_the_client() {
    let home = Home::new();
    let gateway = Serving::start(command(&home));
    let refused = RawRequest::profile("{");
    assert_eq!(send(&home, &refused).status, 400);
    gateway.logged("\"client\":\"127.0.0.1\"");
    let forwarded = refused.clone().with("X-Forwarded-For", "198.51.100.9, 192.0.2.1");
    assert_eq!(send(&home, &forwarded).status, 400);
    gateway.logged("\"client\":\"192.0.2.1\"");
    // A client over TCP cannot invent an address.
    let invented = refused.with("X-Forwarded-For", "192.0.2.77");
    assert_eq!(gateway.send(&invented).status, 400);
    let malformed = "GET /nothing\r\n\r\n";
    let mut connection = connect(&home);
    assert!(connection.send(malformed));
    assert_eq!(connection.receive().status, 400);
    let finished = gateway.stop();
    assert!(!finished.output.contains("192.0.2.77"), "{}", finished.output);
}

#[test]
fn the_networks_behind_a_unix_socket_have_limits_of_their_own() {
    let home = Home::configured(
        "[[company]]\nid = \"ABC123\"\nnetwork_limits = { burst = 2, steady = 2 }\n",
    );
    let gateway = Serving::start(command(&home));
    let from = |address: &str| {
        send(&home, &RawRequest::email("ann@example.com").with("X-Forwarded-For", address)).status
    };
    assert_eq!([1, 2, 3].map(|_| from("192.0.2.1")), [202, 202, 429]);
    assert_eq!(from("192.0.2.2"), 202);
    let finished = gateway.stop();
    // A proxy that is trusted already need not be named.
    assert!(!finished.output.contains("trusted_proxies"), "{}", finished.output);
}

#[test]
fn links_have_the_scheme_that_a_proxy_at_a_unix_socket_reports() {
    let home = Home::configured(&format!(
        "[[company]]\nid = \"ABC123\"\n{}",
        crate::api::key("all", crate::api::KEY, "\"profiles:read\"")
    ));
    let gateway = Serving::start(command(&home));
    let request = crate::api::asking("GET", "/api/profiles");
    let link = |request: &RawRequest| send(&home, request).json()["links"]["self"].to_string();
    assert!(link(&request).contains("\"http://gateway/api/profiles"), "{}", link(&request));
    let request = request.with("X-Forwarded-Proto", "https").with("X-Forwarded-Host", "a.example");
    assert!(link(&request).contains("\"https://a.example/api/profiles"), "{}", link(&request));
    gateway.stop().assert_exit(0);
}

#[test]
fn the_limit_on_connections_holds_over_all_listeners_together() {
    const MOST: u64 = 6;
    let home = Home::configured(&format!(
        "connections = {{ most = {MOST}, per_network = 2 }}\n[[company]]\nid = \"ABC123\"\n"
    ));
    let gateway = Serving::start(command(&home));
    let request = RawRequest::email("ann@example.com");
    let idle_at_socket = |_: usize| {
        let mut connection = connect(&home);
        connection.exchange(&request).assert_accepted();
        connection
    };
    // Connections of a proxy on this machine are not those of one small network.
    let mut at_socket: Vec<_> = (0..5).map(idle_at_socket).collect();
    at_socket.iter_mut().for_each(|open| open.exchange(&request).assert_accepted());
    let others: Vec<_> = (0..6)
        .map(|number: u8| {
            let mut connection = gateway.connect_from(Ipv4Addr::new(127, 0, 0, 2 + number % 2));
            connection.exchange(&request).assert_accepted();
            assert!(gateway.meter("gateway_connections") <= MOST);
            connection
        })
        .collect();
    let closed = gateway.meter(r#"gateway_connections_closed_total{reason="idle"}"#);
    assert_eq!(closed, 5 + 6 - MOST);
    at_socket.iter_mut().for_each(|open| open.exchange(&request).assert_accepted());
    drop(others);
}

#[test]
fn trusted_proxies_have_more_connections_than_one_network_until_a_reload_trusts_them_no_more() {
    let settings = "connections = { most = 20, per_network = 2 }\n";
    let company = "[[company]]\nid = \"ABC123\"\n";
    let home =
        Home::configured(&format!("{settings}trusted_proxies = [\"127.0.0.2/31\"]\n{company}"));
    let gateway = home.serve();
    let request = RawRequest::email("ann@example.com");
    let closed = || gateway.meter(r#"gateway_connections_closed_total{reason="idle"}"#);
    let open = |address: [u8; 4]| {
        let mut connection = gateway.connect_from(Ipv4Addr::from(address));
        connection.exchange(&request).assert_accepted();
        connection
    };
    let proxied: Vec<_> = (0..5).map(|_| open([127, 0, 0, 3])).collect();
    assert_eq!(closed(), 0);
    let others: Vec<_> = (0..5).map(|_| open([127, 0, 0, 4])).collect();
    assert_eq!(closed(), 3);
    home.configure(&format!("{settings}{company}"));
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    let more = open([127, 0, 0, 3]);
    assert_eq!(closed(), 4);
    drop((proxied, others, more));
}

#[test]
fn the_socket_of_a_process_that_was_killed_is_replaced() {
    let home = Home::new();
    let gateway = Serving::start(command(&home));
    gateway.kill();
    assert!(path(&home).exists());
    let gateway = Serving::start(command(&home));
    assert_eq!(path(&home).metadata().unwrap().permissions().mode() & 0o777, 0o660);
    send(&home, &RawRequest::email("ann@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    assert!(!path(&home).exists());
}

#[test]
fn a_socket_at_which_another_process_listens_is_named_and_left_alone() {
    let home = Home::new();
    let listener = UnixListener::bind(path(&home)).unwrap();
    let refused = start_refused(&home);
    let expected = format!("cannot listen on unix:{}: another process listens", socket(&home));
    refused.assert_output(&expected);
    UnixStream::connect(path(&home)).unwrap();
    drop(listener);
}

#[test]
fn a_file_that_is_no_socket_is_named_and_left_alone() {
    let home = Home::new();
    fs::write(path(&home), "text").unwrap();
    start_refused(&home).assert_output("the file exists and is no socket");
    assert_eq!(fs::read_to_string(path(&home)).unwrap(), "text");
}

#[test]
fn a_start_that_fails_removes_the_socket_it_made() {
    let home = Home::new();
    fs::write(home.data_dir(), "no directory").unwrap();
    finish(&mut command(&home)).assert_exit(1);
    assert!(!path(&home).exists());
}

#[test]
fn addresses_that_a_reload_changes_need_a_restart() {
    let home = Home::new();
    let config = fs::read_to_string(home.config()).unwrap();
    let write = |settings: &str| fs::write(home.config(), format!("{settings}{config}")).unwrap();
    write(&format!("listen = \"unix:{}\"\nadmin_listen = \"127.0.0.1:0\"\n", socket(&home)));
    let mut command = home.command(&["serve", "--config"]);
    command.arg(home.config()).arg("--data-dir").arg(home.data_dir());
    let gateway = Serving::start(command);
    write("listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nunix_socket_mode = \"666\"\n");
    gateway.signal("HUP");
    let line = gateway.logged("these new settings need a restart");
    assert!(line.contains("\"listen, unix_socket_mode\""), "{line}");
    assert!(path(&home).metadata().unwrap().file_type().is_socket());
    send(&home, &RawRequest::email("ann@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
}

#[test]
fn development_announces_a_command_for_a_unix_socket_that_works() {
    let home = Home::new();
    let mut command = home.command(&["dev", "--admin-listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(home.data_dir()).arg(format!("--listen=unix:{}", socket(&home)));
    let gateway = Serving::start(command);
    let lines = ["curl -i ", "-H ", "-d "].map(|start| gateway.logged(start));
    let announced = lines.join("\n");
    assert!(announced.contains(&format!("--unix-socket '{}'", socket(&home))), "{announced}");
    match Command::new("sh").args(["-c", &announced]).output() {
        Ok(output) if output.status.success() => {
            let answer = String::from_utf8(output.stdout).unwrap();
            assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
        }
        // There is no curl here.
        _ => assert!(Command::new("curl").arg("--version").output().is_err(), "{announced}"),
    }
    gateway.stop().assert_exit(0);
}
