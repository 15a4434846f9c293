//! Repair of push tokens: those that profiles got from one sender are removed, and those that other
//! profiles had before are given back.

use std::{collections::BTreeMap, sync::Arc};

use profile_protocol::{EnablementStatus, Patch, ProfileId, PushTokenDetails};

use super::{
    Store,
    repair::{Repair, RepairError, Repaired},
};
use crate::{
    Caller, Claim, ClaimSource, Claims, Intent, ProfileRef, RemovePushToken, RequestSender,
    StoredPushToken, Submission, Timestamp, decide::repair::SenderTraces, engine::EngineError,
    read::push_tokens::of_holders,
};

/// A push token that a profile got from the sender.
#[derive(Clone, Debug)]
struct SenderToken {
    /// The profile that got it.
    holder: ProfileId,
    token: StoredPushToken,
    /// The profile that had it before the sender registered it anywhere, if that is certain and
    /// there is still one.
    previous: Option<ProfileId>,
}

impl Store {
    /// What a repair would do with push tokens.
    pub(super) async fn preview_tokens(
        &self,
        asked: &Repair,
        traces: &SenderTraces,
        repaired: &mut Repaired,
    ) -> Result<(), EngineError> {
        for SenderToken { holder, token, previous } in self.sender_tokens(asked, traces).await? {
            repaired.removed_tokens.push((holder, token.id()));
            repaired.returned_tokens.extend(previous.map(|previous| (previous, token.id())));
        }
        Ok(())
    }

    /// Removes the push tokens that the sender registered, and gives those that it took from other
    /// profiles back to them.
    pub(super) async fn repair_tokens(
        &self,
        asked: &Repair,
        traces: &SenderTraces,
        repaired: &mut Repaired,
    ) -> Result<(), RepairError> {
        for SenderToken { holder, token, previous } in self.sender_tokens(asked, traces).await? {
            let is_done = if let Some(previous) = previous {
                self.give_back(asked, previous, &token, repaired).await?
            } else {
                self.remove_push_token(removal(asked, &token)).await?.is_some()
            };
            // Otherwise another profile got it, or it was erased in the meantime.
            if is_done {
                repaired.removed_tokens.push((holder, token.id()));
            }
        }
        Ok(())
    }

    /// Gives a token back to a profile in one step, unless it has moved since it was read.
    async fn give_back(
        &self,
        asked: &Repair,
        previous: ProfileId,
        token: &StoredPushToken,
        repaired: &mut Repaired,
    ) -> Result<bool, RepairError> {
        let now = self.push_token(&asked.company, token.id()).await?;
        if now.is_none_or(|owned| owned.token.created != token.created) {
            return Ok(false);
        }
        let outcome = self.submit(registration(asked, previous, token)).await?;
        let is_back = outcome.push_token.is_some_and(|token| token.result.is_arrival());
        if is_back {
            repaired.returned_tokens.push((previous, token.id()));
        }
        Ok(is_back)
    }

    /// The tokens that profiles got from the sender, and still have.
    async fn sender_tokens(
        &self,
        asked: &Repair,
        traces: &SenderTraces,
    ) -> Result<Vec<SenderToken>, EngineError> {
        let mut held = BTreeMap::new();
        for holder in traces.token_holders() {
            held.insert(holder, self.tokens_under(asked, holder).await?);
        }
        let is_held = |holder: ProfileId, at| {
            held.get(&holder).is_some_and(|tokens| tokens.iter().any(|one| one.created == at))
        };
        let mut found = Vec::new();
        for (&holder, tokens) in &held {
            for token in tokens {
                let place = (holder, token.created);
                if !traces.tokens.contains_key(&place)
                    || traces.tokens_of_company.contains(&token.recorded)
                {
                    continue;
                }
                let previous = origin(traces, place, is_held);
                let owner = self.apart(asked, traces, previous).await?;
                if owner.is_some() && owner == self.apart(asked, traces, Some(holder)).await? {
                    // The sender has moved it there and back, or the two are one person by now.
                    continue;
                }
                let previous = previous.filter(|_| owner.is_some());
                found.push(SenderToken { holder, token: token.clone(), previous });
            }
        }
        Ok(found)
    }

