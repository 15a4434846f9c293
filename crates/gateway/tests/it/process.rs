//! The process: what was answered stays, whatever ends it, and signals are obeyed.

use std::{fs, net::TcpListener, path::PathBuf, sync::Mutex, thread, time::Duration};

use crate::{
    serving::{Home, Serving, finish},
    stop_flag::StopFlag,
    stored::{StoredProfiles, stored},
    wire::{self, Connection, RawRequest, TEST_TIMEOUT},
};

/// Four clients that send new people, one after the other, as fast as they are
/// answered.
#[derive(Default)]
struct ProcessLoad {
    acknowledged: Mutex<Vec<String>>,
    enough: StopFlag,
}

impl ProcessLoad {
    /// Sends until the connections end, or `meanwhile` returns.
    fn during(&self, gateway: &Serving, name: &str, meanwhile: impl FnOnce()) {
        thread::scope(|scope| {
            for sender in 0..4 {
                scope.spawn(move || self.send(gateway, &format!("{name}.{sender}")));
            }
            let _ends = self.enough.set_on_drop();
            meanwhile();
        });
    }

    fn send(&self, gateway: &Serving, sender: &str) {
        let mut connection = gateway.connect();
        for number in 0.. {
            let email = format!("{sender}.{number}@example.com");
            if self.enough.is_set() || !connection.send(RawRequest::email(&email).bytes()) {
                return;
            }
            let Some(answer) = connection.receive_or_end() else { return };
            answer.assert_accepted();
            self.acknowledged.lock().unwrap().push(email);
        }
    }

    /// Waits until this many were acknowledged.
    fn wait_for(&self, count: usize) {
        let pause = Duration::from_millis(2);
        let pauses = TEST_TIMEOUT.as_millis() / pause.as_millis();
        let enough = (0..pauses).any(|_| {
            thread::sleep(pause);
            count <= self.acknowledged.lock().unwrap().len()
        });
        assert!(enough, "{count} requests take longer than {TEST_TIMEOUT:?}");
    }

    /// Asserts that every acknowledged request is in the store.
    fn assert_stored(&self, stored: &StoredProfiles) {
        let acknowledged = self.acknowledged.lock().unwrap();
        let lost = |email: &&String| stored.by_email("ABC123", email).is_none();
        let lost: Vec<&String> = acknowledged.iter().filter(lost).collect();
        assert!(lost.is_empty(), "of {} these are lost: {lost:?}", acknowledged.len());
    }
}

const UNLIMITED: &str = "[[company]]\nid = \"ABC123\"\n\
                         limits = { burst = 1000000, steady = 1000000 }\n\
                         network_limits = { burst = 1000000, steady = 1000000 }\n";

/// A request whose body the gateway waits for, and that body.
fn in_flight(gateway: &Serving) -> (Connection, Vec<u8>) {
    let request = RawRequest::email("sarah.mason@klaviyo-demo.com").with("Expect", "100-continue");
    let (head, whole) = (request.head(), request.bytes());
    let mut connection = gateway.connect();
    assert!(connection.send(&head));
    assert_eq!(connection.receive().status, 100);
    (connection, whole[head.len()..].to_vec())
}

#[test]
fn what_was_acknowledged_survives_a_process_that_is_killed_at_once() {
    let home = Home::new();
    let gateway = home.serve();
    gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
    gateway.kill();
    home.serve().stop().assert_exit(0);
    home.verify().assert_exit(0);
    assert!(
        StoredProfiles::open(&home).by_email("ABC123", "sarah.mason@klaviyo-demo.com").is_some()
    );
}

#[test]
fn what_was_acknowledged_under_load_survives_being_killed_again_and_again() {
    let home = Home::configured(UNLIMITED);
    let loads: [ProcessLoad; 5] = Default::default();
    for (round, load) in loads.iter().enumerate() {
        let gateway = home.serve();
        load.during(&gateway, &format!("round{round}"), || {
            // Each round in another phase of what the store does.
            load.wait_for(20 + 61 * round);
            gateway.signal("KILL");
        });
        assert!(!gateway.wait().status.success());
    }
    home.serve().stop().assert_exit(0);
    home.verify().assert_exit(0);
    let stored = StoredProfiles::open(&home);
    loads.iter().for_each(|load| load.assert_stored(&stored));
}

