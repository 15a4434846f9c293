//! What callers ask of a lane, each with the channel to answer them.

use profile_protocol::{ChangedAttribute, CompanyId};
use tokio::sync::oneshot;

use crate::{
    Claims, DecisionContext, Delete, Effect, IdGenerator, ImportJob, Intent, MergeProfiles,
    Outcome, ProfileRef, PushTokenId, RemovePushToken, RevocationScope, RevokeTokens, StoreError,
    Submission, SubmittedProfile, Undo, Unmerged,
    batch::{Batch, Wants},
    decide::{detachment::Detach, restoration::Restoration},
    lane::times_ahead::TimesAhead,
    model::deletion_job::ErasureStep,
};

/// A request that waits to be committed.
pub(crate) enum Job {
    Submit(Box<Submission>, SubmissionTicket),
    Merge(Box<MergeProfiles>, Ticket<Outcome>),
    /// With the number of failed rows of imports that earlier steps have removed.
    Delete(Box<(Delete, u32)>, Ticket<ErasureStep>),
    Undo(Box<(Undo, Ticket<Unmerged>)>),
    /// With the profile that loses identifiers.
    Detach(Box<(Detach, ProfileRef)>, Ticket<Outcome>),
    Restore(Box<(Restoration, Ticket<Vec<ChangedAttribute>>)>),
    /// With the profile whose tokens are revoked, unless all tokens of the company are.
    RevokeTokens(Box<RevokeTokens>, Option<ProfileRef>, Ticket<Outcome>),
    /// `None` is answered if the company itself asks, and no profile has the token.
    RemovePushToken(Box<RemovePushToken>, Ticket<Option<Outcome>>),
    KeepImport(CompanyId, Box<ImportJob>, Ticket<()>),
    /// Does nothing. It is answered once all that the company asked for before is.
    Fence(CompanyId, Ticket<()>),
}

/// Holds what was decided until it is committed, and then answers the caller.
pub(crate) struct Ticket<T> {
    caller: oneshot::Sender<Result<T, StoreError>>,
    decided: Option<Result<T, StoreError>>,
}

impl<T> Ticket<T> {
    /// A ticket, and where its answer arrives.
    pub(crate) fn new() -> (Ticket<T>, oneshot::Receiver<Result<T, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        (Ticket { caller, decided: None }, answer)
    }

    fn decide(&mut self, result: Result<T, StoreError>) {
        self.decided = Some(result);
    }

    // A caller that has gone is not answered; what it asked for is done all the same.
    fn answer(self) {
        let undecided = Err(StoreError::Unavailable);
        drop(self.caller.send(self.decided.unwrap_or(undecided)));
    }

    fn fail(self, error: StoreError) {
        drop(self.caller.send(Err(error)));
    }
}

/// What the caller of a submission is answered with.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all submissions have the larger one, which a box would make slower"
)]
pub(crate) enum SubmissionTicket {
    Outcome(Ticket<Outcome>),
    /// The outcome, and the profile as the submission left it.
    Profile(Box<Ticket<SubmittedProfile>>),
}

impl SubmissionTicket {
    /// Keeps the result of a submission that was decided within this batch. Returns whether it is
    /// to be stored.
    fn decide(
        &mut self,
        batch: &Batch,
        company: &CompanyId,
        result: Result<Outcome, StoreError>,
    ) -> bool {
        let stored = result.is_ok();
        match self {
            SubmissionTicket::Outcome(ticket) => ticket.decide(result),
            SubmissionTicket::Profile(ticket) => {
                ticket.decide(result.and_then(|outcome| batch.submitted(company, outcome)));
            }
        }
        stored
    }

    fn answer(self) {
        match self {
            SubmissionTicket::Outcome(ticket) => ticket.answer(),
            SubmissionTicket::Profile(ticket) => ticket.answer(),
        }
    }

    fn fail(self, error: StoreError) {
        match self {
            SubmissionTicket::Outcome(ticket) => ticket.fail(error),
            SubmissionTicket::Profile(ticket) => ticket.fail(error),
        }
    }
}

/// Time and entropy for the decisions of a batch. Entropy that went into no id serves the next
/// request.
pub(crate) struct IdSource<'a> {
    pub(crate) generator: &'a dyn IdGenerator,
    pub(crate) spare: &'a mut Option<u128>,
    pub(crate) times_ahead: &'a mut TimesAhead,
}

