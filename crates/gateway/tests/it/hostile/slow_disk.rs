//! Disks that are slow, hang or are almost full: refusals that say so instead of silence, nothing
//! lost, and service again without a restart.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    Form, UNLIMITED, Watch, company_deletion,
    disk::Small,
    figure,
    preload::{DiskSwitch, WatchedDisk},
    report, wait_until_released,
};
use crate::{
    api::{KEY, asking, key},
    serving::{Home, Serving, finish, wait_until},
    stop_flag::StopFlag,
    stored::StoredProfiles,
    wire::{RawRequest, RawResponse, TEST_TIMEOUT},
};

const SENDERS: usize = 4;

/// A delay that no test waits for.
const HANGS_MS: u64 = 3_600_000;

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

/// A home whose requests wait for the disk for a second at most.
fn impatient_home(settings: &str) -> Home {
    Home::configured(&format!("disk_wait_seconds = 1\n{settings}{UNLIMITED}{}", all_scopes()))
}

fn all_scopes() -> String {
    key("all", KEY, r#""profiles:read", "profiles:write", "data-privacy:write""#)
}

fn send(gateway: &Serving, number: usize) -> RawResponse {
    gateway.send(&RawRequest::email(&email(number)))
}

/// Sees that a request was refused for a reason, and says when to send it again.
#[track_caller]
fn assert_refused(answer: &RawResponse, detail: &str) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.has("Retry-After"), "{answer:?}");
    let document = answer.json();
    let given = document["errors"][0]["detail"].as_str().unwrap();
    assert!(given.contains(detail), "{given}");
}

/// People that were sent, by their numbers.
#[derive(Debug, Default)]
struct SlowLoad {
    numbers: AtomicUsize,
    acknowledged: Mutex<Vec<usize>>,
    refused: AtomicUsize,
}

impl SlowLoad {
    fn send_one(&self, gateway: &Serving) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let watch = Watch::start();
        let answer = send(gateway, number);
        assert!(watch.elapsed() < TEST_TIMEOUT, "silence");
        match answer.status {
            202 => self.acknowledged.lock().unwrap().push(number),
            503 => {
                assert!(answer.has("Retry-After"), "{answer:?}");
                self.refused.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
            other => panic!("answered {other}"),
        }
    }

    /// Sends while something else happens.
    fn during(&self, gateway: &Serving, meanwhile: impl FnOnce()) {
        let is_over = StopFlag::default();
        thread::scope(|scope| {
            let _ends = is_over.set_on_drop();
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    while !is_over.is_set() {
                        self.send_one(gateway);
                    }
                });
            }
            meanwhile();
        });
    }

    /// Sees that everything is stored that was acknowledged, once the gateway has ended.
    fn assert_kept(self, home: &Home) {
        home.verify().assert_exit(0);
        wait_until_released(home);
        let stored = StoredProfiles::open(home);
        let acknowledged = self.acknowledged.into_inner().unwrap();
        let lost: Vec<usize> = acknowledged
            .iter()
            .copied()
            .filter(|number| stored.by_email("ABC123", &email(*number)).is_none())
            .collect();
        figure("slow_disk_writes_acknowledged", acknowledged.len());
        figure("slow_disk_requests_refused", self.refused.into_inner());
        figure("writes_lost", lost.len());
        assert!(lost.is_empty(), "lost: {lost:?}");
    }
}

fn disk_wait_seconds(gateway: &Serving) -> f64 {
    let rendered = gateway.ask("/metrics");
    let find = |line: &str| line.strip_prefix("gateway_disk_wait_seconds ").map(str::to_owned);
    rendered.text().lines().find_map(find).unwrap().parse().unwrap()
}

fn is_ready(gateway: &Serving) -> bool {
    gateway.ask("/health/ready").status == 200
}