#[test]
fn a_clean_stop_finishes_what_is_in_flight_and_stores_it() {
    let home = Home::new();
    let gateway = home.serve();
    let (mut connection, body) = in_flight(&gateway);
    gateway.signal("TERM");
    gateway.logged("stopping");
    thread::sleep(Duration::from_millis(200));
    assert!(connection.send(body));
    connection.receive().assert_accepted();
    let finished = gateway.wait();
    finished.assert_exit(0);
    finished.assert_output("all accepted requests are stored");
    home.verify().assert_exit(0);
    assert!(
        StoredProfiles::open(&home).by_email("ABC123", "sarah.mason@klaviyo-demo.com").is_some()
    );
}

#[test]
fn a_clean_stop_under_load_stores_all_that_was_acknowledged_and_exits_0() {
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let load = ProcessLoad::default();
    load.during(&gateway, "load", || {
        load.wait_for(100);
        gateway.signal("TERM");
        gateway.logged("all accepted requests are stored");
    });
    gateway.wait().assert_exit(0);
    let stored = StoredProfiles::open(&home);
    assert!(stored.audit().breaches.is_empty());
    load.assert_stored(&stored);
}

#[test]
fn a_clean_stop_does_not_wait_for_connections_on_which_nothing_is_asked() {
    let home = Home::new();
    let mut gateway = home.serve();
    let mut idle = gateway.connect();
    idle.exchange(&RawRequest::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
    let mut silent = gateway.connect();
    gateway.signal("TERM");
    // Far less than it would wait for a request in flight, which is 30 seconds.
    assert!(gateway.ends_within(Duration::from_secs(15)), "it is still running");
    gateway.wait().assert_exit(0);
    assert!(idle.ends() && silent.ends());
}

#[test]
fn an_interrupt_stops_like_a_terminate() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    gateway.signal("INT");
    gateway.wait().assert_exit(0);
}

#[test]
fn signals_are_obeyed_from_the_moment_it_serves() {
    for _ in 0..5 {
        let gateway = Home::new();
        let gateway = gateway.serve();
        gateway.signal("TERM");
        gateway.wait().assert_exit(0);
    }
}

