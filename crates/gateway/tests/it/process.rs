//! The process: what was answered stays, whatever ends it, and signals are obeyed.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::{
    serving::{Home, Serving, finish},
    stored::Stored,
    wire::{self, Request},
};

/// Sends new people one after the other until the connection breaks or it is told
/// to stop, and returns those that were acknowledged.
fn send_until(gateway: &Serving, sender: &str, enough: &AtomicBool) -> Vec<String> {
    let mut connection = gateway.connect();
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let email = format!("{sender}.{number}@example.com");
        if enough.load(Ordering::Relaxed) || !connection.send(Request::email(&email).bytes()) {
            break;
        }
        match connection.receive_or_end() {
            Some(answer) => answer.assert_accepted(),
            None => break,
        }
        acknowledged.push(email);
    }
    acknowledged
}

const UNLIMITED: &str = "[[company]]\nid = \"ABC123\"\n\
                         limits = { burst = 1000000, steady = 1000000 }\n";

#[test]
fn what_was_acknowledged_survives_a_process_that_is_killed_at_once() {
    let home = Home::new();
    let gateway = home.serve();
    gateway.send(&Request::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
    gateway.kill();
    home.serve().stop().assert_exit(0);
    home.verify().assert_exit(0);
    assert!(Stored::open(&home).by_email("ABC123", "sarah.mason@klaviyo-demo.com").is_some());
}

#[test]
fn what_was_acknowledged_under_load_survives_being_killed_again_and_again() {
    let home = Home::configured(UNLIMITED);
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let gateway = home.serve();
        let never = AtomicBool::new(false);
        let sent: Vec<Vec<String>> = thread::scope(|scope| {
            let senders: Vec<_> = (0..4)
                .map(|sender| {
                    let (gateway, never) = (&gateway, &never);
                    let sender = format!("round{round}.sender{sender}");
                    scope.spawn(move || send_until(gateway, &sender, never))
                })
                .collect();
            // Each round in another phase of what the store does.
            thread::sleep(Duration::from_millis(150 + 37 * round));
            gateway.signal("KILL");
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        assert!(!gateway.wait().status.success());
        assert!(sent.iter().any(|sent| !sent.is_empty()), "round {round} sent nothing");
        acknowledged.extend(sent.into_iter().flatten());
    }
    home.serve().stop().assert_exit(0);
    home.verify().assert_exit(0);
    let stored = Stored::open(&home);
    let lost: Vec<&String> =
        acknowledged.iter().filter(|email| stored.by_email("ABC123", email).is_none()).collect();
    assert!(lost.is_empty(), "of {} these are lost: {lost:?}", acknowledged.len());
}

#[test]
fn a_clean_stop_finishes_what_is_in_flight_and_stores_it() {
    let home = Home::new();
    let gateway = home.serve();
    let request = Request::email("sarah.mason@klaviyo-demo.com").with("Expect", "100-continue");
    let (head, whole) = (request.head(), request.bytes());
    let mut connection = gateway.connect();
    assert!(connection.send(&head));
    // From here on the gateway waits for the body.
    assert_eq!(connection.receive().status, 100);
    gateway.signal("TERM");
    gateway.logged("stopping");
    thread::sleep(Duration::from_millis(200));
    assert!(connection.send(&whole[head.len()..]));
    connection.receive().assert_accepted();
    let finished = gateway.wait();
    finished.assert_exit(0);
    finished.assert_told("everything accepted is stored");
    home.verify().assert_exit(0);
    assert!(Stored::open(&home).by_email("ABC123", "sarah.mason@klaviyo-demo.com").is_some());
}

#[test]
fn a_clean_stop_under_load_stores_all_that_was_acknowledged_and_exits_0() {
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let enough = AtomicBool::new(false);
    let acknowledged: Vec<String> = thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let (gateway, enough) = (&gateway, &enough);
                scope.spawn(move || send_until(gateway, &format!("sender{sender}"), enough))
            })
            .collect();
        thread::sleep(Duration::from_millis(300));
        gateway.signal("TERM");
        gateway.logged("everything accepted is stored");
        enough.store(true, Ordering::Relaxed);
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    gateway.wait().assert_exit(0);
    assert!(!acknowledged.is_empty());
    let stored = Stored::open(&home);
    let audit = stored.audit();
    assert!(audit.breaches.is_empty());
    assert!(acknowledged.len() as u64 <= audit.profiles);
    for email in &acknowledged {
        assert!(stored.by_email("ABC123", email).is_some(), "{email}");
    }
}

