//! The push tokens that a response includes beside profiles.

use profile_store::{OwnedPushToken, Profile};

use super::{
    call::Call,
    fieldset::ListedFields,
    push_token_resource::{LISTABLE, PushTokenResource, push_token},
    push_tokens::tokens_of,
    query::Query,
};
use crate::http::refusal::Refusal;

/// The kinds of resources that are related to a profile. Of all but push tokens this gateway has
/// none.
pub(super) const RELATED: [&str; 4] = ["lists", "segments", PUSH_TOKENS, "conversations"];

/// The name of push tokens among the related resources.
const PUSH_TOKENS: &str = "push-tokens";

/// What a response includes beside profiles.
pub(super) struct RelatedTokens {
    fields: ListedFields,
    included: IncludedKinds,
}

/// The kinds of related resources that a request names.
enum IncludedKinds {
    /// The request has no such parameter.
    Unnamed,
    /// Kinds of which this gateway has none, or no kind.
    Empty,
    /// Push tokens, among others.
    PushTokens,
}

impl RelatedTokens {
    pub(super) fn from_query(query: &Query<'_>) -> Result<RelatedTokens, Refusal> {
        let included = match query.related(&RELATED)? {
            None => IncludedKinds::Unnamed,
            Some(kinds) if kinds.contains(&PUSH_TOKENS) => IncludedKinds::PushTokens,
            Some(_) => IncludedKinds::Empty,
        };
        Ok(RelatedTokens { fields: ListedFields::from_query(query, &LISTABLE)?, included })
    }

    /// The tokens to include, if the response includes anything.
    pub(super) async fn tokens(
        &self,
        call: &Call<'_>,
        profiles: &[Profile],
    ) -> Result<Option<Vec<OwnedPushToken>>, Refusal> {
        match self.included {
            IncludedKinds::Unnamed => Ok(None),
            IncludedKinds::Empty => Ok(Some(Vec::new())),
            IncludedKinds::PushTokens => tokens_of(call, profiles).await.map(Some),
        }
    }

    pub(super) fn resources<'a>(
        &'a self,
        call: &Call<'_>,
        tokens: &'a [OwnedPushToken],
    ) -> Vec<PushTokenResource<'a>> {
        let token =
            |one: &'a OwnedPushToken| push_token(call, &one.token, Some(one.profile), &self.fields);
        tokens.iter().map(token).collect()
    }
}
