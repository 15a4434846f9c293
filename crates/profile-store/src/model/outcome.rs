//! Outcomes: the result of one request, and why. An outcome contains names of attributes, but no
//! value of a person.

use std::fmt;

use profile_protocol::{ChangedAttribute, IdentifierKind, ProfileId, Revision};

use crate::{
    Timestamp,
    model::{
        claim::{ClaimSource, Unsigned},
        push_token::{PushTokenOutcome, PushTokenResult},
        request_id::RequestIds,
        sender::RequestSender,
        token::InvalidToken,
    },
};

/// The sender of a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Caller {
    /// A holder of the company's public key. A client never replaces an identifier of a profile.
    Client,
    /// The company itself, with a private key. It replaces identifiers.
    Server,
}

impl Caller {
    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Caller::Client => "client",
            Caller::Server => "server",
        }
    }
}

/// What a request did to its profile.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Effect {
    /// The request created the profile.
    Created,
    /// The request changed the profile.
    Updated,
    /// The request changed nothing.
    Unchanged,
    /// No claim found a profile, and none could be attached to a new one.
    Unidentified,
    /// A merge into the profile was undone.
    Unmerged,
    /// The profile was deleted.
    Deleted,
    /// A deletion found no profile.
    NothingDeleted,
    /// The exchange tokens of the profile were revoked; without a profile, those of the company.
    TokensRevoked,
}

impl Effect {
    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Effect::Created => "created",
            Effect::Updated => "updated",
            Effect::Unchanged => "unchanged",
            Effect::Unidentified => "unidentified",
            Effect::Unmerged => "unmerged",
            Effect::Deleted => "deleted",
            Effect::NothingDeleted => "nothing_deleted",
            Effect::TokensRevoked => "tokens_revoked",
        }
    }
}

/// The result of one claim.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ClaimResult {
    /// The claim found the survivor.
    Matched,
    /// The claim found no profile. The survivor now holds its identifier.
    Attached,
    /// As `Attached`. The identifier of the same kind that the survivor held was removed.
    Replaced,
    /// The claim found this other profile, which was merged into the survivor.
    Absorbed(ProfileId),
    /// The claim of the company found this other profile, which had the identifier from a client.
    /// The survivor now holds the identifier, and the other profile no longer does.
    Moved(ProfileId),
    /// The claim named this absorbed profile, which was restored.
    Restored(ProfileId),
    /// Not a claim: the survivor, or a profile merged into it, lost an identifier of this kind.
    Released,
    /// The claim was refused: its value is a placeholder, or it found another profile, which was
    /// not merged.
    Refused(Refused),
    /// The claim was not looked up, or it found no profile and its identifier was not attached.
    Ignored(Ignored),
}

impl ClaimResult {
    /// Whether the profile got the identifier from the request.
    pub(crate) const fn is_attachment(self) -> bool {
        matches!(self, ClaimResult::Attached | ClaimResult::Replaced | ClaimResult::Moved(_))
    }

    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            ClaimResult::Matched => "matched",
            ClaimResult::Attached | ClaimResult::Replaced => "attached",
            ClaimResult::Absorbed(_) => "absorbed",
            ClaimResult::Moved(_) => "moved",
            ClaimResult::Restored(_) => "restored",
            ClaimResult::Released => "released",
            ClaimResult::Refused(_) => "refused",
            ClaimResult::Ignored(_) => "ignored",
        }
    }

    /// The profile that the claim led to a merge of.
    pub(crate) const fn absorbed(self) -> Option<ProfileId> {
        match self {
            ClaimResult::Absorbed(id) => Some(id),
            ClaimResult::Matched
            | ClaimResult::Attached
            | ClaimResult::Replaced
            | ClaimResult::Moved(_)
            | ClaimResult::Restored(_)
            | ClaimResult::Released
            | ClaimResult::Refused(_)
            | ClaimResult::Ignored(_) => None,
        }
    }
}

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Refused {
    /// The value is a placeholder such as `undefined`.
    Placeholder,
    /// The other profile holds an identifier of this kind, which has higher authority than the
    /// claim.
    OwnsHigher(IdentifierKind),
    /// The profiles hold different identifiers of this kind.
    HeldDifferently(IdentifierKind),
    /// The same claim merged the profiles before, and that merge was undone.
    Undone,
    /// The company wrote different values to the profiles, and protects them.
    Protected,
    /// The survivor has reached the limit of merges.
    MergeCap,
    /// The sender has had as many profiles merged as it may in so short a time.
    MergeRate,
    /// The merged profile would exceed the limit of properties.
    TooLarge,
    /// A client may not merge two profiles if the company knows more of both than the request
    /// names.
    BothKnown,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Placeholder => f.write_str("placeholder"),
            Refused::OwnsHigher(kind) => write!(f, "owns its own {kind}"),
            Refused::HeldDifferently(kind) => write!(f, "holds another {kind}"),
            Refused::Undone => f.write_str("undone before"),
            Refused::Protected => f.write_str("the company wrote otherwise"),
            Refused::MergeCap => f.write_str("merge cap reached"),
            Refused::MergeRate => f.write_str("too many merges at once"),
            Refused::TooLarge => f.write_str("too many properties together"),
            Refused::BothKnown => f.write_str("the company knows both"),
        }
    }
}

