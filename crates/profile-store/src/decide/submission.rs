//! Submissions: requests that are ready to be decided.

use std::sync::Arc;

use profile_protocol::{CompanyId, Email, IdentifierKind, Patch, PushTokenDetails, Revision};

use crate::{
    Caller, Claims, IdentitySettings, Intent, Outcome, Profile, RequestIds, RequestSender,
    Timestamp,
};

/// One request, ready to be decided.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The company whose profiles the request concerns.
    pub company: CompanyId,
    /// The sender.
    pub caller: Caller,
    /// What the request is meant to do.
    pub intent: Intent,
    /// The API revision of the request.
    pub revision: Revision,
    /// The ids of the request, which its outcome keeps.
    pub request_ids: Option<RequestIds>,
    /// Where the request of a client came from, which its outcome keeps.
    pub sender: RequestSender,
    /// The claims about which profile the request concerns.
    pub claims: Claims,
    /// The kinds whose identifiers the request removes from the profile: `email`,
    /// `phone_number` and `external_id`. Only the company itself may remove one. An identifier of
    /// a kind that the request also names stays.
    pub cleared: Vec<IdentifierKind>,
    /// The secondary email addresses to remove. Those to add are among the claims.
    pub leaving_emails: Vec<Email>,
    /// The changes of attributes.
    pub patch: Patch,
    /// The push token that belongs to the profile from now on.
    pub push_token: Option<Box<PushTokenDetails>>,
    /// The identity settings of the company.
    pub settings: Arc<IdentitySettings>,
}

/// A submission that was decided, with the profile that it concerns.
#[derive(Clone, Debug)]
pub struct SubmittedProfile {
    /// The outcome.
    pub outcome: Outcome,
    /// The profile as the submission left it; `None` if the submission concerns no profile.
    pub profile: Option<Profile>,
}

/// The input of a decision beside the request and the stored profiles.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext {
    /// The current time.
    pub now: Timestamp,
    /// The random bits for the id of a profile that the request may create; see
    /// [`IdGenerator::entropy`](crate::IdGenerator::entropy).
    pub entropy: u128,
    /// The number of the outcome.
    pub sequence: u64,
    /// When the company revoked the exchange tokens of all profiles last.
    pub tokens_revoked: Option<Timestamp>,
}
