//! Checks of push tokens.

use profile_protocol::{CompanyId, ProfileId};

use super::StoreChecker;
use crate::{
    PushTokenId,
    engine::{EngineError, Value},
    layout::{key, record},
};

impl StoreChecker<'_> {
    /// Checks that a token belongs to a profile, and that it leads there.
    pub(super) async fn push_token(
        &mut self,
        company: &CompanyId,
        holder: ProfileId,
        id: PushTokenId,
        value: &Value,
    ) -> Result<(), EngineError> {
        self.audit.push_tokens += 1;
        match record::decode_push_token(value) {
            Ok(token) if token.id() == id => {}
            Ok(_) => {
                let fault = format!("the push token {id} is kept under another one's key");
                self.breach(Some(company), Some(holder), fault);
            }
            Err(error) => {
                let fault = format!("the push token {id} is damaged: {error}");
                self.breach(Some(company), Some(holder), fault);
            }
        }
        let keys = vec![
            key::push_token_holder(company, id),
            key::profile(company, holder),
            key::alias(company, holder),
        ];
        let values = self.engine.read(keys).await?;
        let [leads_to, profile, alias] = values.as_slice() else { return Ok(()) };
        if *leads_to != Some(record::encode_id(holder)) {
            let fault = format!("the push token {id} does not lead to it");
            self.breach(Some(company), Some(holder), fault);
        }
        if profile.is_none() && alias.is_none() {
            let fault = format!("has the push token {id}, but does not exist");
            self.breach(Some(company), Some(holder), fault);
        }
        Ok(())
    }

    /// Checks that the profile to which a token leads has it.
    pub(super) async fn push_token_holder(
        &mut self,
        company: &CompanyId,
        id: PushTokenId,
        value: &Value,
    ) -> Result<(), EngineError> {
        let Ok(holder) = record::decode_id(value) else {
            let fault = format!("the push token {id} leads to an invalid profile id");
            self.breach(Some(company), None, fault);
            return Ok(());
        };
        if self.is_missing(key::push_token(company, holder, id)).await? {
            let fault = format!("the push token {id} leads to it, but it does not have it");
            self.breach(Some(company), Some(holder), fault);
        }
        Ok(())
    }
}