#[test]
fn requests_are_refused_while_the_disk_hangs_and_served_once_it_answers_and_nothing_is_lost() {
    let home = impatient_home("");
    let Some(disk) = WatchedDisk::at(&home.data_dir()) else { return };
    for switch in [DiskSwitch::SyncDelay, DiskSwitch::WriteDelay] {
        let mut command = home.serve_command();
        disk.watch(&mut command, None);
        let (gateway, load) = (Serving::start(command), SlowLoad::default());
        send(&gateway, 1_000_000).assert_accepted();
        disk.set(switch, HANGS_MS);
        let watch = Watch::start();
        let first = send(&gateway, 1_000_001);
        assert_refused(&first, "may have been stored or not");
        let waited = watch.elapsed();
        assert!(Duration::from_secs(1) <= waited && waited < Duration::from_secs(10), "{waited:?}");
        load.during(&gateway, || {
            let watch = Watch::start();
            assert_refused(&send(&gateway, 1_000_002), "Nothing of the request was stored");
            assert!(watch.elapsed() < Duration::from_secs(1), "{:?}", watch.elapsed());
            let ready = gateway.ask("/health/ready");
            assert_eq!(ready.status, 503);
            assert!(ready.text().contains("the disk does not answer"), "{}", ready.text());
            assert_eq!(gateway.ask("/health/live").status, 200);
            assert!(1.0 <= disk_wait_seconds(&gateway));
            assert!(gateway.meter("gateway_commit_queue_depth") <= 1_024);
            gateway.logged("the disk does not answer");
            disk.set(switch, 0);
            wait_until("ready", || is_ready(&gateway));
            gateway.logged("the disk answers again");
            let before = load.acknowledged.lock().unwrap().len();
            wait_until("served again", || before < load.acknowledged.lock().unwrap().len());
        });
        send(&gateway, 1_000_003).assert_accepted();
        figure("slow_disk_hangs_survived", 1);
        let finished = gateway.stop();
        finished.assert_exit(0);
        // Once for each time, however many requests were refused.
        assert_eq!(finished.output.matches("the disk does not answer").count(), 1);
        assert_eq!(finished.output.matches("the disk answers again").count(), 1);
        wait_until_released(&home);
        load.assert_kept(&home);
        wait_until_released(&home);
    }
}

#[test]
fn a_disk_of_any_slowness_loses_nothing() {
    let form = Form::asked();
    let home = impatient_home("");
    let Some(disk) = WatchedDisk::at(&home.data_dir()) else { return };
    let mut command = home.serve_command();
    disk.watch(&mut command, None);
    let (gateway, load) = (Serving::start(command), SlowLoad::default());
    let delays: &[u64] =
        form.pick(&[1, 30, 400, 1_500], &[1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000]);
    load.during(&gateway, || {
        for delay in delays {
            for switch in [DiskSwitch::WriteDelay, DiskSwitch::SyncDelay] {
                disk.set(switch, *delay);
                thread::sleep(Duration::from_millis(delay + 300));
                disk.set(switch, 0);
                wait_until("ready", || is_ready(&gateway));
                let before = load.acknowledged.lock().unwrap().len();
                wait_until("served", || before < load.acknowledged.lock().unwrap().len());
                figure("slow_disk_delays", 1);
            }
        }
    });
    report("slow_disk", format_args!("delays of {delays:?} ms"));
    gateway.stop().assert_exit(0);
    wait_until_released(&home);
    load.assert_kept(&home);
}

