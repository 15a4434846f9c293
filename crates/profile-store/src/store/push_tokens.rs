//! Push tokens of an open store. A [`Submission`](crate::Submission) registers one.

use profile_protocol::{CompanyId, ProfileId};

use super::Store;
use crate::{
    Outcome, OwnedPushToken, PushTokenId, PushTokenListing, PushTokenPage, RemovePushToken,
    StoreError, StoredPushToken, engine::EngineError, lane::job::Job, read::push_tokens,
};

impl Store {
    /// Removes a push token from the profile that has it. `None` if the company itself asks, and no
    /// profile has the token.
    pub async fn remove_push_token(
        &self,
        asked: RemovePushToken,
    ) -> Result<Option<Outcome>, StoreError> {
        let asked = Box::new(asked);
        self.ask(|ticket| Job::RemovePushToken(asked, ticket)).await
    }

    /// The push token with this id, and its profile.
    pub async fn push_token(
        &self,
        company: &CompanyId,
        id: PushTokenId,
    ) -> Result<Option<OwnedPushToken>, EngineError> {
        push_tokens::one(self.shared.engine.as_ref(), company, id).await
    }

    /// The push tokens of the profile with this id that has absorbed these, the newest first: at
    /// most [`PUSH_TOKENS`](crate::limits::PUSH_TOKENS), or after merges
    /// [`PUSH_TOKENS_LISTED`](crate::limits::PUSH_TOKENS_LISTED).
    pub async fn push_tokens_of(
        &self,
        company: &CompanyId,
        id: ProfileId,
        absorbed: &[ProfileId],
    ) -> Result<Vec<StoredPushToken>, EngineError> {
        let holders = std::iter::once(id).chain(absorbed.iter().copied());
        push_tokens::of_holders(self.shared.engine.as_ref(), company, holders).await
    }

    /// One page of the push tokens of a company.
    pub async fn list_push_tokens(
        &self,
        listing: &PushTokenListing,
    ) -> Result<PushTokenPage, EngineError> {
        push_tokens::page(self.shared.engine.as_ref(), listing).await
    }
}
