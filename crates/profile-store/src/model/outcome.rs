//! Outcomes: what became of one request, and why. No value of a person is in
//! them, only the names of what changed.

use std::fmt;

use profile_protocol::{ChangedAttribute, IdentifierKind, ProfileId, Revision};

use crate::{ClaimSource, InvalidToken, Timestamp, Unsigned};

/// Who is asking.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Caller {
    /// Anyone who knows the company's public key. Identifiers that a profile
    /// holds are never rewritten.
    Client,
    /// The company itself. Identifiers are replaced.
    Server,
}

impl Caller {
    /// The word for it in records and answers.
    pub const fn word(self) -> &'static str {
        match self {
            Caller::Client => "client",
            Caller::Server => "server",
        }
    }
}

/// What a request did to the profile it is about.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Effect {
    /// There was none; now there is.
    Created,
    /// Something about it changed.
    Updated,
    /// Nothing about it changed.
    Unchanged,
    /// No claim led to anybody, and none could be held.
    Unidentified,
    /// A merge into it was undone.
    Unmerged,
    /// It was deleted.
    Deleted,
}

impl Effect {
    /// The word for it in records and answers.
    pub const fn word(self) -> &'static str {
        match self {
            Effect::Created => "created",
            Effect::Updated => "updated",
            Effect::Unchanged => "unchanged",
            Effect::Unidentified => "unidentified",
            Effect::Unmerged => "unmerged",
            Effect::Deleted => "deleted",
        }
    }
}

/// What became of one claim.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ClaimResult {
    /// It led to the survivor.
    Matched,
    /// It led to nobody and now leads to the survivor.
    Attached,
    /// As `Attached`, and the identifier that was in its place no longer leads
    /// anywhere.
    Replaced,
    /// It led to this other profile, which was merged into the survivor.
    Absorbed(ProfileId),
    /// It named this absorbed profile, which lives again.
    Restored(ProfileId),
    /// Nothing was claimed: an identifier of this kind was let go of, by the survivor
    /// or by a profile merged into it.
    Released,
    /// It led to another profile, which stays apart.
    Refused(Refused),
    /// It led to nobody and was not taken up.
    Ignored(Ignored),
}

impl ClaimResult {
    /// The word for it in records and answers.
    pub const fn word(self) -> &'static str {
        match self {
            ClaimResult::Matched => "matched",
            ClaimResult::Attached | ClaimResult::Replaced => "attached",
            ClaimResult::Absorbed(_) => "absorbed",
            ClaimResult::Restored(_) => "restored",
            ClaimResult::Released => "released",
            ClaimResult::Refused(_) => "refused",
            ClaimResult::Ignored(_) => "ignored",
        }
    }
}

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Refused {
    /// The value is a placeholder such as `undefined`.
    Sentinel,
    /// The other profile owns an identifier of this kind, of higher authority
    /// than the claim.
    OwnsHigher(IdentifierKind),
    /// Both hold an identifier of this kind, and not the same.
    HeldDifferently(IdentifierKind),
    /// The same claim merged the two before, and that was undone.
    Undone,
    /// The company wrote something else of the one than of the other, and protects what
    /// it wrote.
    Protected,
    /// As many profiles as may be have been merged into the survivor.
    MergeCap,
    /// The two together would have more properties than a profile may.
    TooLarge,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Sentinel => f.write_str("placeholder"),
            Refused::OwnsHigher(kind) => write!(f, "owns its own {kind}"),
            Refused::HeldDifferently(kind) => write!(f, "holds another {kind}"),
            Refused::Undone => f.write_str("undone before"),
            Refused::Protected => f.write_str("the company wrote otherwise"),
            Refused::MergeCap => f.write_str("merge cap reached"),
            Refused::TooLarge => f.write_str("too many properties together"),
        }
    }
}

/// Why a claim was ignored.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ignored {
    /// The survivor's place for it holds another value, which a client may not
    /// replace.
    PlaceTaken,
    /// No profile has, or had, this id.
    UnknownId,
    /// The id is of a form that this system never gives out.
    ForeignId,
    /// Only the company itself may change secondary addresses.
    ServerOnly,
    /// The token stands for nobody.
    Token(InvalidToken),
    /// The company wants it signed, and it is not.
    Unsigned(Unsigned),
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ignored::PlaceTaken => f.write_str("place taken"),
            Ignored::UnknownId => f.write_str("unknown id"),
            Ignored::ForeignId => f.write_str("id of another system"),
            Ignored::ServerOnly => f.write_str("for the company itself"),
            Ignored::Token(reason) => write!(f, "token {reason}"),
            Ignored::Unsigned(reason) => reason.fmt(f),
        }
    }
}

/// One claim and what became of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClaimOutcome {
    /// The kind of the claim.
    pub kind: IdentifierKind,
    /// Where it stood.
    pub origin: ClaimSource,
    /// What became of it.
    pub result: ClaimResult,
}

/// What became of one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Its number among the company's outcomes: greater than every earlier one.
    pub sequence: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked.
    pub caller: Caller,
    /// The revision they asked at.
    pub revision: Revision,
    /// The profile the request turned out to be about.
    pub survivor: Option<ProfileId>,
    /// What it did to that profile.
    pub effect: Effect,
    /// What became of each claim, in the order in which they were looked up,
    /// then of what was said but is no claim.
    pub claims: Vec<ClaimOutcome>,
    /// The attributes that changed: at most [`limits::CHANGED_NAMES`] of them.
    ///
    /// [`limits::CHANGED_NAMES`]: crate::limits::CHANGED_NAMES
    pub changed: Vec<ChangedAttribute>,
    /// How many more changed than are listed.
    pub changed_unlisted: usize,
    /// The attributes that a client would have changed, had the company not written
    /// them and protected them: at most [`limits::CHANGED_NAMES`] of them.
    ///
    /// [`limits::CHANGED_NAMES`]: crate::limits::CHANGED_NAMES
    pub withheld: Vec<ChangedAttribute>,
    /// How many more were withheld than are listed.
    pub withheld_unlisted: usize,
    /// The newest earlier outcomes about the survivor and about each profile it
    /// absorbed, or that was restored from it, in the order of the claims that name
    /// them: follow these to read a profile's history.
    pub previous: Vec<u64>,
}

impl Outcome {
    /// The profiles that were merged into the survivor.
    pub fn absorbed(&self) -> impl Iterator<Item = ProfileId> {
        let mut seen = Vec::new();
        self.claims.iter().filter_map(move |claim| match claim.result {
            ClaimResult::Absorbed(id) if !seen.contains(&id) => {
                seen.push(id);
                Some(id)
            }
            _ => None,
        })
    }
}
