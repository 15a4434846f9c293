//! Repair of push tokens: those that profiles got from one sender are removed, and those that other
//! profiles had before are given back.

use std::sync::Arc;

use profile_protocol::{Patch, ProfileId};

use super::{
    Store,
    repair::{Repair, RepairError, Repaired},
};
use crate::{
    Caller, Claim, ClaimSource, Claims, Intent, ProfileRef, PushTokenId, RemovePushToken,
    RequestSender, StoredPushToken, Submission, Timestamp, decide::repair::SenderTraces,
    engine::EngineError, read::push_tokens::of_holders,
};

/// A push token that a profile got from the sender.
#[derive(Clone, Debug)]
struct SenderToken {
    /// The profile that got it.
    holder: ProfileId,
    token: StoredPushToken,
    /// The profile that had it before.
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
            if let Some(previous) = self.living(asked, previous).await? {
                repaired.returned_tokens.push((previous, token.id()));
            }
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
            let (id, created) = (token.id(), token.created);
            if self.remove_push_token(removal(asked, id, created)).await?.is_none() {
                // Another profile got it, or it was erased in the meantime.
                continue;
            }
            repaired.removed_tokens.push((holder, id));
            if let Some(previous) = self.living(asked, previous).await? {
                self.submit(registration(asked, previous, &token)).await?;
                repaired.returned_tokens.push((previous, id));
            }
        }
        Ok(())
    }

    /// The tokens that profiles got from the sender, and still have.
    async fn sender_tokens(
        &self,
        asked: &Repair,
        traces: &SenderTraces,
    ) -> Result<Vec<SenderToken>, EngineError> {
        let mut found = Vec::new();
        for holder in traces.token_holders() {
            for token in self.tokens_under(asked, holder).await? {
                if let Some(&previous) = traces.tokens.get(&(holder, token.created)) {
                    found.push(SenderToken { holder, token, previous });
                }
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
            traces.tokens.retain(|(one, at), _| *one != holder || is_held(*at));
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

    /// The id, if it is that of a profile or leads to one.
    async fn living(
        &self,
        asked: &Repair,
        id: Option<ProfileId>,
    ) -> Result<Option<ProfileId>, EngineError> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.profile(&asked.company, id).await?.map(|_| id))
    }
}

fn removal(asked: &Repair, token: PushTokenId, created: Timestamp) -> RemovePushToken {
    RemovePushToken {
        company: asked.company.clone(),
        token,
        named: None,
        created: Some(created),
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
        push_token: Some(Box::new(token.details())),
        settings: Arc::clone(&asked.settings),
    }
}
