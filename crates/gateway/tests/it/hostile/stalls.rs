//! A lane or a checkpoint that makes no progress: the gateway says so before anything is refused.

use std::{thread, time::Duration};

use gateway::limits;

use super::{
    UNLIMITED, Watch,
    preload::{DiskSwitch, WatchedDisk},
    wait_until_released,
};
use crate::{
    serving::{Home, Serving, wait_until},
    wire::{RawRequest, RawResponse},
};

/// A delay that no test waits for.
const HANGS_MS: u64 = 3_600_000;

/// The largest value of a metric over all its series.
fn largest(gateway: &Serving, metric: &str) -> f64 {
    let rendered = gateway.ask("/metrics");
    let series = rendered.text().lines().filter(|line| line.starts_with(metric));
    let values = series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.max_by(f64::total_cmp).unwrap_or_else(|| panic!("no {metric}"))
}

fn send(gateway: &Serving, number: usize, property: &str) -> RawResponse {
    let attributes =
        format!(r#"{{"email":"person{number}@example.com","properties":{{"text":"{property}"}}}}"#);
    let body = format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#);
    gateway.send(&RawRequest::profile(body))
}

fn is_ready(gateway: &Serving) -> bool {
    gateway.ask("/health/ready").status == 200
}

/// Sees that the gateway is not ready for one reason only, and lives.
#[track_caller]
fn assert_unready(gateway: &Serving, reason: &str) {
    let ready = gateway.ask("/health/ready");
    assert_eq!((ready.status, ready.text().lines().count()), (503, 1), "{}", ready.text());
    assert!(ready.text().contains(reason), "{}", ready.text());
    assert_eq!(gateway.meter("gateway_ready"), 0);
    assert_eq!(gateway.ask("/health/live").status, 200);
}

#[test]
fn a_lane_that_takes_no_requests_makes_the_gateway_unready_and_says_so() {
    const SENDERS: usize = 8;
    // The disk may be slow for longer than a lane may stall.
    let home = Home::configured(&format!("disk_wait_seconds = 120\n{UNLIMITED}"));
    let Some(disk) = WatchedDisk::at(&home.data_dir()) else { return };
    let mut command = home.serve_command();
    disk.watch(&mut command, None);
    let gateway = Serving::start(command);
    send(&gateway, 0, "").assert_accepted();
    assert!(is_ready(&gateway) && largest(&gateway, "gateway_lane_wait_seconds") < 1.0);
    disk.set(DiskSwitch::SyncDelay, HANGS_MS);
    let watch = Watch::start();
    thread::scope(|scope| {
        let gateway = &gateway;
        let send_one = |number| scope.spawn(move || send(gateway, number, "").assert_accepted());
        send_one(1);
        wait_until("a commit hangs", || 0.0 < largest(gateway, "gateway_disk_wait_seconds"));
        // These wait for the lane of that commit, which takes none of them.
        (2..=SENDERS).for_each(|number| drop(send_one(number)));
        wait_until("requests wait", || 0.0 < largest(gateway, "gateway_lane_depth"));
        assert!(is_ready(gateway), "a short wait is no stall");
        wait_until("it is not ready", || !is_ready(gateway));
        assert!(limits::LANE_STALL <= watch.elapsed(), "{:?}", watch.elapsed());
        assert_unready(gateway, "a lane takes no requests; those that write wait");
        let stall = limits::LANE_STALL.as_secs_f64();
        assert!(stall <= largest(gateway, "gateway_lane_wait_seconds"));
        assert!(0.0 < largest(gateway, "gateway_commit_queue_depth"));
        disk.set(DiskSwitch::SyncDelay, 0);
    });
    wait_until("it is ready again", || is_ready(&gateway));
    assert!(largest(&gateway, "gateway_lane_wait_seconds") < 1.0);
    gateway.stop().assert_exit(0);
    wait_until_released(&home);
}

#[test]
fn a_checkpoint_that_makes_no_progress_makes_the_gateway_unready_and_says_so() {
    const STALL: &str = "gateway_checkpoint_stall_seconds";
    let home = Home::configured(UNLIMITED);
    let Some(disk) = WatchedDisk::at(&home.data_dir()) else { return };
    let mut command = home.serve_command();
    disk.watch(&mut command, None);
    let gateway = Serving::start(command);
    let text = "x".repeat(90_000);
    let mut numbers = 0..;
    let mut send_next = || send(&gateway, numbers.next().unwrap(), &text).assert_accepted();
    while gateway.meter("gateway_checkpoint_pending_bytes") < 14 << 20 {
        send_next();
    }
    // A checkpoint syncs dozens of times, so this one can be seen while it runs.
    disk.set(DiskSwitch::SyncDelay, 250);
    while largest(&gateway, STALL) <= 0.0 {
        send_next();
    }
    disk.set(DiskSwitch::SyncDelay, HANGS_MS);
    let (watch, completed) = (Watch::start(), gateway.meter("gateway_checkpoints_total"));
    assert!(is_ready(&gateway), "a short pause is no stall");
    thread::sleep(limits::CHECKPOINT_STALL.saturating_sub(Duration::from_secs(5)));
    wait_until("it is not ready", || !is_ready(&gateway));
    assert!(Duration::from_secs(50) <= watch.elapsed(), "{:?}", watch.elapsed());
    let reason = "the checkpoint makes no progress; the store fails if that goes on";
    assert_unready(&gateway, reason);
    assert!(limits::CHECKPOINT_STALL.as_secs_f64() <= largest(&gateway, STALL));
    assert_eq!(gateway.meter("gateway_checkpoints_total"), completed);
    disk.set(DiskSwitch::SyncDelay, 0);
    wait_until("it is ready again", || is_ready(&gateway));
    wait_until("it is done", || completed < gateway.meter("gateway_checkpoints_total"));
    send_next();
    gateway.stop().assert_exit(0);
    wait_until_released(&home);
}
