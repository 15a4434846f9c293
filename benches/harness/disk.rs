//! What disk updates of the same profiles use, day in, day out, and what compacting
//! gives back.

use std::path::Path;

use profile_store::{Durability, Retention};

use crate::{
    arguments::DiskOptions,
    clock, gateway, limits,
    people::{self, VERSION},
    report::{Ratio, Report, Row, count, float, megabytes, per_second},
    scratch::{self, Scratch},
    seed, tell,
    trouble::{Trouble, While},
};

/// How often is told how much the disk has, on the way.
const TELLINGS: u64 = 20;

/// A prime greater than any number of profiles, by whose multiples they have their turn.
const PRIME: u64 = 15_485_863;

/// Fills a store, updates it and compacts it. All that takes place in this process: what
/// the disk has does not depend on where requests come from, and a company's limits
/// would not let so many through.
pub(crate) fn measure(
    scratch: &Scratch,
    options: DiskOptions,
    report: &mut Report,
) -> Result<(), Trouble> {
    let DiskOptions { updates, profiles } = options;
    tell(&format!("Disk: {updates} updates of {profiles} profiles"));
    let (data, compacted) = (scratch.fresh("disk")?, scratch.fresh("compacted")?);
    seed::people(&data, 0..profiles)?;
    let filled = scratch::bytes(&data)?;
    report.add(row(options, "filled", filled, filled));

    let (rate, most) = update(&data, options)?;
    let updated = scratch::bytes(&data)?;
    let note = format!("{} with {} at a time", per_second(rate), limits::CONNECTIONS);
    report.add(Row { note, ..row(options, "updated", updated, filled) });
    report.add(row(options, "the most on the way", most.max(updated), filled));

    let (_, after) = gateway::compact(&data, &compacted)?;
    tell(&format!("  the compacted store says that it has {}", megabytes(after)));
    report.add(row(options, "compacted", scratch::bytes(&compacted)?, filled));
    scratch::remove(&data)?;
    scratch::remove(&compacted)
}

/// Carries out all updates. Tells how many were stored in a second, each on disk before
/// it was answered, and the most disk that was used.
fn update(data: &Path, options: DiskOptions) -> Result<(f64, u64), Trouble> {
    let DiskOptions { updates, profiles } = options;
    let began = clock::now();
    let company = people::first_company()?;
    let runtime = seed::runtime()?;
    let engine = seed::open_sled(data)?;
    let store = seed::open(engine, Durability::Flushed, Retention::default());
    let store = runtime.block_on(store)?;
    let step = updates.div_ceil(TELLINGS);
    let mut most = 0;
    for first in (0..updates).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let last = (first + step).min(updates);
        let bodies = (first..last).map(|number| {
            let version = VERSION + 1 + number / profiles;
            people::submission(&company, &people::customer(number * PRIME % profiles, version))
        });
        runtime.block_on(seed::pour(&store, bodies, limits::CONNECTIONS))?;
        let bytes = scratch::bytes(data)?;
        most = most.max(bytes);
        let (done, seconds) = (count(last), began.elapsed().as_secs());
        tell(&format!("  {done} updates, {seconds} s: {}", megabytes(bytes)));
    }
    let rate = clock::rate(updates, began.elapsed());
    runtime.block_on(store.close()).while_doing("close the store that was updated")?;
    Ok((rate, most))
}

fn row(options: DiskOptions, what: &str, bytes: u64, filled: u64) -> Row {
    let DiskOptions { updates, profiles } = options;
    let (updates, profiles) = (count(updates), count(profiles));
    let value = float(bytes) / float(filled);
    Row {
        what: format!("disk, {updates} updates of {profiles} profiles: {what}"),
        result: megabytes(bytes),
        ratios: vec![Ratio { value, of: "filled".to_owned(), at_least: None }],
        ..Row::default()
    }
}