impl IdSource<'_> {
    pub(crate) fn context(
        &mut self,
        batch: &Batch,
        company: &CompanyId,
    ) -> Result<DecisionContext, StoreError> {
        let entropy = match *self.spare {
            Some(entropy) => entropy,
            None => self.generator.entropy().or(Err(StoreError::Unavailable))?,
        };
        *self.spare = Some(entropy);
        batch.context(company, self.generator.now(), entropy, self.times_ahead)
    }

    /// Decides a submission within a batch.
    pub(crate) fn submit(
        &mut self,
        batch: &mut Batch,
        submission: &Submission,
    ) -> Result<Outcome, StoreError> {
        let context = self.context(batch, &submission.company)?;
        let outcome = batch.submit(submission, context)?;
        if outcome.effect == Effect::Created {
            *self.spare = None;
        }
        Ok(outcome)
    }
}

impl Job {
    /// A job that removes identifiers.
    pub(crate) fn detach(asked: Detach, ticket: Ticket<Outcome>) -> Job {
        let profile = ProfileRef::Id(asked.profile);
        Job::Detach(Box::new((asked, profile)), ticket)
    }

    /// A job that revokes exchange tokens.
    pub(crate) fn revoke_tokens(asked: RevokeTokens, ticket: Ticket<Outcome>) -> Job {
        let profile = match asked.scope {
            RevocationScope::Company => None,
            RevocationScope::Profile(id) => Some(ProfileRef::Id(id)),
        };
        Job::RevokeTokens(Box::new(asked), profile, ticket)
    }

    /// The company whose profiles it concerns.
    pub(crate) fn company(&self) -> &CompanyId {
        match self {
            Job::Submit(submission, _) => &submission.company,
            Job::Merge(asked, _) => &asked.company,
            Job::Delete(asked, _) => &asked.0.company,
            Job::Undo(undo) => &undo.0.company,
            Job::Detach(asked, _) => &asked.0.company,
            Job::Restore(restoration) => &restoration.0.company,
            Job::RevokeTokens(asked, ..) => &asked.company,
            Job::RemovePushToken(asked, _) => &asked.company,
            Job::KeepImport(company, ..) | Job::Fence(company, _) => company,
        }
    }

    /// Whether it is a batch of its own. It reads keys that are only known once others were read,
    /// so requests before it in one batch could change what it has to read.
    pub(crate) fn is_alone(&self) -> bool {
        match self {
            Job::Submit(..) | Job::RemovePushToken(..) | Job::Fence(..) => false,
            Job::Merge(..)
            | Job::Delete(..)
            | Job::Undo(..)
            | Job::Detach(..)
            | Job::Restore(..)
            | Job::RevokeTokens(..)
            | Job::KeepImport(..) => true,
        }
    }

    /// Whether it is a row of a bulk import.
    pub(crate) fn is_import_row(&self) -> bool {
        match self {
            Job::Submit(submission, _) => submission.intent == Intent::Import,
            Job::RemovePushToken(..)
            | Job::Merge(..)
            | Job::Delete(..)
            | Job::Undo(..)
            | Job::Detach(..)
            | Job::Restore(..)
            | Job::RevokeTokens(..)
            | Job::KeepImport(..)
            | Job::Fence(..) => false,
        }
    }

    /// How many claims it makes.
    pub(crate) fn claims(&self) -> usize {
        match self {
            Job::Submit(submission, _) => submission.claims.made().len(),
            Job::RemovePushToken(asked, _) => {
                1 + asked.named.as_ref().map_or(0, |claims| claims.made().len())
            }
            Job::Merge(..)
            | Job::Delete(..)
            | Job::Undo(..)
            | Job::Detach(..)
            | Job::Restore(..)
            | Job::RevokeTokens(..)
            | Job::KeepImport(..)
            | Job::Fence(..) => 1,
        }
    }