/// Why a claim was ignored.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ignored {
    /// The survivor holds another identifier of this kind, or its list is full.
    AnotherHeld,
    /// No profile has, or had, this id.
    UnknownId,
    /// The id has a form that this system never generates.
    ForeignId,
    /// No profile holds, or has held, the identifier of a deletion.
    NoProfile,
    /// Only the company itself may change secondary email addresses.
    ServerOnly,
    /// The token names no profile.
    Token(InvalidToken),
    /// The company requires a signature, and the claim has none that is valid.
    Unsigned(Unsigned),
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ignored::AnotherHeld => f.write_str("place taken"),
            Ignored::UnknownId => f.write_str("unknown id"),
            Ignored::ForeignId => f.write_str("id of another system"),
            Ignored::NoProfile => f.write_str("no profile"),
            Ignored::ServerOnly => f.write_str("for the company itself"),
            Ignored::Token(reason) => write!(f, "token {reason}"),
            Ignored::Unsigned(reason) => reason.fmt(f),
        }
    }
}

/// One claim and its result.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClaimOutcome {
    /// The kind of the claim.
    pub kind: IdentifierKind,
    /// The part of the request that the claim comes from.
    pub origin: ClaimSource,
    /// The result.
    pub result: ClaimResult,
}

/// The result of one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// The number among the company's outcomes, greater than every earlier one.
    pub sequence: u64,
    /// When the request was decided.
    pub at: Timestamp,
    /// The sender of the request.
    pub caller: Caller,
    /// The API revision of the request.
    pub revision: Revision,
    /// The profile that the request concerns.
    pub survivor: Option<ProfileId>,
    /// What the request did to that profile.
    pub effect: Effect,
    /// The result of each claim in lookup order, then of identifiers that are not claims.
    pub claims: Vec<ClaimOutcome>,
    /// The attributes that changed: at most [`limits::CHANGED_NAMES`] of them.
    ///
    /// [`limits::CHANGED_NAMES`]: crate::limits::CHANGED_NAMES
    pub changed: Vec<ChangedAttribute>,
    /// The number of further attributes that changed.
    pub changed_unlisted: usize,
    /// The attributes that a client did not change because the company protects them, or because
    /// the profile has no space for clients: at most [`limits::CHANGED_NAMES`] of them.
    ///
    /// [`limits::CHANGED_NAMES`]: crate::limits::CHANGED_NAMES
    pub withheld: Vec<ChangedAttribute>,
    /// The number of further attributes that were withheld.
    pub withheld_unlisted: usize,
    /// The numbers of the previous outcomes about the survivor and about each profile that was
    /// merged into it, was restored from it or gave it an identifier, in the order of the claims,
    /// and about a profile that gave it a push token. They link the history of a profile.
    pub previous: Vec<u64>,
    /// The ids of the request. Outcomes of earlier releases have none.
    pub request_ids: Option<RequestIds>,
    /// What the request did with push tokens, if it names one.
    pub push_token: Option<PushTokenOutcome>,
    /// Where the request of a client came from. Outcomes of earlier releases do not tell.
    pub sender: RequestSender,
}

impl Outcome {
    /// The profiles that the outcome is about: its survivor, and those that were merged into it,
    /// restored from it, or gave it an identifier or a push token.
    pub(crate) fn concerned(&self) -> Vec<ProfileId> {
        let mut concerned: Vec<ProfileId> = self.survivor.into_iter().collect();
        for claim in &self.claims {
            if let ClaimResult::Absorbed(id) | ClaimResult::Restored(id) | ClaimResult::Moved(id) =
                claim.result
                && !concerned.contains(&id)
            {
                concerned.push(id);
            }
        }
        if let Some(PushTokenOutcome { result: PushTokenResult::Moved(id), .. }) = self.push_token
            && !concerned.contains(&id)
        {
            concerned.push(id);
        }
        concerned
    }

    /// The profiles that were merged into the survivor.
    pub fn absorbed(&self) -> impl Iterator<Item = ProfileId> {
        let mut seen = Vec::new();
        let absorbed = self.claims.iter().filter_map(|claim| claim.result.absorbed());
        absorbed.filter(move |id| {
            let is_new = !seen.contains(id);
            if is_new {
                seen.push(*id);
            }
            is_new
        })
    }
}
