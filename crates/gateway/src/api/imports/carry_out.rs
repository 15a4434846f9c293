//! Carrying a bulk import out, row by row and in order.

use std::collections::{HashSet, VecDeque};

use profile_protocol::{BulkImport, ProfileId, ProfileRequest, Violations};
use profile_store::{
    ImportBody, ImportError, ImportHead, ImportJob, Intent, Outcome, StoreError, Timestamp,
};

use crate::{companies::Company, limits, refusal::Refusal, state::Gateway, submission};

/// Stores every row that can be, and says what came of each. An error of the
/// gateway's own ends it: what was stored until then stays, and to send all of it
/// again does no harm.
pub(super) async fn carry_out(
    gateway: &Gateway,
    company: &Company,
    import: BulkImport,
) -> Result<ImportJob, Refusal> {
    let created = now(gateway);
    let id = id_at(created).or(Err(Refusal::Store(StoreError::Unavailable)))?;
    let total = u32::try_from(import.profiles.len()).unwrap_or(u32::MAX);
    let mut tally = Tally::default();
    let mut waiting = VecDeque::new();
    for (row, request) in (0..).zip(import.profiles) {
        // Commits form batches of what waits, so many rows may.
        if waiting.len() == limits::IMPORT_ROWS_WAITING
            && let Some((row, answer)) = waiting.pop_front()
        {
            tally.add(row, settled(gateway, answer.await))?;
        }
        match enqueued(gateway, company, request).await {
            Ok(answer) => waiting.push_back((row, answer)),
            Err(refusal) => tally.add(row, Err(refusal))?,
        }
    }
    for (row, answer) in waiting {
        tally.add(row, settled(gateway, answer.await))?;
    }
    let Tally { completed, failed, body, .. } = tally.sorted();
    let (started, ended) = (Some(created), Some(now(gateway)));
    let head = ImportHead { id, created, started, ended, total, completed, failed };
    Ok(ImportJob { head, body })
}

/// Hands a row to the store. What is returned waits for its answer.
async fn enqueued(
    gateway: &Gateway,
    company: &Company,
    request: Result<ProfileRequest, Violations>,
) -> Result<impl Future<Output = Result<Outcome, StoreError>> + use<>, Refusal> {
    let request = request.map_err(Refusal::Violations)?;
    let submission = submission::of_server(gateway, company, Intent::Import, request)?;
    gateway.store.enqueue(submission).await.map_err(Refusal::Store)
}

fn settled(
    gateway: &Gateway,
    answer: Result<Outcome, StoreError>,
) -> Result<Option<ProfileId>, Refusal> {
    let outcome = answer.map_err(Refusal::Store)?;
    gateway.meters.stored(submission::effect(&outcome));
    Ok(outcome.survivor)
}

fn now(gateway: &Gateway) -> Timestamp {
    let millis = gateway.clock.unix_time().as_millis();
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// An id that begins with this time, so that imports lie in their order.
fn id_at(time: Timestamp) -> Result<ProfileId, getrandom::Error> {
    const TIME: u32 = 80;
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy)?;
    let entropy = u128::from_be_bytes(entropy) & ((1 << TIME) - 1);
    Ok(ProfileId::from_bits(u128::from(time.millis()) << TIME | entropy))
}

/// What came of the rows so far.
#[derive(Default)]
struct Tally {
    completed: u32,
    failed: u32,
    named: HashSet<ProfileId>,
    body: ImportBody,
}

impl Tally {
    fn add(&mut self, row: u32, result: Result<Option<ProfileId>, Refusal>) -> Result<(), Refusal> {
        match result {
            Ok(profile) => {
                self.completed += 1;
                let new = profile.filter(|id| self.named.insert(*id));
                self.body.profiles.extend(new);
                Ok(())
            }
            Err(refusal) if refusal.status().is_server_error() => Err(refusal),
            Err(refusal) => {
                self.failed += 1;
                self.body.errors.extend(errors(row, &refusal));
                Ok(())
            }
        }
    }

    /// Rows are settled a little out of order: those that are faulty, sooner.
    fn sorted(mut self) -> Tally {
        self.body.errors.sort_by_key(|error| error.row);
        self
    }
}

fn errors(row: u32, refusal: &Refusal) -> impl Iterator<Item = ImportError> {
    let place = format!("/data/attributes/profiles/data/{row}");
    refusal.problems().into_iter().map(move |problem| {
        let pointer = match problem.pointer.strip_prefix("/data") {
            Some(rest) if !problem.pointer.starts_with(&place) => format!("{place}{rest}"),
            _ => problem.pointer,
        };
        let (code, title) = (problem.code.to_owned(), problem.title.to_owned());
        let detail = match problem.duplicate_profile_id {
            Some(id) => format!("{} It is {id}.", problem.detail),
            None => problem.detail,
        };
        ImportError { row, code, title, detail, pointer }
    })
}
