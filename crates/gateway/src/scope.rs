//! Scopes: what a private key allows.

use std::{fmt, str::FromStr};

/// One thing a private key may allow, named as the original names it.
#[expect(missing_docs, reason = "each variant is the name of its scope")]
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    DataPrivacyWrite,
    ProfilesRead,
    ProfilesWrite,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Scope; 3] =
        [Scope::DataPrivacyWrite, Scope::ProfilesRead, Scope::ProfilesWrite];

    /// The name of the scope, as a configuration and a refusal spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::DataPrivacyWrite => "data-privacy:write",
            Scope::ProfilesRead => "profiles:read",
            Scope::ProfilesWrite => "profiles:write",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Scope, InvalidScope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(InvalidScope)
    }
}

/// Some text names no [`Scope`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be one of profiles:read, profiles:write, data-privacy:write")]
pub struct InvalidScope;

/// A set of scopes.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Scopes {
    // Invariant: no bits but those of scopes.
    bits: u8,
}

impl Scopes {
    /// Every scope there is.
    pub fn all() -> Scopes {
        Scope::ALL.into_iter().collect()
    }

    /// Whether `scope` is one of these.
    pub fn contains(self, scope: Scope) -> bool {
        self.bits & scope.bit() != 0
    }

    /// Whether these allow nothing at all.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The scopes in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes { bits: scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_back_and_nothing_else_is_a_scope() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert_eq!("profiles:*".parse::<Scope>(), Err(InvalidScope));
        assert_eq!("Profiles:Read".parse::<Scope>(), Err(InvalidScope));
    }

    #[test]
    fn a_refusal_names_every_scope() {
        for scope in Scope::ALL {
            assert!(InvalidScope.to_string().contains(scope.as_str()));
        }
    }

    #[test]
    fn a_set_contains_what_was_put_in_and_no_more() {
        let scopes: Scopes = [Scope::ProfilesRead, Scope::ProfilesRead].into_iter().collect();
        assert!(scopes.contains(Scope::ProfilesRead));
        assert!(!scopes.contains(Scope::ProfilesWrite));
        assert!(!scopes.is_empty());
        assert!(Scopes::default().is_empty());
        assert_eq!(Scopes::all().iter().count(), 3);
    }
}
