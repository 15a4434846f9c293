//! Carries out some rows of an import, in order, as `POST /api/profile-import` would carry out each
//! of their bodies.

use std::{
    collections::{HashSet, VecDeque},
    pin::Pin,
};

use profile_protocol::{ProfileEndpoint, ProfileRequest, Revision};
use profile_store::{Intent, Outcome, RequestIds, StoreError, Submission};

use super::part::{
    ImportMode, ImportPart, ImportRun, ImportStep, PartAnswer, PartRow, RefusedRow, RowFault,
};
use crate::{
    capacity::disk_wait::{self, StoreUse},
    http::refusal::Refusal,
    limits,
    state::GatewayState,
    submission,
    tenants::directory::Company,
};

/// The answer of the store to a row.
type RowAnswer = Pin<Box<dyn Future<Output = Result<Outcome, StoreError>>>>;

/// Carries out the rows of a part. An error of the gateway itself ends it; the rows that were
/// stored stay stored, and the part can be repeated. When this returns, no row is on its way any
/// more.
pub(crate) async fn carry_out(
    gateway: &GatewayState,
    company: &Company,
    part: &ImportPart,
) -> Result<PartAnswer, Refusal> {
    if part.mode == ImportMode::Apply {
        disk_wait::admit(gateway, StoreUse::ServerWrite)?;
    }
    let mut stored = StoredSteps::default();
    if part.is_repeated && part.mode == ImportMode::Apply {
        stored = StoredSteps::read(gateway, company, part).await?;
    }
    let mut rows = RowsUnderWay::new(gateway, company, part.run, stored);
    let carried_out = match part.mode {
        ImportMode::Apply => rows.apply(&part.rows).await,
        ImportMode::Preview => rows.preview(&part.rows).await,
    };
    let waited = rows.wait_for_all().await;
    carried_out.and(waited)?;
    let newest = durable_outcomes(gateway, company).await?;
    rows.refused.sort_by_key(|refused| refused.row);
    Ok(PartAnswer { newest, has_gap: rows.stored.has_gap, refused: rows.refused })
}

/// Waits until everything that was answered is on disk. Returns the number of the newest outcome.
async fn durable_outcomes(gateway: &GatewayState, company: &Company) -> Result<u64, Refusal> {
    let newest = gateway.store.newest_outcome(&company.id).await.map_err(Refusal::unreadable)?;
    for _ in 0..limits::TRANSFER_SYNC_WAITS {
        if gateway.store.is_on_disk(&company.id, newest) {
            return Ok(newest);
        }
        actix_web::rt::time::sleep(limits::TRANSFER_SYNC_WAIT).await;
    }
    Err(Refusal::Store(StoreError::Unavailable))
}

/// The steps of a part that are stored already.
#[derive(Default)]
struct StoredSteps {
    steps: HashSet<ImportStep>,
    has_gap: bool,
}

impl StoredSteps {
    /// Looks for them among the outcomes since the part was sent first.
    async fn read(
        gateway: &GatewayState,
        company: &Company,
        part: &ImportPart,
    ) -> Result<StoredSteps, Refusal> {
        let newest = durable_outcomes(gateway, company).await?;
        let (mut stored, mut after) = (StoredSteps::default(), part.after);
        loop {
            let read = gateway.store.outcomes(&company.id, after, limits::TRANSFER_OUTCOMES).await;
            let outcomes: Vec<Outcome> = read.map_err(Refusal::unreadable)?;
            let Some(last) = outcomes.last() else {
                // Outcomes that are not there any more were removed.
                stored.has_gap |= after < newest;
                return Ok(stored);
            };
            let first = outcomes.first().map_or(0, |outcome| outcome.sequence);
            stored.has_gap |= first != after + 1;
            after = last.sequence;
            let ids = outcomes.iter().filter_map(|outcome| outcome.request_ids.as_ref());
            stored.steps.extend(ids.filter_map(|ids| part.run.step_of(&ids.request)));
        }
    }
}

/// The rows of a part, of which some wait for their answers.
struct RowsUnderWay<'a> {
    gateway: &'a GatewayState,
    company: &'a Company,
    run: ImportRun,
    stored: StoredSteps,
    waiting: VecDeque<(u64, RowAnswer)>,
    refused: Vec<RefusedRow>,
}