#[test]
fn a_request_behind_several_slow_commits_is_answered_as_soon_as_behind_one_that_hangs() {
    const LIMIT: Duration = Duration::from_secs(3);
    let home = Home::configured(&format!(
        "disk_wait_seconds = 3\n{UNLIMITED}api_limits_factor = 100\n{}",
        all_scopes()
    ));
    let Some(disk) = WatchedDisk::at(&home.data_dir()) else { return };
    let mut command = home.serve_command();
    disk.watch(&mut command, None);
    let gateway = Serving::start(command);
    let numbers = 0..6;
    numbers.clone().for_each(|number| send(&gateway, number).assert_accepted());
    // None of them is a wait over the limit.
    disk.set(DiskSwitch::SyncDelay, 2_000);
    let watch = Watch::start();
    // An erasure is a commit of its own.
    let answers: Vec<_> = thread::scope(|scope| {
        let erase = |number| (erase(&gateway, number), watch.elapsed());
        let erasing: Vec<_> =
            numbers.clone().map(|number| scope.spawn(move || erase(number))).collect();
        erasing.into_iter().map(|erased| erased.join().unwrap()).collect()
    });
    disk.set(DiskSwitch::SyncDelay, 0);
    let (erased, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(answer, _)| answer.status == 202);
    assert!(!erased.is_empty() && 2 <= refused.len(), "{answers:?}");
    for (answer, waited) in refused {
        assert_refused(answer, "did not answer within 3 seconds");
        assert_refused(answer, "may have been stored or not");
        assert!((LIMIT..2 * LIMIT + LIMIT / 2).contains(waited), "{waited:?}");
    }
    // What was refused while it was queued is carried out all the same.
    wait_until("all are erased", || list(&gateway).json()["data"] == serde_json::json!([]));
    let finished = gateway.stop();
    finished.assert_exit(0);
    assert!(!finished.output.contains("the disk does not answer"), "{}", finished.output);
    wait_until_released(&home);
}

#[test]
fn a_sync_that_fails_at_the_stop_is_an_error_and_no_panic_and_loses_nothing() {
    const INPUT_OUTPUT_ERROR: u64 = 5;
    let home = impatient_home("");
    let Some(disk) = WatchedDisk::at(&home.data_dir()) else { return };
    let mut command = home.serve_command();
    disk.watch(&mut command, None);
    let (gateway, load) = (Serving::start(command), SlowLoad::default());
    (0..20).for_each(|_| load.send_one(&gateway));
    disk.set(DiskSwitch::SyncError, INPUT_OUTPUT_ERROR);
    let finished = gateway.stop();
    finished.assert_exit(1);
    finished.assert_output("the store did not close");
    assert!(!finished.output.contains("panicked"), "{}", finished.output);
    let gateway = home.serve();
    gateway.stop().assert_exit(0);
    wait_until_released(&home);
    load.assert_kept(&home);
}

