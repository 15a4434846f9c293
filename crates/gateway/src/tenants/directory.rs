//! The configured companies, and the keys that act for them.

use std::{fmt, num::NonZeroU32, str::FromStr, sync::Arc};

use ahash::HashMap;
use arc_swap::ArcSwap;
use profile_protocol::CompanyId;
use profile_store::IdentitySettings;

use crate::{
    capacity::rate_limit::RateLimit,
    client::signed_identity::SignedIdentity,
    limits,
    tenants::{origin::Origin, private_key::KeyDigest, scope::KeyScopes},
};

/// A configured company.
#[derive(Clone, Debug)]
pub struct Company {
    /// The public id of the company.
    pub id: CompanyId,
    /// The origins whose pages may send profiles. `None` allows any origin. An empty list allows no
    /// page, only apps and servers.
    pub allowed_origins: Option<Box<[Origin]>>,
    /// The identity settings of the company.
    pub identity: Arc<IdentitySettings>,
    /// The rate limit of the client endpoint.
    pub limits: RateLimit,
    /// The rate limit of one client network at the client endpoint.
    pub network_limits: RateLimit,
    /// The factor by which the rate limits of `/api` exceed those of the original. With the largest
    /// factor there are none.
    pub api_limits_factor: NonZeroU32,
    /// The keys of signed identity. `None`: pages may send unsigned identifiers.
    pub signed_identity: Option<SignedIdentity>,
    /// Whether the inspector of the console keeps the newest requests of the company.
    pub inspect: bool,
    /// The private keys of the company.
    pub keys: Box<[CompanyKey]>,
}

impl Company {
    /// Whether a page of this origin may send profiles. `origin` is the value of the header.
    pub fn allows_origin(&self, header: &str) -> bool {
        match &self.allowed_origins {
            Some(origins) => origins.iter().any(|origin| origin.matches(header)),
            None => true,
        }
    }
}

/// A private key of a company, without its secret.
#[derive(Clone, Debug)]
pub struct CompanyKey {
    /// The name that the operator gave the key.
    pub name: KeyName,
    /// The digest that identifies the key.
    pub digest: KeyDigest,
    /// The scopes of the key.
    pub scopes: KeyScopes,
}

/// The name of a private key.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyName {
    // Invariant: 1 to `limits::KEY_NAME_BYTES` of [A-Za-z0-9 ._-], so that it needs no escaping in
    // TOML or a log.
    text: Box<str>,
}

impl KeyName {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(text: &str) -> Result<KeyName, InvalidKeyName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte);
        let length = 1..=limits::KEY_NAME_BYTES;
        if length.contains(&text.len()) && text.bytes().all(allowed) {
            Ok(KeyName { text: text.into() })
        } else {
            Err(InvalidKeyName)
        }
    }
}

/// The text is not a [`KeyName`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "must be 1 to {} ASCII letters, digits, spaces, dots, dashes and underscores",
    limits::KEY_NAME_BYTES
)]
pub struct InvalidKeyName;

/// The principal of a private key: its company and its scopes.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The company of the key.
    pub company: Arc<Company>,
    /// The scopes of the key.
    pub scopes: KeyScopes,
}

/// A fixed set of companies, indexed by id and by key.
#[derive(Debug, Default)]
pub struct Companies {
    by_id: HashMap<Box<str>, Arc<Company>>,
    by_key: HashMap<KeyDigest, Principal>,
}

impl Companies {
    /// The company with this id.
    pub fn find(&self, id: &str) -> Option<&Arc<Company>> {
        self.by_id.get(id)
    }

    /// The principal of a private key.
    pub fn principal(&self, digest: KeyDigest) -> Option<&Principal> {
        self.by_key.get(&digest)
    }

    /// All companies, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Company>> {
        self.by_id.values()
    }

    /// The number of companies.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are no companies.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// With duplicate ids or keys, the last one wins. The settings reject duplicates.
impl FromIterator<Company> for Companies {
    fn from_iter<I: IntoIterator<Item = Company>>(companies: I) -> Companies {
        let mut set = Companies::default();
        for company in companies {
            let company = Arc::new(company);
            for key in &company.keys {
                let principal = Principal { company: Arc::clone(&company), scopes: key.scopes };
                set.by_key.insert(key.digest, principal);
            }
            set.by_id.insert(company.id.as_str().into(), company);
        }
        set
    }
}

