//! Power lost at any moment: every disk that may be found afterwards opens, and has all that was
//! acknowledged before.

mod recording;
mod simulation;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::AtomicUsize,
};

use self::{
    recording::Recording,
    simulation::{DiskModel, ReplayedDisk, image_directory},
};
use super::{
    Form, HostileRandom, UNLIMITED,
    crash_load::{CrashLoad, Sent, missing},
    figure,
    preload::WatchedDisk,
    report,
};
use crate::{
    serving::{Home, Serving},
    stored::StoredProfiles,
};

/// Bytes of each request: some thousands of requests fill a memtable.
const PADDING: usize = 6_000;

/// Serves under load while the disk is recorded: a start, checkpoints, a stop, another start.
fn recorded_life(home: &Home, record: &Path, random: &mut HostileRandom) -> Option<Vec<Sent>> {
    let disk = WatchedDisk::at(&home.data_dir())?.recorded_in(record.to_owned());
    let (numbers, mut all) = (AtomicUsize::new(0), Vec::new());
    for requests in Form::asked().pick([3_000, 1_000, 100], [8_000, 6_000, 2_000]) {
        let mut command = home.serve_command();
        disk.watch(&mut command, None);
        let gateway = Serving::start(command);
        let load = CrashLoad::recorded(PADDING, record.to_owned());
        load.during(&gateway, &numbers, random, |_| load.wait_for(requests));
        gateway.stop().assert_exit(0);
        all.extend(load.into_sent());
    }
    Some(all)
}

/// What is wrong with an image, if anything.
fn fault(image: &Path, acknowledged: &[Sent]) -> Option<String> {
    let opened = catch_unwind(AssertUnwindSafe(|| StoredProfiles::open_directory(image)));
    let stored = match opened {
        Err(_) => return Some("a panic".to_owned()),
        Ok(Err(error)) => return Some(error.clone()),
        Ok(Ok(stored)) => stored,
    };
    let checked = catch_unwind(AssertUnwindSafe(|| {
        let [lost, torn] = missing(&stored, acknowledged);
        let breaches = stored.audit().breaches.len();
        stored.close();
        (lost.len() + torn.len() + breaches > 0)
            .then(|| format!("{} lost, {} torn, {breaches} breaches", lost.len(), torn.len()))
    }));
    checked.unwrap_or_else(|_| Some("a panic on reading".to_owned()))
}

/// Moments of a recording, in order. Half of them are just after a sync has begun, when most is in
/// flight.
fn moments(recording: &Recording, count: usize, random: &mut HostileRandom) -> Vec<usize> {
    let calls = recording.calls();
    let syncs: Vec<usize> = (0..calls.len())
        .filter(|at| matches!(calls[*at], recording::RecordedCall::SyncBegin { .. }))
        .collect();
    let mut moments: Vec<usize> = (0..count)
        .map(|number| match number % 2 {
            0 => random.below(calls.len() + 1),
            _ => syncs[random.below(syncs.len())] + 1,
        })
        .collect();
    moments.sort_unstable();
    moments
}

fn survives_a_loss_of_power(model: DiskModel) {
    let form = Form::asked();
    let name = format!("power_loss_{model:?}").to_lowercase();
    let mut random = HostileRandom::seeded(&name);
    let home = Home::configured(UNLIMITED);
    let record = home.directory().join("recording");
    let Some(sent) = recorded_life(&home, &record, &mut random) else { return };
    let recording = Recording::read(&record);
    let mut disk = ReplayedDisk::new(&recording, model);
    let mut faults = Vec::new();
    let moments = moments(&recording, form.pick(6, 500), &mut random);
    for (number, moment) in moments.iter().enumerate() {
        disk.advance_to(*moment);
        let image = image_directory(home.directory(), number);
        disk.lose_power(&image, &mut random);
        let before = |sent: &&Sent| {
            sent.acknowledged.is_some_and(|length| recording.calls_within(length) <= *moment)
        };
        let acknowledged: Vec<Sent> = sent.iter().filter(before).copied().collect();
        if let Some(fault) = fault(&image, &acknowledged) {
            faults.push(format!("call {moment}: {fault}"));
        }
        fs::remove_dir_all(&image).unwrap();
    }
    figure("power_losses", moments.len());
    figure("power_losses_not_survived", faults.len());
    report(&name, format_args!("{} moments of {} calls", moments.len(), recording.calls().len()));
    assert!(faults.is_empty(), "{} of {}: {faults:#?}", faults.len(), moments.len());
}

#[test]
fn what_was_acknowledged_survives_a_loss_of_power_on_a_disk_that_keeps_only_what_was_synced() {
    survives_a_loss_of_power(DiskModel::Strict);
}

#[test]
fn what_was_acknowledged_survives_a_loss_of_power_on_a_disk_that_orders_names_and_lengths() {
    survives_a_loss_of_power(DiskModel::Ordered);
}
