//! The identifiers of which a profile holds at most one each, while claims are resolved.

use profile_protocol::{Email, ExternalId, IdentifierKind, PhoneNumber};

use crate::{Claim, ClaimAuthor, ClaimSource, Identifier, ProfileIdentifiers, SingleKinds};

/// The external id, primary email address and phone number of a profile.
#[derive(Clone, Copy, Default)]
pub(super) struct SingleIdentifiers<'a> {
    external_id: Option<SingleIdentifier<'a>>,
    email: Option<SingleIdentifier<'a>>,
    phone_number: Option<SingleIdentifier<'a>>,
}

/// The canonical text of an identifier, and who has named it.
#[derive(Clone, Copy)]
struct SingleIdentifier<'a> {
    text: &'a str,
    author: ClaimAuthor,
}

/// Which identifiers of two profiles speak against their merge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Counted {
    /// All of them.
    All,
    /// Those that the company has named, and an identifier of the claim's own kind that the merge
    /// would lose.
    ByCompany,
}

/// Whether a request names other identifiers than a profile with these holds, of those that
/// `holds_another` counts. An address to append says nothing about the primary one.
pub(super) fn is_contradicted<'a>(
    identifiers: &'a ProfileIdentifiers,
    claims: &[Claim],
    holds_another: impl Fn(&SingleIdentifiers<'a>, &Identifier) -> bool,
) -> bool {
    let held = SingleIdentifiers::from_profile(identifiers);
    let named = claims.iter().filter(|claim| claim.origin != ClaimSource::Append);
    let mut named = named.filter_map(|claim| claim.target.identifier());
    named.any(|identifier| holds_another(&held, identifier) && !identifiers.holds(identifier))
}

impl<'a> SingleIdentifiers<'a> {
    pub(super) fn from_profile(identifiers: &'a ProfileIdentifiers) -> SingleIdentifiers<'a> {
        let ProfileIdentifiers { external_id, email, phone_number, client_attached, .. } =
            identifiers;
        let single = |kind, text: Option<&'a str>| {
            let by_client = client_attached.contains(kind);
            let author = if by_client { ClaimAuthor::Client } else { ClaimAuthor::Company };
            text.map(|text| SingleIdentifier { text, author })
        };
        SingleIdentifiers {
            external_id: single(
                IdentifierKind::ExternalId,
                external_id.as_ref().map(ExternalId::as_str),
            ),
            email: single(IdentifierKind::Email, email.as_ref().map(Email::as_str)),
            phone_number: single(
                IdentifierKind::PhoneNumber,
                phone_number.as_ref().map(PhoneNumber::as_str),
            ),
        }
    }

    fn of_kind(&self, kind: IdentifierKind) -> Option<SingleIdentifier<'a>> {
        match kind {
            IdentifierKind::ExternalId => self.external_id,
            IdentifierKind::Email => self.email,
            IdentifierKind::PhoneNumber => self.phone_number,
            IdentifierKind::AnonymousId | IdentifierKind::Id => None,
        }
    }

    fn of_kind_mut(&mut self, kind: IdentifierKind) -> Option<&mut Option<SingleIdentifier<'a>>> {
        match kind {
            IdentifierKind::ExternalId => Some(&mut self.external_id),
            IdentifierKind::Email => Some(&mut self.email),
            IdentifierKind::PhoneNumber => Some(&mut self.phone_number),
            IdentifierKind::AnonymousId | IdentifierKind::Id => None,
        }
    }

    /// Whether another identifier of the same kind is held.
    pub(super) fn hold_another(&self, identifier: &Identifier) -> bool {
        self.of_kind(identifier.kind()).is_some_and(|own| own.text != identifier.as_str())
    }

    /// Whether another identifier of the same kind is held, which the company has named.
    pub(super) fn hold_another_of_company(&self, identifier: &Identifier) -> bool {
        self.of_kind(identifier.kind()).is_some_and(|own| {
            own.text != identifier.as_str() && own.author == ClaimAuthor::Company
        })
    }

    /// Whether both hold an identifier of some kind, and not the same one.
    pub(super) fn differs_from(&self, other: &SingleIdentifiers<'_>) -> bool {
        SingleKinds::ALL.into_iter().any(|kind| {
            let both = self.of_kind(kind).zip(other.of_kind(kind));
            both.is_some_and(|(ours, theirs)| ours.text != theirs.text)
        })
    }

    pub(super) fn set(&mut self, identifier: &'a Identifier, author: ClaimAuthor) {
        if let Some(own) = self.of_kind_mut(identifier.kind()) {
            *own = Some(SingleIdentifier { text: identifier.as_str(), author });
        }
    }

    /// The kind of highest authority in which a merge of the other profile, to which a claim of
    /// this kind leads, has a conflict.
    pub(super) fn conflict(
        &self,
        other: &SingleIdentifiers<'_>,
        claimed: IdentifierKind,
        counted: Counted,
    ) -> Option<IdentifierKind> {
        SingleKinds::ALL.into_iter().find(|&kind| {
            let (Some(ours), Some(theirs)) = (self.of_kind(kind), other.of_kind(kind)) else {
                return false;
            };
            let counts = match (counted, theirs.author) {
                (Counted::All, _) => true,
                (Counted::ByCompany, ClaimAuthor::Client) => kind == claimed,
                (Counted::ByCompany, ClaimAuthor::Company) => ours.author == ClaimAuthor::Company,
            };
            ours.text != theirs.text && counts
        })
    }

    /// Takes the identifiers of a profile that is merged into this one, as
    /// [`merge`](crate::merge) does.
    pub(super) fn fill_from(&mut self, other: &SingleIdentifiers<'a>) {
        for kind in SingleKinds::ALL {
            if let (Some(own), Some(theirs)) = (self.of_kind_mut(kind), other.of_kind(kind)) {
                let stands = own.is_some_and(|own| {
                    own.author == ClaimAuthor::Company || theirs.author == ClaimAuthor::Client
                });
                if !stands {
                    *own = Some(theirs);
                }
            }
        }
    }
}