    /// Forgets the tokens that the profiles which got them from the sender have no more.
    pub(super) async fn forget_tokens(
        &self,
        asked: &Repair,
        traces: &mut SenderTraces,
    ) -> Result<(), EngineError> {
        for holder in traces.token_holders() {
            let tokens = self.tokens_under(asked, holder).await?;
            let is_held = |at| tokens.iter().any(|token| token.created == at);
            let before = traces.tokens.len();
            traces.tokens.retain(|(one, at), _| *one != holder || is_held(*at));
            traces.are_tokens_forgotten |= traces.tokens.len() < before;
        }
        Ok(())
    }

    /// The tokens that are kept under this id.
    async fn tokens_under(
        &self,
        asked: &Repair,
        holder: ProfileId,
    ) -> Result<Vec<StoredPushToken>, EngineError> {
        of_holders(self.shared.engine.as_ref(), &asked.company, [holder]).await
    }

    /// The profile that this id leads to once the merges of the sender are undone.
    async fn apart(
        &self,
        asked: &Repair,
        traces: &SenderTraces,
        id: Option<ProfileId>,
    ) -> Result<Option<ProfileId>, EngineError> {
        let Some(id) = id else { return Ok(None) };
        let found = self.profile(&asked.company, id).await?;
        Ok(found.map(|profile| if traces.is_merged(id) { id } else { profile.id }))
    }
}

/// The profile that had a token before the sender registered it anywhere, if that is certain.
/// Follows the token back through the registrations of the sender, of which each names the profile
/// that had it before. Outcomes name no tokens: where more than one registration may have led to a
/// profile, or some are forgotten, what came before is not certain.
fn origin(
    traces: &SenderTraces,
    mut place: (ProfileId, Timestamp),
    is_held: impl Fn(ProfileId, Timestamp) -> bool,
) -> Option<ProfileId> {
    if traces.are_tokens_forgotten {
        return None;
    }
    // Each registration is earlier than the one before.
    loop {
        let previous = traces.tokens.get(&place).copied().flatten()?;
        let before = traces.tokens.range((previous, Timestamp::default())..(previous, place.1));
        // A token that the profile still has came by another registration.
        let mut left = before.filter(|((id, at), _)| !is_held(*id, *at));
        match (left.next(), left.next()) {
            (None, _) => return Some(previous),
            (Some((&earlier, _)), None) => place = earlier,
            (Some(_), Some(_)) => return None,
        }
    }
}

fn removal(asked: &Repair, token: &StoredPushToken) -> RemovePushToken {
    RemovePushToken {
        company: asked.company.clone(),
        token: token.id(),
        named: None,
        created: Some(token.created),
        caller: Caller::Server,
        revision: asked.revision,
        request_ids: asked.request_ids.clone(),
        sender: RequestSender::default(),
    }
}

/// The request that gives a token back to a profile.
fn registration(asked: &Repair, profile: ProfileId, token: &StoredPushToken) -> Submission {
    let claim =
        Claim { target: ProfileRef::Id(profile), origin: ClaimSource::Command, token: None };
    // What the user allowed before the sender said otherwise is not kept. The app says it again.
    let enablement_status = Some(EnablementStatus::NotDetermined);
    let details = PushTokenDetails { enablement_status, ..token.details() };
    Submission {
        company: asked.company.clone(),
        caller: Caller::Server,
        intent: Intent::Upsert,
        revision: asked.revision,
        request_ids: asked.request_ids.clone(),
        sender: RequestSender::default(),
        claims: Claims::of_company(claim),
        cleared: Vec::new(),
        leaving_emails: Vec::new(),
        patch: Patch::default(),
        push_token: Some(Box::new(details)),
        settings: Arc::clone(&asked.settings),
    }
}
