//! The push tokens of a batch.

use ahash::HashSet;
use profile_protocol::{CompanyId, ProfileId};

use super::Stored;
use crate::{
    PushTokenId, StoreError, StoredPushToken,
    decide::push_tokens::HeldPushToken,
    engine::{Key, Value, Write},
    layout::{
        key::{self, ParsedKey},
        record,
    },
};

impl Stored {
    /// Takes in tokens as they were read.
    pub(in crate::batch) fn insert_push_tokens(
        &mut self,
        entries: impl IntoIterator<Item = (Key, Value)>,
    ) {
        let read = |(key, value): (Key, Value)| (key, Some(record::decode_push_token(&value)));
        self.push_tokens.extend(entries.into_iter().map(read));
    }

    /// The tokens that are kept under this id.
    pub(in crate::batch) fn push_tokens_of(
        &self,
        company: &CompanyId,
        holder: ProfileId,
    ) -> Result<Vec<HeldPushToken>, StoreError> {
        let mut held = Vec::new();
        for (_, token) in self.push_tokens_under(company, holder) {
            match token {
                None => {}
                Some(Ok(token)) => held.push(HeldPushToken { holder, token: token.clone() }),
                Some(Err(error)) => {
                    tracing::error!(%company, profile = %holder, %error, "a push token is damaged");
                    return Err(StoreError::Damaged);
                }
            }
        }
        Ok(held)
    }

    fn push_tokens_under(
        &self,
        company: &CompanyId,
        holder: ProfileId,
    ) -> impl Iterator<Item = (&Key, &Option<Result<StoredPushToken, record::InvalidRecord>>)> {
        let prefix = key::push_tokens(company, holder);
        let from = self.push_tokens.range(prefix.clone()..);
        from.take_while(move |(key, _)| key.starts_with(&prefix))
    }

    /// Keeps a token under this id. It leads there from now on.
    pub(in crate::batch) fn put_push_token(
        &mut self,
        company: &CompanyId,
        holder: ProfileId,
        token: StoredPushToken,
    ) {
        let id = token.id();
        let leads_to = key::push_token_holder(company, id);
        if self.target(&leads_to) != Some(holder) {
            self.point(leads_to, Some(holder));
        }
        self.change_push_token(key::push_token(company, holder, id), Some(token));
    }

    /// Removes a token that is kept under this id.
    pub(in crate::batch) fn remove_push_token(
        &mut self,
        company: &CompanyId,
        holder: ProfileId,
        id: PushTokenId,
    ) {
        self.change_push_token(key::push_token(company, holder, id), None);
        self.point(key::push_token_holder(company, id), None);
    }

    /// Removes all tokens that are kept under these ids.
    pub(in crate::batch) fn remove_push_tokens(
        &mut self,
        company: &CompanyId,
        holders: &HashSet<ProfileId>,
    ) {
        let kept = holders.iter().flat_map(|holder| self.push_tokens_under(company, *holder));
        let kept: Vec<Key> = kept.map(|(key, _)| key.clone()).collect();
        for key in kept {
            if let Some(ParsedKey::PushToken(company, holder, id)) = key::parse(&key) {
                self.remove_push_token(&company, holder, id);
            }
        }
    }

    fn change_push_token(&mut self, key: Key, token: Option<StoredPushToken>) {
        self.push_tokens.insert(key.clone(), token.map(Ok));
        self.changed_push_tokens.insert(key);
    }

    pub(super) fn write_push_tokens(&mut self, writes: &mut Vec<Write>) {
        for key in std::mem::take(&mut self.changed_push_tokens) {
            let token = self.push_tokens.remove(&key).flatten().and_then(Result::ok);
            let value = token.map(|token| record::encode_push_token(&token));
            writes.push(Write { key, value });
        }
    }
}
