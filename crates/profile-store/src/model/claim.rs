//! One claim: a statement of a request about which profile it concerns.

use profile_protocol::{IdentifierKind, ProfileId};

use crate::{Identifier, TokenTerms};

/// The part of a request that a claim comes from.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ClaimSource {
    /// `meta.identifiers`, which names the profile that the request is about.
    Subject,
    /// The attributes.
    Attributes,
    /// `meta.patch_identifiers.append`, which adds secondary email addresses.
    Append,
    /// A command of the company, such as a merge, an undo or a deletion.
    Command,
}

/// A reference to a profile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProfileRef {
    /// The profile with this id, sent as such or inside an exchange token.
    Id(ProfileId),
    /// The profile that holds this identifier.
    Identifier(Identifier),
}

impl ProfileRef {
    /// The identifier, unless this is a profile id.
    pub(crate) fn identifier(&self) -> Option<&Identifier> {
        match self {
            ProfileRef::Id(_) => None,
            ProfileRef::Identifier(identifier) => Some(identifier),
        }
    }

    /// The kind of the reference.
    pub(crate) fn kind(&self) -> IdentifierKind {
        match self {
            ProfileRef::Id(_) => IdentifierKind::Id,
            ProfileRef::Identifier(identifier) => identifier.kind(),
        }
    }
}

/// One statement of a request about which profile it concerns.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The profile that the claim names.
    pub target: ProfileRef,
    /// The part of the request that the claim comes from.
    pub origin: ClaimSource,
    /// The terms of the exchange token that the claim was sent in, if it was. They are checked once
    /// the profile is read.
    pub token: Option<TokenTerms>,
}

impl Claim {
    /// The kind of the claim, which determines its authority.
    pub fn kind(&self) -> IdentifierKind {
        self.target.kind()
    }
}

/// Who vouches for the claims of a request.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ClaimAuthor {
    /// A client, that is anyone.
    #[default]
    Client,
    /// The company: it sent the request with a private key, or signed what the client names.
    Company,
}

/// Why the external id, email and phone number of a client do not count, where the company
/// requires a signature.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum Unsigned {
    #[error("unsigned")]
    Missing,
    #[error("signature wrong")]
    Wrong,
    #[error("signature expired")]
    Expired,
}
