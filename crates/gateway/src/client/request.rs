//! What browsers and apps send: a profile, and what happens to a push token of it.

use profile_protocol::{
    ProfileRequest, PushTokenDetails, PushTokenRegistration, PushTokenRemoval, Revision, Violations,
};
use profile_store::PushTokenId;

/// The endpoints that browsers and apps send profiles to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ClientEndpoint {
    Profiles,
    PushTokens,
    PushTokenUnregister,
}

/// The parsed body of a request.
pub(super) struct ClientRequest {
    pub(super) profile: ProfileRequest,
    pub(super) push_token: Option<PushTokenRequest>,
}

/// What happens to a push token.
pub(super) enum PushTokenRequest {
    /// The profile has it from now on.
    Registration(Box<PushTokenDetails>),
    /// The profile loses it.
    Removal(PushTokenId),
}

impl ClientEndpoint {
    /// Whether a page may ask for an exchange token. Only apps send push tokens.
    pub(super) const fn answers_pages(self) -> bool {
        match self {
            ClientEndpoint::Profiles => true,
            ClientEndpoint::PushTokens | ClientEndpoint::PushTokenUnregister => false,
        }
    }

    /// Parses a body that was sent to the endpoint.
    pub(super) fn parse(
        self,
        body: &[u8],
        revision: Revision,
    ) -> Result<ClientRequest, Violations> {
        match self {
            ClientEndpoint::Profiles => {
                let profile = ProfileRequest::parse(body, revision)?;
                Ok(ClientRequest { profile, push_token: None })
            }
            ClientEndpoint::PushTokens => {
                let PushTokenRegistration { details, profile } =
                    PushTokenRegistration::parse(body, revision)?;
                let push_token = Some(PushTokenRequest::Registration(Box::new(details)));
                Ok(ClientRequest { profile, push_token })
            }
            ClientEndpoint::PushTokenUnregister => {
                let PushTokenRemoval { token, profile } = PushTokenRemoval::parse(body, revision)?;
                let push_token = Some(PushTokenRequest::Removal(PushTokenId::of_token(&token)));
                Ok(ClientRequest { profile, push_token })
            }
        }
    }
}
