//! What supervisors such as systemd and container engines rely on: notices, health and secrets.

use std::{fs, io, net::TcpListener, os::unix::net::UnixDatagram, thread, time::Duration};

use crate::{
    serving::{Home, Serving, finish},
    wire::{RawRequest, TEST_TIMEOUT},
};

/// The next notice that a supervisor receives.
fn received(supervisor: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let length = supervisor.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn a_supervisor_is_told_when_it_serves_and_when_it_stops() {
    let home = Home::new();
    let socket = home.directory().join("notify");
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    supervisor.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let mut command = home.serve_command();
    command.env("NOTIFY_SOCKET", &socket);
    let gateway = Serving::start(command);
    assert_eq!(received(&supervisor), "READY=1");
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    assert_eq!(received(&supervisor), "STOPPING=1");
    supervisor.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(supervisor.recv(&mut [0; 8]).is_err());
}

#[test]
fn a_supervisor_that_is_gone_does_not_stop_the_gateway() {
    let home = Home::new();
    let mut command = home.serve_command();
    command.env("NOTIFY_SOCKET", home.directory().join("nothing"));
    let gateway = Serving::start(command);
    gateway.logged("the supervisor that asks to be told was not told");
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
}

#[test]
fn the_health_command_says_whether_the_gateway_is_ready_and_why_not() {
    let home = Home::new();
    let gateway = home.serve();
    let admin = gateway.admin.to_string();
    let ask = || finish(&mut home.command(&["health", "--admin-listen", &admin]));
    let ready = ask();
    ready.assert_exit(0);
    ready.assert_output("is ready");
    gateway.stop().assert_exit(0);
    let stopped = ask();
    stopped.assert_exit(1);
    stopped.assert_output(&format!("gateway: the gateway at {admin} does not answer: "));

    // More free space than any disk has.
    let mut command = home.serve_command();
    command.args(["--client-free-mib", "16777216"]);
    let gateway = Serving::start(command);
    let config = fs::read_to_string(home.config()).unwrap();
    fs::write(home.config(), format!("admin_listen = \"{}\"\n{config}", gateway.admin)).unwrap();
    let unready = finish(home.command(&["health", "--config"]).arg(home.config()));
    unready.assert_exit(1);
    unready.assert_output(&format!("gateway: the gateway at {} is not ready: ", gateway.admin));
    unready.assert_output("disk space");
}

#[test]
fn something_else_at_the_address_is_not_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let other = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        io::Write::write_all(&mut connection, b"SSH-2.0-x\r\n").unwrap();
    });
    let home = Home::new();
    let checked = finish(&mut home.command(&["health", "--admin-listen", &address]));
    checked.assert_exit(1);
    other.join().unwrap();
}

#[test]
fn the_default_file_that_is_printed_is_valid_and_so_is_the_schema() {
    let home = Home::new();
    let printed = finish(&mut home.command(&["config", "--print-default"]));
    printed.assert_exit(0);
    fs::write(home.config(), &printed.output).unwrap();
    let checked = finish(home.command(&["check", "--config"]).arg(home.config()));
    checked.assert_exit(0);
    checked.assert_output("companies: 1, keys: 0");
    let printed = finish(&mut home.command(&["config", "--schema"]));
    let schema: serde_json::Value = serde_json::from_str(&printed.output).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    finish(&mut home.command(&["config"])).assert_exit(2);
}

#[test]
fn the_configuration_in_force_is_printed_without_secrets_wherever_they_come_from() {
    let key = "c0ffee11".repeat(8);
    let home = Home::configured(
        "exchange_keys_env = \"SHOP_KEYS\"\n[[company]]\nid = \"ABC123\"\n\
         signed_identity = { keys_file = \"keys\" }\n",
    );
    fs::write(home.directory().join("keys"), format!("{key}\n")).unwrap();
    let mut command = home.command(&["config", "--print", "--config"]);
    command.arg(home.config()).env("GATEWAY_DRAIN_SECONDS", "9");
    command.env("SHOP_KEYS", format!("{key}\n{key}\n"));
    let printed = finish(&mut command);
    printed.assert_exit(0);
    printed.assert_output("exchange_keys = [\"(not shown)\", \"(not shown)\"]\n");
    printed.assert_output("signed_identity = { keys = [\"(not shown)\"] }\n");
    printed.assert_output("drain_seconds = 9\n");
    assert!(!printed.output.contains("c0ffee"), "{}", printed.output);
    // Without the variable nothing is printed but the reason.
    let refused = finish(home.command(&["config", "--print", "--config"]).arg(home.config()));
    refused.assert_exit(1);
    refused.assert_output("exchange_keys_env must name an environment variable that is set");
}

#[test]
fn a_reload_reads_a_file_with_keys_again() {
    let home = Home::configured("exchange_keys_file = \"keys\"\n[[company]]\nid = \"ABC123\"\n");
    let (first, second) = ("0a".repeat(32), "0b".repeat(32));
    let keys = home.directory().join("keys");
    fs::write(&keys, format!("{first}\n")).unwrap();
    let gateway = home.serve();
    let body = r#"{"data":{"type":"profile","attributes":{"anonymous_id":"tab"}}}"#;
    let answer = gateway.send(&RawRequest::profile(body).with("X-Klaviyo-Onsite", "1")).json();
    let token = answer["meta"]["exchange_id"].as_str().unwrap().to_owned();
    let updated = |title: &str| {
        let body = format!(
            r#"{{"data":{{"type":"profile","attributes":{{"_kx":"{token}","title":"{title}"}}}}}}"#
        );
        gateway.send(&RawRequest::profile(body)).assert_accepted();
        gateway.meter(r#"gateway_profiles_total{effect="updated"}"#)
    };
    assert_eq!(updated("Engineer"), 1);
    let reloads = || gateway.written().matches("reloaded the configuration").count();
    for (content, expected) in [(format!("{second}\n"), 1), (format!("{second}\n{first}\n"), 2)] {
        fs::write(&keys, &content).unwrap();
        let before = reloads();
        gateway.signal("HUP");
        while reloads() == before {
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(updated(&format!("Title {expected}")), expected);
    }
    // A file without keys is refused, and the keys of before count.
    fs::write(&keys, "nonsense\n").unwrap();
    gateway.signal("HUP");
    gateway.logged("exchange_keys_file names secrets of which line 1 must be");
    assert_eq!(updated("Director"), 3);
    let output = gateway.stop().output;
    assert!(!output.contains("nonsense") && !output.contains("0a0a"), "{output}");
}