fn create(gateway: &Serving, number: usize) -> RawResponse {
    let attributes = format!(r#"{{"email":"{}"}}"#, email(number));
    let body = format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#);
    gateway.send(&asking("POST", "/api/profiles").body(body))
}

fn erase(gateway: &Serving, number: usize) -> RawResponse {
    let subject = format!(r#"{{"type":"profile","attributes":{{"email":"{}"}}}}"#, email(number));
    let attributes = format!(r#"{{"profile":{{"data":{subject}}}}}"#);
    let job = format!(r#"{{"type":"data-privacy-deletion-job","attributes":{attributes}}}"#);
    let body = format!(r#"{{"data":{job}}}"#);
    gateway.send(&asking("POST", "/api/data-privacy-deletion-jobs").body(body))
}

fn list(gateway: &Serving) -> RawResponse {
    gateway.send(&asking("GET", "/api/profiles"))
}

const FULL: &str = "Too little disk space is free";

#[test]
fn below_a_mark_clients_are_refused_first_then_servers_and_erasures_never() {
    let home = impatient_home("");
    let gateway = home.serve();
    send(&gateway, 0).assert_accepted();
    gateway.stop().assert_exit(0);
    wait_until_released(&home);
    for (server_mib, status) in [("0", 201), ("16777216", 503)] {
        let mut command = home.serve_command();
        // More than any disk has.
        command.args(["--client-free-mib", "16777216", "--server-free-mib", server_mib]);
        let gateway = Serving::start(command);
        assert_refused(&send(&gateway, 1), FULL);
        assert_eq!(create(&gateway, 2).status, status);
        assert_eq!(list(&gateway).status, 200);
        assert_eq!(erase(&gateway, 0).status, 202);
        let ready = gateway.ask("/health/ready");
        assert_eq!(ready.status, 503);
        assert!(ready.text().contains("disk space is free"), "{}", ready.text());
        assert!(0 < gateway.meter("gateway_disk_free_bytes"));
        gateway.logged("disk space is free");
        gateway.stop().assert_exit(0);
        wait_until_released(&home);
    }
    let stored = StoredProfiles::open(&home);
    assert!(stored.by_email("ABC123", &email(0)).is_none());
    assert!(stored.by_email("ABC123", &email(2)).is_some());
}

#[test]
fn a_disk_that_fills_up_stops_writes_before_it_is_full_and_is_used_again_once_there_is_space() {
    let form = Form::asked();
    let sizes: &[u32] = form.pick(&[40, 64], &[32, 40, 48, 64, 96, 128, 192, 256]);
    for size in sizes {
        let home = impatient_home("client_free_mib = 12\nserver_free_mib = 8\n");
        let Some(small) = Small::mount(&home.data_dir(), *size) else { return };
        let (gateway, load) = (home.serve(), SlowLoad::default());
        (0..20).for_each(|_| load.send_one(&gateway));
        let ballast = small.fill(10);
        wait_until("clients are refused", || send(&gateway, 1_000_000).status == 503);
        assert_refused(&send(&gateway, 1_000_000), FULL);
        assert_eq!(create(&gateway, 2_000_000).status, 201);
        std::fs::remove_file(ballast).unwrap();
        let ballast = small.fill(6);
        wait_until("servers are refused", || create(&gateway, 2_000_001).status == 503);
        assert_refused(&create(&gateway, 2_000_001), FULL);
        assert_eq!(erase(&gateway, 2_000_000).status, 202);
        assert_eq!(list(&gateway).status, 200);
        gateway.stop().assert_exit(0);
        wait_until_released(&home);
        // A full store starts, erases, and takes requests again by itself.
        let gateway = home.serve();
        assert_refused(&send(&gateway, 1_000_000), FULL);
        assert_eq!(erase(&gateway, 2_000_000).status, 202);
        std::fs::remove_file(ballast).unwrap();
        wait_until("ready", || is_ready(&gateway));
        (0..20).for_each(|_| load.send_one(&gateway));
        assert_eq!(load.refused.load(Ordering::Relaxed), 0);
        gateway.stop().assert_exit(0);
        wait_until_released(&home);
        figure("slow_disk_full_disks", 1);
        load.assert_kept(&home);
        drop(small);
    }
}

#[test]
fn a_store_whose_disk_other_programs_filled_to_the_last_byte_starts_and_erases() {
    const RESERVE_MIB: u64 = 12;
    let marks = "client_free_mib = 30\nserver_free_mib = 20\n";
    let home = impatient_home(&format!("{marks}reserve_mib = {RESERVE_MIB}\n"));
    let Some(small) = Small::mount(&home.data_dir(), 96) else { return };
    let is_reserved =
        |gateway: &Serving| gateway.meter("gateway_disk_reserved_bytes") == RESERVE_MIB << 20;
    let gateway = home.serve();
    let load = SlowLoad::default();
    (0..20).for_each(|_| load.send_one(&gateway));
    assert_eq!(create(&gateway, 2_000_000).status, 201);
    wait_until("space is reserved", || is_reserved(&gateway));
    gateway.kill();
    wait_until_released(&home);

    let ballast = small.fill(0);
    let gateway = home.serve();
    gateway.logged("the reserved disk space was given back");
    assert_refused(&send(&gateway, 1_000_000), FULL);
    assert_refused(&create(&gateway, 2_000_001), FULL);
    assert_eq!(erase(&gateway, 2_000_000).status, 202);
    assert_eq!(list(&gateway).status, 200);

    std::fs::remove_file(ballast).unwrap();
    wait_until("ready", || is_ready(&gateway));
    wait_until("space is reserved again", || is_reserved(&gateway));
    load.send_one(&gateway);
    gateway.kill();
    wait_until_released(&home);

    let ballast = small.fill(0);
    home.verify().assert_exit(0);
    finish(&mut company_deletion::command(&home, "ABC123")).assert_exit(0);
    std::fs::remove_file(ballast).unwrap();
    assert!(StoredProfiles::open(&home).by_email("ABC123", &email(0)).is_none());
    figure("slow_disk_full_disks", 1);
    drop(small);
}