#[test]
fn a_clean_stop_does_not_wait_for_connections_on_which_nothing_is_asked() {
    let home = Home::new();
    let mut gateway = home.serve();
    let mut idle = gateway.connect();
    idle.exchange(&Request::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
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
    let request = Request::email("sarah.mason@klaviyo-demo.com");
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
    let request = Request::email("sarah.mason@klaviyo-demo.com");
    gateway.send(&request).assert_accepted();
    assert_eq!(gateway.send(&request.of("NEW001")).status, 400);
}

#[test]
fn tokens_outlive_a_reload_and_a_restart_when_their_key_is_configured() {
    let key = "0f".repeat(32);
    let home =
        Home::configured(&format!("exchange_keys = [\"{key}\"]\n[[company]]\nid = \"ABC123\"\n"));
    let gateway = home.serve();
    let request = Request::email("sarah.mason@klaviyo-demo.com").with("X-Klaviyo-Onsite", "1");
    let answer = gateway.send(&request).json();
    let token = answer["meta"]["exchange_id"].as_str().unwrap();
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    gateway.stop().assert_exit(0);
    let gateway = home.serve();
    let body = format!(
        r#"{{"data":{{"type":"profile","attributes":{{"_kx":"{token}","title":"Engineer"}}}}}}"#
    );
    gateway.send(&Request::profile(body)).assert_accepted();
    assert_eq!(gateway.meter(r#"gateway_profiles_total{effect="updated"}"#), 1);
}

#[test]
fn a_second_process_on_the_same_data_says_so_and_leaves_the_first_alone() {
    let home = Home::new();
    let gateway = home.serve();
    let second = finish(&mut home.serve_command());
    second.assert_exit(1);
    second.assert_told(&format!("cannot open the store in {}", home.data_dir().display()));
    second.assert_told("another process is using this data directory");
    let verified = home.verify();
    verified.assert_exit(1);
    verified.assert_told("another process is using this data directory");
    gateway.send(&Request::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
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
        finished.assert_told(&format!("gateway: cannot listen on {taken}: "));
    }
    assert!(!home.directory().join("data").exists(), "nothing was opened");
}

#[test]
fn the_store_of_a_stopped_gateway_is_verified_and_a_missing_one_is_not() {
    let home = Home::new();
    let missing = home.verify();
    missing.assert_exit(1);
    missing.assert_told(&format!("there is no store in {}", home.data_dir().display()));
    assert!(!home.data_dir().exists(), "looking for a store does not make one");
    let gateway = home.serve();
    gateway.send(&Request::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    let verified = home.verify();
    verified.assert_exit(0);
    verified.assert_told("profiles: 1, identifiers: 1, aliases: 0, outcomes: 1, merges: 0");
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
fn health_is_told_until_the_end() {
    let home = Home::new();
    let gateway = home.serve();
    let request = Request::email("sarah.mason@klaviyo-demo.com").with("Expect", "100-continue");
    let (head, whole) = (request.head(), request.bytes());
    let mut connection = gateway.connect();
    assert!(connection.send(&head));
    assert_eq!(connection.receive().status, 100);
    gateway.signal("TERM");
    gateway.logged("stopping");
    assert_eq!(wire::exchange(gateway.admin, &Request::new("GET", "/health/live")).status, 200);
    assert!(connection.send(&whole[head.len()..]));
    connection.receive().assert_accepted();
    gateway.wait().assert_exit(0);
}
