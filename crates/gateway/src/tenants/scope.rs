//! Scopes: what a private key allows.

use std::{fmt, str::FromStr};

/// A scope of a private key, with the name that the original uses.
#[expect(missing_docs, reason = "each variant is the name of its scope")]
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum KeyScope {
    DataPrivacyWrite,
    ProfilesRead,
    ProfilesWrite,
    PushTokensRead,
    PushTokensWrite,
}

impl KeyScope {
    /// All scopes.
    pub const ALL: [KeyScope; 5] = [
        KeyScope::DataPrivacyWrite,
        KeyScope::ProfilesRead,
        KeyScope::ProfilesWrite,
        KeyScope::PushTokensRead,
        KeyScope::PushTokensWrite,
    ];

    /// The name of the scope in configurations and errors.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyScope::DataPrivacyWrite => "data-privacy:write",
            KeyScope::ProfilesRead => "profiles:read",
            KeyScope::ProfilesWrite => "profiles:write",
            KeyScope::PushTokensRead => "push-tokens:read",
            KeyScope::PushTokensWrite => "push-tokens:write",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyScope {
    type Err = InvalidKeyScope;

    fn from_str(text: &str) -> Result<KeyScope, InvalidKeyScope> {
        KeyScope::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(InvalidKeyScope)
    }
}

/// The text is not the name of a [`KeyScope`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "must be one of profiles:read, profiles:write, data-privacy:write, push-tokens:read, \
     push-tokens:write"
)]
pub struct InvalidKeyScope;

/// A set of scopes.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct KeyScopes {
    // Invariant: only bits of scopes are set.
    bits: u8,
}

impl KeyScopes {
    /// All scopes.
    pub fn all() -> KeyScopes {
        KeyScope::ALL.into_iter().collect()
    }

    /// Whether the set contains `scope`.
    pub fn contains(self, scope: KeyScope) -> bool {
        self.bits & scope.bit() != 0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The scopes in the order of [`KeyScope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = KeyScope> {
        KeyScope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl fmt::Debug for KeyScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<KeyScope> for KeyScopes {
    fn from_iter<I: IntoIterator<Item = KeyScope>>(scopes: I) -> KeyScopes {
        KeyScopes { bits: scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_back_and_nothing_else_is_a_scope() {
        for scope in KeyScope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert_eq!("profiles:*".parse::<KeyScope>(), Err(InvalidKeyScope));
        assert_eq!("Profiles:Read".parse::<KeyScope>(), Err(InvalidKeyScope));
    }

    #[test]
    fn a_refusal_names_every_scope() {
        for scope in KeyScope::ALL {
            assert!(InvalidKeyScope.to_string().contains(scope.as_str()));
        }
    }

    #[test]
    fn a_set_contains_what_was_put_in_and_no_more() {
        let scopes: KeyScopes =
            [KeyScope::ProfilesRead, KeyScope::ProfilesRead].into_iter().collect();
        assert!(scopes.contains(KeyScope::ProfilesRead));
        assert!(!scopes.contains(KeyScope::ProfilesWrite));
        assert!(!scopes.is_empty());
        assert!(KeyScopes::default().is_empty());
        assert_eq!(KeyScopes::all().iter().count(), 5);
    }
}
