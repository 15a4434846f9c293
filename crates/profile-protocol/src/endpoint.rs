//! The endpoints that take one profile.

/// The endpoint that the body of a profile is sent to. It decides which fields the body may have
/// and what `null` means.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ProfileEndpoint {
    /// `POST /client/profiles`, which needs no private key.
    #[default]
    Client,
    /// `POST /api/profiles`: creates a profile. Takes no `id`, no `_kx` and no `meta`.
    Create,
    /// `PATCH /api/profiles/{id}`: changes the profile with this `id`, which is required.
    Update,
    /// `POST /api/profile-import`: what the client endpoint takes, from a server.
    Import,
}

impl ProfileEndpoint {
    /// Every endpoint.
    pub const ALL: [ProfileEndpoint; 4] = [
        ProfileEndpoint::Client,
        ProfileEndpoint::Create,
        ProfileEndpoint::Update,
        ProfileEndpoint::Import,
    ];

    /// Whether `null` removes an email address, a phone number or an external id. Elsewhere it
    /// counts as absent.
    pub const fn clears_identifiers(self) -> bool {
        match self {
            ProfileEndpoint::Client => false,
            ProfileEndpoint::Create | ProfileEndpoint::Update | ProfileEndpoint::Import => true,
        }
    }
}
