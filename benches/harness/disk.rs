//! Disk space that repeated updates of the same profiles use, and what compaction frees.

use std::path::Path;

use profile_store::{Durability, Retention};

use crate::{
    clock,
    error::{ErrorContext, HarnessError},
    figures::{self, count, float, megabytes, per_second},
    limits,
    options::DiskOptions,
    people::{self, VERSION},
    progress,
    report::{Ratio, ResultRow, ResultTable},
    scratch, seed,
    testbed::Testbed,
};

/// How often the size is measured and printed during the updates.
const SIZES: u64 = 20;

/// A prime greater than any number of profiles. Its multiples decide the order of updates.
const PRIME: u64 = 15_485_863;

/// Fills a store, updates it and compacts it. Filling and updating happen in this process: the size
/// does not depend on where requests come from, and rate limits would refuse so many.
pub(crate) fn measure(
    testbed: &Testbed,
    options: DiskOptions,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    let DiskOptions { updates, profiles } = options;
    progress::print(&format!("Disk: {updates} updates of {profiles} profiles"));
    let scratch = &testbed.scratch;
    let (data, compacted) = (scratch.fresh("disk")?, scratch.fresh("compacted")?);
    seed::people(&data, 0..profiles)?;
    let filled = scratch::bytes(&data)?;
    table.add(row(options, "filled", filled, filled));

    let (rate, most) = update(&data, options)?;
    let updated = scratch::bytes(&data)?;
    let note = format!("{} with {} at a time", per_second(rate), limits::CONNECTIONS);
    table.add(ResultRow { note, ..row(options, "updated", updated, filled) });
    table.add(row(options, "at most during the updates", most.max(updated), filled));

    testbed.gateway.compact(&data, &compacted)?;
    table.add(row(options, "compacted", scratch::bytes(&compacted)?, filled));
    scratch::remove(&data)?;
    scratch::remove(&compacted)
}

/// Makes all updates, each on disk before it is answered. Returns the updates per second, and the
/// most bytes of disk that were used.
fn update(data: &Path, options: DiskOptions) -> Result<(f64, u64), HarnessError> {
    let DiskOptions { updates, profiles } = options;
    let began = clock::now();
    let company = people::first_company()?;
    let runtime = seed::runtime()?;
    let engine = seed::open_embedded(data)?;
    let store = seed::open(engine, Durability::Flushed, Retention::default());
    let store = runtime.block_on(store)?;
    let step = updates.div_ceil(SIZES);
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
        progress::print(&format!("  {done} updates, {seconds} s: {}", megabytes(bytes)));
    }
    let rate = figures::rate(updates, began.elapsed());
    runtime.block_on(store.close()).while_doing("close the updated store")?;
    Ok((rate, most))
}

fn row(options: DiskOptions, what: &str, bytes: u64, filled: u64) -> ResultRow {
    let DiskOptions { updates, profiles } = options;
    let (updates, profiles) = (count(updates), count(profiles));
    let value = float(bytes) / float(filled);
    ResultRow {
        what: format!("disk, {updates} updates of {profiles} profiles: {what}"),
        result: megabytes(bytes),
        ratios: vec![Ratio { value, of: "filled".to_owned(), bound: None }],
        ..ResultRow::default()
    }
}