#[test]
fn a_reload_serves_the_companies_that_the_file_names_now() {
    let home = Home::configured("[[company]]\nid = \"ABC123\"\n");
    let gateway = home.serve();
    let request = RawRequest::email("sarah.mason@klaviyo-demo.com");
    assert_eq!(gateway.send(&request.clone().of("NEW001")).status, 400);
    let mut kept = gateway.connect();
    kept.exchange(&request).assert_accepted();
    home.configure("[[company]]\nid = \"NEW001\"\n[[company]]\nid = \"ABC123\"\n");
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    gateway.send(&request.clone().of("NEW001")).assert_accepted();
    // Neither connections nor what was used of a window are lost.
    let answer = kept.exchange(&request);
    answer.assert_accepted();
    assert_eq!(answer.header("Ratelimit-Remaining"), Some("3498"));
    home.configure("[[company]]\nid = \"NEW001\"\n");
    gateway.signal("HUP");
    gateway.logged(r#""companies":1"#);
    assert_eq!(kept.exchange(&request).status, 400);
}

#[test]
fn a_file_that_is_wrong_is_refused_whole_and_the_old_one_stays() {
    let home = Home::configured("[[company]]\nid = \"ABC123\"\n");
    let gateway = home.serve();
    // The first company of the bad file is right.
    home.configure("[[company]]\nid = \"NEW001\"\n[[company]]\nid = \"not right\"\n");
    gateway.signal("HUP");
    let line = gateway.logged("the configuration was not reloaded");
    assert!(line.contains("company[#2].id"), "{line}");
    let request = RawRequest::email("sarah.mason@klaviyo-demo.com");
    gateway.send(&request).assert_accepted();
    assert_eq!(gateway.send(&request.of("NEW001")).status, 400);
}

#[test]
fn tokens_outlive_a_reload_and_a_restart_when_their_key_is_configured() {
    let key = "0f".repeat(32);
    let home =
        Home::configured(&format!("exchange_keys = [\"{key}\"]\n[[company]]\nid = \"ABC123\"\n"));
    let gateway = home.serve();
    let body = r#"{"data":{"type":"profile","attributes":{"anonymous_id":"tab"}}}"#;
    let request = RawRequest::profile(body).with("X-Klaviyo-Onsite", "1");
    let answer = gateway.send(&request).json();
    let token = answer["meta"]["exchange_id"].as_str().unwrap();
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    gateway.stop().assert_exit(0);
    let gateway = home.serve();
    let body = format!(
        r#"{{"data":{{"type":"profile","attributes":{{"_kx":"{token}","title":"Engineer"}}}}}}"#
    );
    gateway.send(&RawRequest::profile(body)).assert_accepted();
    assert_eq!(gateway.meter(r#"gateway_profiles_total{effect="updated"}"#), 1);
}

#[test]
fn a_second_process_on_the_same_data_says_so_and_leaves_the_first_alone() {
    let home = Home::new();
    let gateway = home.serve();
    let second = finish(&mut home.serve_command());
    second.assert_exit(1);
    second.assert_output(&format!("cannot open the store in {}", home.data_dir().display()));
    second.assert_output("another process is using this data directory");
    let verified = home.verify();
    verified.assert_exit(1);
    verified.assert_output("another process is using this data directory");
    gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    home.verify().assert_exit(0);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for (flag, other) in [("--listen", "--admin-listen"), ("--admin-listen", "--listen")] {
        let mut command = home.command(&["serve", flag, &taken, other, "127.0.0.1:0"]);
        let finished = finish(command.arg("--config").arg(home.config()));
        finished.assert_exit(1);
        finished.assert_output(&format!("gateway: cannot listen on {taken}: "));
    }
    assert!(!home.directory().join("data").exists(), "nothing was opened");
}

#[test]
fn the_store_of_a_stopped_gateway_is_verified_and_a_missing_one_is_not() {
    let home = Home::new();
    let missing = home.verify();
    missing.assert_exit(1);
    missing.assert_output(&format!("there is no store in {}", home.data_dir().display()));
    assert!(!home.data_dir().exists(), "looking for a store does not make one");
    let gateway = home.serve();
    gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    let verified = home.verify();
    verified.assert_exit(0);
    verified.assert_output("profiles: 1, identifiers: 1, aliases: 0, outcomes: 1, merges: 0");
}

#[test]
fn a_store_is_verified_without_a_change_to_it_even_after_its_gateway_was_killed() {
    let home = Home::new();
    let gateway = home.serve();
    gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
    gateway.kill();
    let content = |path: PathBuf| (fs::read(&path).unwrap(), path);
    let contents = || {
        let directories = [home.data_dir(), home.data_dir().join("journal")];
        let entries = directories.iter().flat_map(|directory| fs::read_dir(directory).unwrap());
        let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let mut contents: Vec<_> = paths.map(content).collect();
        contents.sort();
        contents
    };
    let before = contents();
    let verified = home.verify();
    verified.assert_exit(0);
    verified.assert_output("profiles: 1, identifiers: 1, aliases: 0, outcomes: 1, merges: 0");
    assert!(contents() == before);
    fs::remove_dir_all(home.data_dir().join("journal")).unwrap();
    let verified = home.verify();
    verified.assert_exit(1);
    verified.assert_output("0000000000000001.journal is missing");
}

#[test]
fn a_data_directory_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    home.serve().stop().assert_exit(0);
    let mode = home.data_dir().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn health_is_served_until_the_end() {
    let home = Home::new();
    let gateway = home.serve();
    let (mut connection, body) = in_flight(&gateway);
    gateway.signal("TERM");
    gateway.logged("stopping");
    assert_eq!(wire::exchange(gateway.admin, &RawRequest::new("GET", "/health/live")).status, 200);
    assert!(connection.send(body));
    connection.receive().assert_accepted();
    gateway.wait().assert_exit(0);
}

#[test]
fn verify_names_what_is_damaged_and_no_personal_value() {
    let home = Home::new();
    let gateway = home.serve();
    let body = r#"{"data":{"type":"profile","attributes":{"email":"ann@example.com"}}}"#;
    gateway.send(&RawRequest::profile(body)).assert_accepted();
    // As docs/STORAGE.md draws the key of an address.
    stored(&home, gateway, 1).lose(b"ABC123\0ieann@example.com");
    let mut verified = home.verify();
    // sled's own threads may hold the directory a little longer.
    let attempts = TEST_TIMEOUT.as_millis() / 50;
    for _ in 0..attempts {
        if !verified.output.contains("another process is using") {
            break;
        }
        thread::sleep(Duration::from_millis(50));
        verified = home.verify();
    }
    verified.assert_exit(1);
    verified.assert_output("breach: company ABC123: profile ");
    verified.assert_output("its email has no entry");
    verified.assert_output("breaches: 1");
    assert!(!verified.output.contains("ann@"), "{}", verified.output);
}
