//! How long a company waits after its expensive requests, so that other companies keep the
//! processors and the disk.
//!
//! A request is expensive if it reads or writes more than [`limits::USUAL_BYTES`], or if it is a
//! row of a bulk import. No other request makes its company wait.

use std::time::Duration;

use ahash::HashMap;
use profile_protocol::CompanyId;

use crate::{engine::Write, layout::key, limits};

const MAX_PAUSE: Duration = Duration::from_millis(limits::MAX_PAUSE_MS);

/// What a batch did for one company.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct CompanyWork {
    pub(crate) requests: usize,
    /// How many of the requests are rows of a bulk import.
    pub(crate) import_rows: usize,
    /// Bytes of profiles that were read.
    pub(crate) read: usize,
    /// Bytes that requests read beyond the usual.
    pub(crate) excess_read: usize,
    /// Bytes that were written beyond the usual.
    pub(crate) excess_written: usize,
}

/// What a batch did for each of its companies.
pub(crate) type BatchWork<'c> = HashMap<&'c CompanyId, CompanyWork>;

/// How long a company has to wait.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Pause {
    /// Until its next batch.
    pub(crate) requests: Duration,
    /// Until the next rows of its bulk import are queued.
    pub(crate) imports: Duration,
}

impl CompanyWork {
    /// Adds a request that read this many bytes of profiles.
    pub(crate) fn add(&mut self, read: usize, is_import_row: bool) {
        self.requests += 1;
        self.import_rows += usize::from(is_import_row);
        self.read += read;
        self.excess_read += read.saturating_sub(limits::USUAL_BYTES);
    }

    /// Adds what was written for all of these requests.
    pub(crate) fn add_written(&mut self, bytes: usize) {
        self.excess_written = bytes.saturating_sub(self.requests * limits::USUAL_BYTES);
    }

    /// The part of the batch that these requests are.
    fn weight(&self) -> usize {
        self.requests * limits::USUAL_BYTES + self.read
    }

    /// The pause after a batch of this weight that took this long.
    pub(crate) fn pause(&self, took: Duration, weight: usize) -> Pause {
        let after = |bytes, factor: u32| (scaled(took, bytes, weight) * factor).min(MAX_PAUSE);
        let second = Duration::from_secs(1);
        let for_disk = scaled(second, self.excess_written, limits::EXCESS_WRITTEN_PER_SECOND);
        Pause {
            requests: after(self.excess_read, limits::PAUSE_FACTOR) + for_disk.min(MAX_PAUSE),
            imports: after(self.import_rows * limits::USUAL_BYTES, limits::IMPORT_PAUSE_FACTOR),
        }
    }
}

/// The weight of a whole batch.
pub(crate) fn weight(work: &BatchWork<'_>) -> usize {
    work.values().map(CompanyWork::weight).sum()
}

/// How much a batch writes for each company, if it writes more than usual for this many requests.
pub(crate) fn written(writes: &[Write], requests: usize) -> HashMap<CompanyId, usize> {
    let bytes = |write: &Write| write.value.as_ref().map_or(0, Vec::len);
    let mut written = HashMap::default();
    if requests * limits::USUAL_BYTES < writes.iter().map(bytes).sum() {
        for write in writes {
            if let Some(company) = key::company_of(&write.key) {
                *written.entry(company).or_default() += bytes(write);
            }
        }
    }
    written
}

/// `time`, in the proportion of `part` to `whole`.
fn scaled(time: Duration, part: usize, whole: usize) -> Duration {
    let nanos = time.as_nanos() * part as u128 / whole.max(1) as u128;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(10);

    fn work(requests: usize, read: usize, is_import: bool) -> CompanyWork {
        let mut work = CompanyWork::default();
        (0..requests).for_each(|_| work.add(read, is_import));
        work
    }

    fn pauses(works: &[CompanyWork]) -> Vec<Pause> {
        let weight = works.iter().map(CompanyWork::weight).sum();
        works.iter().map(|work| work.pause(TOOK, weight)).collect()
    }

    #[test]
    fn usual_requests_make_their_company_wait_for_nothing() {
        let mut usual = work(256, limits::USUAL_BYTES, false);
        usual.add_written(256 * limits::USUAL_BYTES);
        assert_eq!(pauses(&[usual]), [Pause::default()]);
    }

    #[test]
    fn a_company_waits_in_proportion_to_its_part_of_the_batch() {
        let large = 99 * limits::USUAL_BYTES;
        let [light, heavy] = pauses(&[work(100, 0, false), work(1, large, false)])[..] else {
            panic!()
        };
        assert_eq!(light, Pause::default());
        assert_eq!(heavy.requests, TOOK * 98 / 200 * limits::PAUSE_FACTOR);
        assert_eq!(heavy.imports, Duration::ZERO);
    }

    #[test]
    fn rows_of_an_import_delay_further_rows_and_no_other_request() {
        let [import] = pauses(&[work(256, 0, true)])[..] else { panic!() };
        assert_eq!(import.requests, Duration::ZERO);
        assert_eq!(import.imports, TOOK * limits::IMPORT_PAUSE_FACTOR);
    }

    #[test]
    fn large_writes_are_spread_over_time() {
        let mut large = work(1, 0, false);
        large.add_written(limits::USUAL_BYTES + limits::EXCESS_WRITTEN_PER_SECOND / 64);
        assert_eq!(pauses(&[large])[0].requests, Duration::from_secs(1) / 64);
        large.add_written(usize::MAX / 2);
        assert_eq!(pauses(&[large])[0].requests, MAX_PAUSE);
    }

    #[test]
    fn writes_are_counted_for_each_company_only_where_they_are_large() {
        let [one, other]: [CompanyId; 2] = ["ONE", "OTHER"].map(|name| name.parse().unwrap());
        let write = |company, bytes| Write {
            key: key::newest_outcome(company),
            value: Some(vec![0; bytes]),
        };
        let large = 3 * limits::USUAL_BYTES;
        let writes = [write(&one, 7), write(&other, large), write(&other, 1)];
        assert_eq!(written(&writes, 4), HashMap::default());
        assert_eq!(written(&writes, 2), HashMap::from_iter([(one, 7), (other, large + 1)]));
    }
}
