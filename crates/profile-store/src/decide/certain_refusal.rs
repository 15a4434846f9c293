//! Profiles that a request of a client finds and certainly does not change.

use crate::{
    Caller, ClaimAuthor, Intent, StoredProfile, Submission,
    decide::{resolution::survivor, single_identifiers::SingleIdentifiers},
};

/// For each profile that the claims of a request find, whether its identifiers alone decide that
/// the claims are refused. `reached` holds, for each claim, the profile that it
/// finds, whose attributes may be missing.
///
/// So it is with the request of a client that finds a person who holds another address, number or
/// external id than the survivor: no claim merges the two. The attributes of that person are not
/// needed, and what it takes to read them does not show in the time of the answer.
pub(crate) fn certain_refusals(
    submission: &Submission,
    reached: &[Option<&StoredProfile>],
) -> Vec<bool> {
    let claims = &submission.claims;
    let may_merge_all = submission.caller != Caller::Client
        || claims.author() != ClaimAuthor::Client
        || submission.intent != Intent::Upsert
        || claims.made().iter().any(|claim| claim.token.is_some());
    let survivor = survivor(claims, reached, submission.intent, &submission.settings)
        .filter(|_| !may_merge_all);
    let held = survivor.map(|one| (one.id, SingleIdentifiers::from_profile(&one.identifiers)));
    let is_refused = |profile: &StoredProfile| {
        held.as_ref().is_some_and(|(id, held)| {
            let theirs = SingleIdentifiers::from_profile(&profile.identifiers);
            *id != profile.id && held.differs_from(&theirs)
        })
    };
    reached.iter().map(|profile| profile.is_some_and(is_refused)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use profile_protocol::{Attributes, Patch, ProfileId, Revision};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Authored, Claim, ClaimSource, Claims, DecisionContext, Identifier, IdentitySettings,
        Profile, ProfileRef, RequestSender, Timestamp, arbitrary::profiles, decide,
    };

    fn submission(profiles: [&Profile; 2]) -> (Submission, Vec<usize>) {
        let (mut made, mut reached) = (Vec::new(), Vec::new());
        for (position, profile) in profiles.into_iter().enumerate() {
            for identifier in profile.identifiers.iter() {
                let (origin, token) = (ClaimSource::Attributes, None);
                let target = ProfileRef::Identifier(identifier);
                made.push(Claim { target, origin, token });
                reached.push(position);
            }
        }
        let submission = Submission {
            push_token: None,
            company: "DEMO01".parse().unwrap(),
            caller: Caller::Client,
            intent: Intent::Upsert,
            revision: Revision::LATEST,
            request_ids: None,
            sender: RequestSender::default(),
            claims: Claims::default().with_made(made, Vec::new()),
            cleared: Vec::new(),
            leaving_emails: Vec::new(),
            patch: Patch::default(),
            settings: Arc::new(IdentitySettings::default()),
        };
        (submission, reached)
    }

    const CONTEXT: DecisionContext = DecisionContext {
        now: Timestamp::from_millis(9),
        entropy: 9,
        sequence: 9,
        tokens_revoked: None,
    };

    proptest! {
        #[test]
        fn a_request_is_decided_alike_without_the_attributes_of_a_refused_profile(
            first in profiles(),
            second in profiles(),
        ) {
            let mut second = Profile { id: ProfileId::from_bits(first.id.bits() ^ 1), ..second };
            for identifier in first.identifiers.iter() {
                // No two profiles hold one identifier.
                match &identifier {
                    Identifier::AnonymousId(id) => {
                        second.identifiers.devices.retain(|device| device.id != *id);
                    }
                    _ if second.identifiers.holds(&identifier) => {
                        second.identifiers.secondary_emails.clear();
                        second.identifiers.remove_single(identifier.kind());
                    }
                    Identifier::PhoneNumber(_)
                    | Identifier::Email(_)
                    | Identifier::ExternalId(_) => {}
                }
            }
            let (submission, positions) = submission([&first, &second]);
            let head = Profile {
                attributes: Attributes::default(),
                authored: Authored::default(),
                ..second.clone()
            };
            let [first, second, head] = [first, second, head].map(StoredProfile::from);
            let all = |second| -> Vec<Option<&StoredProfile>> {
                positions.iter().map(|at| Some(if *at == 0 { &first } else { second })).collect()
            };
            let (whole, heads) = (all(&second), all(&head));
            let refused = certain_refusals(&submission, &heads);
            prop_assert_eq!(&refused, &certain_refusals(&submission, &whole));
            let first_refused = refused.iter().zip(&positions).any(|(one, at)| *one && *at == 0);
            if refused.contains(&true) && !first_refused {
                let [whole, heads] = [whole, heads].map(|reached| {
                    decide(&submission, &reached, CONTEXT).map(|decision| {
                        let profile = decision.profile.map(|one| one.decode().unwrap());
                        (decision.outcome, profile, decision.merges)
                    })
                });
                prop_assert_eq!(whole, heads);
            }
        }
    }
}