/// The current set of companies. Reloading the configuration replaces it as a whole.
#[derive(Debug)]
pub struct CompanyDirectory {
    current: ArcSwap<Companies>,
}

impl CompanyDirectory {
    /// Creates a directory with these companies.
    pub fn new(companies: Companies) -> CompanyDirectory {
        CompanyDirectory { current: ArcSwap::from_pointee(companies) }
    }

    /// The current companies. A later replacement does not change the returned set.
    pub fn current(&self) -> Arc<Companies> {
        self.current.load_full()
    }

    /// The company with this id.
    pub fn find(&self, id: &str) -> Option<Arc<Company>> {
        self.current.load().find(id).cloned()
    }

    /// The principal of a private key.
    pub fn principal(&self, digest: KeyDigest) -> Option<Principal> {
        self.current.load().principal(digest).cloned()
    }

    /// Replaces all companies.
    pub fn replace(&self, companies: Companies) {
        self.current.store(Arc::new(companies));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capacity::network_limiter::default_network_limits, tenants::scope::KeyScope};

    fn company(id: &str, keys: &[&str]) -> Company {
        let key = |text: &&str| CompanyKey {
            name: text.parse().unwrap(),
            digest: KeyDigest::from_key(text),
            scopes: [KeyScope::ProfilesRead].into_iter().collect(),
        };
        Company {
            id: id.parse().unwrap(),
            allowed_origins: None,
            limits: limits::CLIENT_RATE_LIMIT,
            network_limits: default_network_limits(limits::CLIENT_RATE_LIMIT),
            api_limits_factor: NonZeroU32::MIN,
            signed_identity: None,
            inspect: false,
            identity: Arc::default(),
            keys: keys.iter().map(key).collect(),
        }
    }

    fn companies(all: &[(&str, &[&str])]) -> Companies {
        all.iter().map(|(id, keys)| company(id, keys)).collect()
    }

    #[test]
    fn a_company_is_found_by_its_exact_id() {
        let companies = companies(&[("ABC123", &[]), ("XYZ789", &[])]);
        assert_eq!(companies.find("ABC123").unwrap().id.as_str(), "ABC123");
        assert!(companies.find("abc123").is_none());
        assert_eq!(companies.len(), 2);
    }

    #[test]
    fn a_key_leads_to_its_company_and_no_other() {
        let companies = companies(&[("ABC123", &["pk_a"]), ("XYZ789", &["pk_x", "pk_y"])]);
        let principal = companies.principal(KeyDigest::from_key("pk_y")).unwrap();
        assert_eq!(principal.company.id.as_str(), "XYZ789");
        assert!(principal.scopes.contains(KeyScope::ProfilesRead));
        assert!(companies.principal(KeyDigest::from_key("pk_z")).is_none());
    }

    #[test]
    fn an_origin_is_allowed_when_listed_or_when_there_is_no_list() {
        let mut company = company("ABC123", &[]);
        assert!(company.allows_origin("https://anywhere.example"));
        company.allowed_origins = Some(Box::new(["https://shop.example".parse().unwrap()]));
        assert!(company.allows_origin("https://shop.example"));
        assert!(!company.allows_origin("https://anywhere.example"));
        company.allowed_origins = Some(Box::new([]));
        assert!(!company.allows_origin("https://shop.example"));
    }

    #[test]
    fn replacing_companies_changes_what_is_found_but_not_what_was() {
        let directory = CompanyDirectory::new(companies(&[("ABC123", &["pk_a"])]));
        let before = directory.current();
        directory.replace(companies(&[("XYZ789", &["pk_x"])]));
        assert!(directory.find("ABC123").is_none());
        assert!(directory.find("XYZ789").is_some());
        assert!(directory.principal(KeyDigest::from_key("pk_a")).is_none());
        assert!(directory.principal(KeyDigest::from_key("pk_x")).is_some());
        assert!(before.find("ABC123").is_some());
    }
}