impl RowsUnderWay<'_> {
    fn new<'a>(
        gateway: &'a GatewayState,
        company: &'a Company,
        run: ImportRun,
        stored: StoredSteps,
    ) -> RowsUnderWay<'a> {
        let (waiting, refused) = (VecDeque::new(), Vec::new());
        RowsUnderWay { gateway, company, run, stored, waiting, refused }
    }

    async fn apply(&mut self, rows: &[PartRow]) -> Result<(), Refusal> {
        for row in rows {
            // Commits batch the requests that wait, so many rows wait at once.
            while limits::IMPORT_ROWS_WAITING <= self.waiting.len() {
                self.wait_for_one().await?;
            }
            match row.documents.as_slice() {
                [document] => {
                    let step = ImportStep { row: row.row, document: 0 };
                    if let Some(answer) = self.enqueued(step, document.get()).await? {
                        self.waiting.push_back((row.row, answer));
                    }
                }
                _ => self.apply_steps(row).await?,
            }
        }
        Ok(())
    }

    /// A row of several bodies: each of them only if the one before was stored.
    async fn apply_steps(&mut self, row: &PartRow) -> Result<(), Refusal> {
        self.wait_for_all().await?;
        for (document, text) in row.documents.iter().enumerate() {
            let step = ImportStep { row: row.row, document };
            let refused = self.refused.len();
            if let Some(answer) = self.enqueued(step, text.get()).await? {
                self.note(row.row, answer.await)?;
            }
            if refused < self.refused.len() {
                break;
            }
        }
        Ok(())
    }

    /// Submits a body to the store, unless it is stored already or refused.
    async fn enqueued(
        &mut self,
        step: ImportStep,
        text: &str,
    ) -> Result<Option<RowAnswer>, Refusal> {
        if self.stored.steps.contains(&step) {
            return Ok(None);
        }
        let submission = match self.submission(step, text) {
            Ok(submission) => submission,
            Err(refusal) => return self.refuse(step.row, refusal).map(|()| None),
        };
        let answer = self.gateway.store.enqueue(submission).await.map_err(Refusal::Store)?;
        Ok(Some(Box::pin(answer)))
    }

    fn submission(&self, step: ImportStep, text: &str) -> Result<Submission, Refusal> {
        let revision = Revision::LATEST;
        let request = ProfileRequest::parse_at(ProfileEndpoint::Import, text.as_bytes(), revision);
        let request = request.map_err(Refusal::Violations)?;
        let ids = self.run.request_id(step).map(|request| RequestIds { request, trace: None });
        let intent = Intent::Import;
        let submission = submission::from_server(self.gateway, self.company, intent, request)?;
        Ok(Submission { request_ids: ids, ..submission })
    }

    async fn wait_for_one(&mut self) -> Result<(), Refusal> {
        let Some((row, answer)) = self.waiting.pop_front() else { return Ok(()) };
        let answer = answer.await;
        self.note(row, answer)
    }

    /// Waits for every answer, also if one of them is an error of the gateway itself.
    async fn wait_for_all(&mut self) -> Result<(), Refusal> {
        let mut waited = Ok(());
        while !self.waiting.is_empty() {
            waited = waited.and(self.wait_for_one().await);
        }
        waited
    }

    fn note(&mut self, row: u64, answer: Result<Outcome, StoreError>) -> Result<(), Refusal> {
        match answer {
            Ok(outcome) => {
                self.gateway.metrics.stored(submission::effect(&outcome));
                Ok(())
            }
            Err(error) => self.refuse(row, Refusal::Store(error)),
        }
    }

    /// Notes a refused row. An error of the gateway itself is none of the row.
    fn refuse(&mut self, row: u64, refusal: Refusal) -> Result<(), Refusal> {
        let faults = faults_of_row(refusal)?;
        self.refused.push(RefusedRow { row, faults });
        Ok(())
    }

    /// Finds out what each row would do to the store as it is.
    async fn preview(&mut self, rows: &[PartRow]) -> Result<(), Refusal> {
        for row in rows {
            for (document, text) in row.documents.iter().enumerate() {
                let step = ImportStep { row: row.row, document };
                let explained = match self.submission(step, text.get()) {
                    Ok(submission) => {
                        self.gateway.store.explain(submission).await.map_err(Refusal::Store)
                    }
                    Err(refusal) => Err(refusal),
                };
                if let Err(refusal) = explained {
                    self.refuse(row.row, refusal)?;
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The faults of a row. An error of the gateway itself is none; but what is stored about one person
/// may be damaged, which concerns the rows of this person alone.
fn faults_of_row(refusal: Refusal) -> Result<Vec<RowFault>, Refusal> {
    if let Refusal::Store(StoreError::Damaged) = refusal {
        return Ok(vec![RowFault {
            pointer: String::new(),
            code: "damaged".to_owned(),
            title: "Damaged profile.".to_owned(),
            detail: "What is stored about this person is damaged, as `gateway verify` tells; \
                     import the row again once it is repaired."
                .to_owned(),
        }]);
    }
    if refusal.status().is_server_error() { Err(refusal) } else { Ok(faults(&refusal)) }
}

fn faults(refusal: &Refusal) -> Vec<RowFault> {
    let errors = refusal.document().errors;
    let more = errors.len().saturating_sub(limits::TRANSFER_FAULTS);
    let more =
        (0 < more).then(|| RowFault::in_file("", format!("The row has {more} more faults.")));
    let told = errors.into_iter().take(limits::TRANSFER_FAULTS);
    let told = told.map(|error| RowFault {
        pointer: error.source.pointer,
        code: error.code.to_owned(),
        title: error.title.to_owned(),
        detail: match error.meta.duplicate_profile_id {
            Some(id) => format!("{} It is {id}.", error.detail),
            None => error.detail,
        },
    });
    told.chain(more).collect()
}

/// Why a part was not carried out.
pub(crate) fn reason(refusal: &Refusal) -> String {
    let errors = refusal.document().errors;
    errors.into_iter().next().map_or_else(String::new, |error| error.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_profile_is_a_fault_of_its_row_and_a_store_that_fails_is_none() {
        let faults = faults_of_row(Refusal::Store(StoreError::Damaged)).unwrap();
        assert_eq!(faults[0].code, "damaged");
        for error in [StoreError::Unavailable, StoreError::Poisoned] {
            assert!(faults_of_row(Refusal::Store(error)).is_err(), "{error:?}");
        }
    }

    #[test]
    fn a_row_with_many_faults_tells_ten_and_the_number_of_the_others() {
        let names: Vec<String> = (0..100).map(|number| format!("\"a{number}\":1")).collect();
        let attributes = names.join(",");
        let body = format!(r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#);
        let endpoint = ProfileEndpoint::Import;
        let parsed = ProfileRequest::parse_at(endpoint, body.as_bytes(), Revision::LATEST);
        let faults = faults(&Refusal::Violations(parsed.unwrap_err()));
        assert_eq!(faults.len(), limits::TRANSFER_FAULTS + 1);
        assert!(faults[10].detail.contains("more faults"), "{faults:?}");
    }
}
