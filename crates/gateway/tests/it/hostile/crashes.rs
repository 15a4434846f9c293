//! Killed at random moments: what was acknowledged is there, and nothing is torn.

use std::{sync::atomic::AtomicUsize, thread, time::Duration};

use super::{
    Form, HostileRandom, UNLIMITED,
    crash_load::{CrashLoad, RequestKind, Sent, assert_kept},
    figure, peak_kib, report, wait_until_released,
};
use crate::{serving::Home, stored::StoredProfiles};

/// Starts a gateway and kills it before it serves, or soon after.
fn stillborn(home: &Home, random: &mut HostileRandom) {
    let mut process = home.serve_command();
    let process = process.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut process = process.spawn().unwrap();
    thread::sleep(Duration::from_micros(random.below(40_000) as u64));
    process.kill().unwrap();
    process.wait().unwrap();
}

/// One run: load for a random time, then the end. Returns the requests, and the peak memory of the
/// process.
fn live_and_die(
    home: &Home,
    numbers: &AtomicUsize,
    random: &mut HostileRandom,
) -> (Vec<Sent>, u64) {
    let gateway = home.serve();
    let load = CrashLoad::default();
    let mut peak = 0;
    load.during(&gateway, numbers, random, |random| {
        load.wait_for(1 + random.below(600));
        // Anywhere in a batch, its write and its flush.
        thread::sleep(Duration::from_micros(random.below(20_000) as u64));
        peak = peak_kib(&gateway);
        gateway.signal("KILL");
    });
    assert!(!gateway.wait().status.success());
    (load.into_sent(), peak)
}

#[test]
fn what_was_acknowledged_survives_kill_after_kill_and_nothing_is_torn() {
    let form = Form::asked();
    let mut random = HostileRandom::seeded("crashes");
    let home = Home::configured(UNLIMITED);
    let (cycles, numbers) = (form.pick(4, 60), AtomicUsize::new(0));
    let (mut all, mut peak) = (Vec::new(), 0);
    for cycle in 0..cycles {
        let (sent, memory) = live_and_die(&home, &numbers, &mut random);
        peak = peak.max(memory);
        if cycle % 3 == 1 {
            stillborn(&home, &mut random);
            wait_until_released(&home);
        }
        let verified = home.verify();
        verified.assert_exit(0);
        verified.assert_output("every invariant holds");
        wait_until_released(&home);
        figure("kill_cycles", 1);
        figure(
            "kill_writes_acknowledged",
            sent.iter().filter(|sent| sent.acknowledged.is_some()).count(),
        );
        assert_kept(&StoredProfiles::open(&home), &sent);
        wait_until_released(&home);
        all.extend(sent);
    }
    // What an earlier life left must survive the later ones.
    assert_kept(&StoredProfiles::open(&home), &all);
    let acknowledged = all.iter().filter(|sent| sent.acknowledged.is_some()).count();
    let merges = all.iter().filter(|sent| matches!(sent.kind, RequestKind::Merge { .. })).count();
    report(
        "crashes",
        format_args!(
            "{cycles} cycles, {acknowledged} writes acknowledged ({merges} merges sent), 0 lost, \
             0 torn, peak {} MiB",
            peak / 1024
        ),
    );
    assert!(cycles <= acknowledged && 0 < merges);
}