    /// What has to be read before it can be decided.
    pub(crate) fn wants(&self) -> Wants<'_> {
        match self {
            Job::Submit(submission, _) => wants_of(submission),
            Job::Merge(asked, _) => Wants::Merge(&asked.company, [asked.destination, asked.source]),
            Job::Delete(asked, _) => Wants::Deletion(&asked.0.company, &asked.0.targets),
            Job::Undo(undo) => Wants::Undo(&undo.0.company, undo.0.absorbed),
            Job::Detach(asked, _) => Wants::Profiles(&asked.0.company, vec![&asked.1]),
            Job::Restore(restoration) => {
                let (asked, _) = restoration.as_ref();
                Wants::Restoration(&asked.company, &asked.profile, asked.sequences())
            }
            Job::RevokeTokens(asked, profile, _) => {
                Wants::Profiles(&asked.company, profile.iter().collect())
            }
            Job::RemovePushToken(asked, _) => {
                let claims = asked.named.iter().flat_map(Claims::made);
                let targets = claims.map(|claim| &claim.target).collect();
                Wants::PushTokenRemoval(&asked.company, targets, asked.token)
            }
            Job::KeepImport(company, job, _) => Wants::Import(company, job.head.id),
            Job::Fence(company, _) => Wants::Profiles(company, Vec::new()),
        }
    }

    /// Decides it within a batch that has read what it wants. Returns whether it is a submission
    /// that is to be stored.
    pub(crate) fn decide(&mut self, batch: &mut Batch, ids: &mut IdSource<'_>) -> bool {
        match self {
            Job::Submit(submission, ticket) => {
                let result = ids.submit(batch, submission);
                return ticket.decide(batch, &submission.company, result);
            }
            Job::Merge(asked, ticket) => {
                let context = ids.context(batch, &asked.company);
                ticket.decide(context.and_then(|context| batch.merge(asked, context)));
            }
            Job::Delete(asked, ticket) => {
                let (asked, rows) = asked.as_ref();
                let context = ids.context(batch, &asked.company);
                ticket.decide(context.and_then(|context| batch.delete(asked, *rows, context)));
                // The id of the job took it.
                *ids.spare = None;
            }
            Job::Undo(undo) => {
                let (asked, ticket) = undo.as_mut();
                let context = ids.context(batch, &asked.company);
                ticket.decide(context.and_then(|context| batch.undo(asked, context)));
            }
            Job::Detach(asked, ticket) => {
                let context = ids.context(batch, &asked.0.company);
                ticket.decide(context.and_then(|context| batch.detach(&asked.0, context)));
            }
            Job::Restore(restoration) => {
                let (asked, ticket) = restoration.as_mut();
                let context = ids.context(batch, &asked.company);
                ticket.decide(context.and_then(|context| batch.restore(asked, context)));
            }
            Job::RevokeTokens(asked, _, ticket) => {
                let context = ids.context(batch, &asked.company);
                ticket.decide(context.and_then(|context| batch.revoke_tokens(asked, context)));
            }
            Job::RemovePushToken(asked, ticket) => {
                let context = ids.context(batch, &asked.company);
                let result = context.and_then(|context| batch.remove_push_token(asked, context));
                ticket.decide(result);
            }
            Job::KeepImport(company, job, ticket) => {
                batch.keep_import(company, job.as_ref().clone());
                ticket.decide(Ok(()));
            }
            Job::Fence(_, ticket) => ticket.decide(Ok(())),
        }
        false
    }

    /// Answers with what was decided.
    pub(crate) fn answer(self) {
        match self {
            Job::Submit(_, ticket) => ticket.answer(),
            Job::Merge(_, ticket) | Job::Detach(_, ticket) | Job::RevokeTokens(.., ticket) => {
                ticket.answer();
            }
            Job::Delete(_, ticket) => ticket.answer(),
            Job::RemovePushToken(_, ticket) => ticket.answer(),
            Job::Undo(undo) => undo.1.answer(),
            Job::Restore(restoration) => restoration.1.answer(),
            Job::KeepImport(_, _, ticket) | Job::Fence(_, ticket) => ticket.answer(),
        }
    }

    /// Answers that nothing of it was stored.
    pub(crate) fn fail(self, error: StoreError) {
        match self {
            Job::Submit(_, ticket) => ticket.fail(error),
            Job::Merge(_, ticket) | Job::Detach(_, ticket) | Job::RevokeTokens(.., ticket) => {
                ticket.fail(error);
            }
            Job::Delete(_, ticket) => ticket.fail(error),
            Job::RemovePushToken(_, ticket) => ticket.fail(error),
            Job::Undo(undo) => undo.1.fail(error),
            Job::Restore(restoration) => restoration.1.fail(error),
            Job::KeepImport(_, _, ticket) | Job::Fence(_, ticket) => ticket.fail(error),
        }
    }
}

/// What deciding a submission takes: the profiles that its claims lead to, and what is stored about
/// its push token.
pub(crate) fn wants_of(submission: &Submission) -> Wants<'_> {
    let targets: Vec<&ProfileRef> =
        submission.claims.made().iter().map(|claim| &claim.target).collect();
    match &submission.push_token {
        None => Wants::Profiles(&submission.company, targets),
        Some(details) => {
            let token = PushTokenId::of_token(&details.token);
            Wants::PushToken(&submission.company, targets, token)
        }
    }
}
