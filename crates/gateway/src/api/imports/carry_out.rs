//! Carries out a bulk import, row by row and in order.

use std::collections::{HashSet, VecDeque};

use profile_protocol::{BulkImport, ProfileId, ProfileRequest, Violations};
use profile_store::{
    ImportBody, ImportError, ImportHead, ImportJob, ImportRow, Intent, Outcome, RequestIds,
    StoreError, Submission, Timestamp, limits as store,
};

use super::sent_rows::SentRows;
use crate::{
    http::refusal::Refusal, limits, state::GatewayState, submission, tenants::directory::Company,
};

/// Stores every valid row and returns the result of each. An error of the gateway itself ends the
/// import. Rows stored before the error stay stored, and sending the whole import again is
/// harmless.
pub(super) async fn carry_out(
    gateway: &GatewayState,
    company: &Company,
    import: BulkImport,
    sent: &SentRows,
    request_ids: &RequestIds,
) -> Result<ImportJob, Refusal> {
    let created = now(gateway);
    let id = gateway.store.id_at(created).or(Err(Refusal::Store(StoreError::Unavailable)))?;
    let total = u32::try_from(import.profiles().len()).unwrap_or(u32::MAX);
    let began = gateway.clock.unix_time();
    let running = gateway.running_imports.begin(company.id.clone(), began, total);
    let mut tally = ImportTally::of(sent);
    let mut waiting = VecDeque::new();
    for (row, request) in (0..).zip(import.into_profiles()) {
        // Commits batch the requests that wait, so many rows wait at once.
        if waiting.len() == limits::IMPORT_ROWS_WAITING
            && let Some((row, answer)) = waiting.pop_front()
        {
            tally.add(row, row_result(gateway, answer.await))?;
        }
        running.reached(tally.completed, tally.failed);
        match enqueued(gateway, company, request, request_ids).await {
            Ok(answer) => waiting.push_back((row, answer)),
            Err(refusal) => tally.add(row, Err(refusal))?,
        }
    }
    for (row, answer) in waiting {
        tally.add(row, row_result(gateway, answer.await))?;
    }
    let ImportTally { completed, failed, body, rows, .. } = tally.sorted();
    let (started, ended) = (Some(created), Some(now(gateway)));
    let head = ImportHead { id, created, started, ended, total, completed, failed };
    Ok(ImportJob { head, body, rows })
}

/// Submits a row to the store. The returned future waits for its result.
async fn enqueued(
    gateway: &GatewayState,
    company: &Company,
    request: Result<ProfileRequest, Violations>,
    request_ids: &RequestIds,
) -> Result<impl Future<Output = Result<Outcome, StoreError>> + use<>, Refusal> {
    let request = request.map_err(Refusal::Violations)?;
    let submission = Submission {
        request_ids: Some(request_ids.clone()),
        ..submission::from_server(gateway, company, Intent::Import, request)?
    };
    gateway.store.enqueue(submission).await.map_err(Refusal::Store)
}

fn row_result(
    gateway: &GatewayState,
    answer: Result<Outcome, StoreError>,
) -> Result<Option<ProfileId>, Refusal> {
    let outcome = answer.map_err(Refusal::Store)?;
    gateway.metrics.stored(submission::effect(&outcome));
    Ok(outcome.survivor)
}

fn now(gateway: &GatewayState) -> Timestamp {
    let millis = gateway.clock.unix_time().as_millis();
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The results of the rows so far.
struct ImportTally<'a> {
    sent: &'a SentRows,
    completed: u32,
    failed: u32,
    named: HashSet<ProfileId>,
    body: ImportBody,
    /// The rows that failed.
    rows: Vec<ImportRow>,
}

impl ImportTally<'_> {
    /// Nothing so far.
    fn of(sent: &SentRows) -> ImportTally<'_> {
        let (named, body, rows) = (HashSet::new(), ImportBody::default(), Vec::new());
        ImportTally { sent, completed: 0, failed: 0, named, body, rows }
    }

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
                // Rows fail slightly out of order; the store keeps the first of them.
                if self.rows.len() < limits::IMPORT_ROWS_WAITING + store::IMPORT_ROWS {
                    self.rows.extend(self.sent.row(row));
                }
                Ok(())
            }
        }
    }

    /// Results arrive slightly out of order: faulty rows first.
    fn sorted(mut self) -> Self {
        self.body.errors.sort_by_key(|error| error.row);
        self.rows.sort_by_key(|row| row.row);
        self
    }
}

fn errors(row: u32, refusal: &Refusal) -> impl Iterator<Item = ImportError> {
    let row_at = format!("/data/attributes/profiles/data/{row}");
    refusal.document().errors.into_iter().map(move |error| {
        let pointer = match error.source.pointer.strip_prefix("/data") {
            Some(rest) if !error.source.pointer.starts_with(&row_at) => format!("{row_at}{rest}"),
            Some(_) | None => error.source.pointer,
        };
        let (code, title) = (error.code.to_owned(), error.title.to_owned());
        let detail = match error.meta.duplicate_profile_id {
            Some(id) => format!("{} It is {id}.", error.detail),
            None => error.detail,
        };
        ImportError { row, code, title, detail, pointer }
    })
}
