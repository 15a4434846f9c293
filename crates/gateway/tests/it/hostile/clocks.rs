//! A wall clock that jumps, while a gateway runs and across restarts: requests are served, no
//! outcome is removed by a jump, no time goes back, and the gateway says that it doubts the clock.

use std::{thread, time::Duration};

use gateway::clock::Clock;
use profile_protocol::Date;
use serde_json::{Value, json};

use super::{Form, HostileRandom, Watch, figure, preload::WatchedDisk, report};
use crate::{
    api::{KEY, asking, key},
    serving::{Home, Serving},
    stored::StoredProfiles,
    wire::{RawRequest, TEST_TIMEOUT},
};

const SECOND: i64 = 1_000;
const DAY: i64 = 24 * 60 * 60 * SECOND;

/// A gateway on a clock that is set from here, and all that it acknowledged.
struct JumpingClock {
    home: Home,
    disk: WatchedDisk,
    acknowledged: usize,
    /// A day that is in the future for a clock that is behind.
    revision: String,
    /// The newest `updated` of the profile that every request changes.
    updated: String,
    jumps: usize,
}

impl JumpingClock {
    fn new() -> Option<JumpingClock> {
        let scopes = r#""profiles:read", "profiles:write""#;
        let home = Home::configured(&format!(
            "[[company]]\nid = \"ABC123\"\napi_limits_factor = 100\n\
             limits = {{ burst = 1000000, steady = 1000000 }}\n{}",
            key("all", KEY, scopes)
        ));
        let disk = WatchedDisk::at(&home.data_dir())?;
        let today = Clock::start().unix_seconds() / (24 * 60 * 60);
        // The stored time is some seconds old, and so may be of yesterday.
        let revision = Date::from_unix_days(u32::try_from(today).unwrap() - 1).to_string();
        let (acknowledged, updated, jumps) = (0, String::new(), 0);
        Some(JumpingClock { home, disk, acknowledged, revision, updated, jumps })
    }

    fn serve(&self) -> Serving {
        let mut command = self.home.serve_command();
        self.disk.watch(&mut command, None);
        Serving::start(command)
    }

    /// Sends a few requests: two of a browser, and one that changes a profile.
    #[track_caller]
    fn send(&mut self, gateway: &Serving) {
        for _ in 0..2 {
            let request = RawRequest::email(&email(self.acknowledged));
            gateway.send(&request.with("revision", &self.revision)).assert_accepted();
            self.acknowledged += 1;
        }
        let attributes = json!({ "email": email(0), "title": self.acknowledged.to_string() });
        let body = json!({ "data": { "type": "profile", "attributes": attributes } });
        let answer = gateway.send(&asking("POST", "/api/profile-import").body(body.to_string()));
        assert_eq!(answer.status, 200, "{answer:?}");
        self.acknowledged += 1;
        let document: Value = answer.json();
        let updated = document["data"]["attributes"]["updated"].as_str().unwrap();
        assert!(self.updated.as_str() <= updated, "{} {updated}", self.updated);
        updated.clone_into(&mut self.updated);
    }

    /// Lets the clock of a running gateway be off for a while, and then right again.
    #[track_caller]
    fn jump(&mut self, gateway: &Serving, off: i64, lasting: Duration) {
        self.disk.set_clock(off);
        self.send(gateway);
        let is_jump = 5 * 60 * SECOND < off.abs();
        wait_for_trust(gateway, !is_jump);
        thread::sleep(lasting);
        self.send(gateway);
        wait_for_trust(gateway, !is_jump);
        self.disk.set_clock(0);
        wait_for_trust(gateway, true);
        self.send(gateway);
        assert_eq!(gateway.meter(BY_AGE), 0);
        self.jumps += usize::from(is_jump);
    }

    /// Serves for a while with a clock that is off from the start.
    #[track_caller]
    fn serve_off(&mut self, off: i64, killed: bool) {
        self.disk.set_clock(off);
        let gateway = self.serve();
        let is_jump = !(-5 * 60 * SECOND..=DAY).contains(&off);
        wait_for_trust(&gateway, !is_jump);
        self.send(&gateway);
        // The first round of pruning begins at once.
        thread::sleep(Duration::from_millis(200));
        assert_eq!(gateway.meter(BY_AGE), 0);
        if is_jump {
            gateway.logged("the clock has jumped");
            self.jumps += 1;
        }
        if killed {
            gateway.kill();
        } else {
            gateway.stop().assert_exit(0);
        }
        self.disk.set_clock(0);
    }

    /// Nothing is missing, and no outcome is from before the one before it.
    #[track_caller]
    fn assert_complete(&self) {
        let verified = self.home.verify();
        verified.assert_exit(0);
        let stored = StoredProfiles::open(&self.home);
        let outcomes = stored.outcomes("ABC123");
        assert_eq!(outcomes.len(), self.acknowledged.min(1_000));
        assert!(outcomes.is_sorted_by(|one, next| one.at <= next.at));
        assert!(stored.by_email("ABC123", &email(0)).is_some());
        drop(stored);
        super::wait_until_released(&self.home);
    }
}

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

const BY_AGE: &str = r#"gateway_outcomes_removed_total{reason="age"}"#;

#[track_caller]
fn wait_for_trust(gateway: &Serving, trusted: bool) {
    let watch = Watch::start();
    while gateway.meter("gateway_clock_trusted") != u64::from(trusted) {
        assert!(watch.elapsed() < TEST_TIMEOUT, "the clock is not judged");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_clock_that_jumps_removes_nothing_refuses_nothing_and_lets_no_time_go_back() {
    let form = Form::asked();
    let Some(mut clock) = JumpingClock::new() else { return };
    let mut random = HostileRandom::seeded("clocks");
    let gateway = clock.serve();
    (0..10).for_each(|_| clock.send(&gateway));
    gateway.stop().assert_exit(0);

    let gateway = clock.serve();
    wait_for_trust(&gateway, true);
    // Longer than from one round of pruning to the next.
    let lasting = Duration::from_secs(form.pick(0, 65));
    let running =
        [100 * DAY, -400 * DAY, 3 * SECOND, -3 * SECOND, DAY, -DAY, 7_300 * DAY, -7_300 * DAY];
    for off in running.into_iter().take(form.pick(3, running.len())) {
        clock.jump(&gateway, off, lasting);
    }
    let jumps = clock.jumps;
    let finished = gateway.stop();
    finished.assert_exit(0);
    assert_eq!(finished.output.matches("the clock has jumped").count(), jumps);
    assert_eq!(finished.output.matches("the clock is trusted again").count(), jumps);
    clock.assert_complete();

    // A clock that was wrong once is not believed because requests were stored by it.
    for off in [100 * DAY, 100 * DAY, -400 * DAY, 0] {
        clock.serve_off(off, false);
    }
    for _ in 0..form.pick(1, 40) {
        let days = 2 + i64::try_from(random.below(7_300)).unwrap();
        let off = if random.below(2) == 0 { days * DAY } else { -days * DAY };
        clock.serve_off(off, random.below(2) == 0);
        super::wait_until_released(&clock.home);
    }
    clock.assert_complete();
    figure("clock_jumps", clock.jumps);
    figure("clock_writes_acknowledged", clock.acknowledged);
    report("clocks", format_args!("{} jumps, 0 outcomes removed", clock.jumps));
}
