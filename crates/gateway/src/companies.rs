//! The companies this gateway serves, and the keys that act for them.

use std::{
    collections::HashMap,
    fmt, mem,
    num::NonZeroU32,
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
};

use profile_protocol::CompanyId;
use profile_store::Rules;

use crate::{
    limits, origin::Origin, private_key::KeyDigest, quota::Limits, scope::Scopes,
    signature::SignedIdentity,
};

/// A company this gateway serves.
#[derive(Clone, Debug)]
pub struct Company {
    /// The public key of the company.
    pub id: CompanyId,
    /// The origins whose pages may send profiles. `None` allows any, and an empty
    /// list none, which leaves apps and servers.
    pub allowed_origins: Option<Box<[Origin]>>,
    /// How people are told apart, and what of them clients may not change.
    pub rules: Arc<Rules>,
    /// How many requests the company may send.
    pub limits: Limits,
    /// How many times as much as the original allows the company's own programs may
    /// ask of each endpoint.
    pub api_limits_factor: NonZeroU32,
    /// The keys with which pages have to have signed whom they name. `None`: pages may
    /// name anybody.
    pub signed_identity: Option<SignedIdentity>,
    /// The private keys that act for the company.
    pub keys: Box<[Key]>,
}

impl Company {
    /// Whether a page of this origin may send profiles, given as in its header.
    pub fn allows_origin(&self, header: &str) -> bool {
        match &self.allowed_origins {
            Some(origins) => origins.iter().any(|origin| origin.matches(header)),
            None => true,
        }
    }
}

/// A private key of a company, as far as the gateway knows it.
#[derive(Clone, Debug)]
pub struct Key {
    /// What the people who run the company call the key.
    pub name: KeyName,
    /// What the key is recognised by.
    pub digest: KeyDigest,
    /// What the key allows.
    pub scopes: Scopes,
}

/// What the people who run a company call one of its keys.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyName {
    // Invariant: 1 to `limits::KEY_NAME_BYTES` of [A-Za-z0-9 ._-], so
    // that it stands as it is in TOML and in a log.
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

/// Some text is no [`KeyName`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "must be 1 to {} ASCII letters, digits, spaces, dots, dashes and underscores",
    limits::KEY_NAME_BYTES
)]
pub struct InvalidKeyName;

/// For whom a private key acts, and what it allows.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The company the key belongs to.
    pub company: Arc<Company>,
    /// What the key allows.
    pub scopes: Scopes,
}

/// A fixed set of companies, found by their ids and their keys.
#[derive(Debug, Default)]
pub struct Companies {
    by_id: HashMap<Box<str>, Arc<Company>>,
    by_key: HashMap<KeyDigest, Holder>,
}

impl Companies {
    /// The company of this id.
    pub fn find(&self, id: &str) -> Option<&Arc<Company>> {
        self.by_id.get(id)
    }

    /// The company a private key acts for.
    pub fn holder(&self, digest: KeyDigest) -> Option<&Holder> {
        self.by_key.get(&digest)
    }

    /// The companies in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Company>> {
        self.by_id.values()
    }

    /// How many companies there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no company at all.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// Of two companies with the same id, and of two with the same key, the later one
/// is found. The settings let no such pair through.
impl FromIterator<Company> for Companies {
    fn from_iter<I: IntoIterator<Item = Company>>(companies: I) -> Companies {
        let mut set = Companies::default();
        for company in companies {
            let company = Arc::new(company);
            for key in &company.keys {
                let holder = Holder { company: Arc::clone(&company), scopes: key.scopes };
                set.by_key.insert(key.digest, holder);
            }
            set.by_id.insert(company.id.as_str().into(), company);
        }
        set
    }
}

/// The companies being served at this moment, which reloading the configuration
/// replaces as a whole.
#[derive(Debug)]
pub struct CompanyDirectory {
    // Invariant: the lock is held for a look-up at most, and nobody can panic
    // while holding it, so a poisoned one still guards a whole set.
    current: RwLock<Arc<Companies>>,
}

impl CompanyDirectory {
    /// A directory that starts with these companies.
    pub fn new(companies: Companies) -> CompanyDirectory {
        CompanyDirectory { current: RwLock::new(Arc::new(companies)) }
    }

    /// The companies served now. What is replaced later does not change them.
    pub fn current(&self) -> Arc<Companies> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The company of this id.
    pub fn find(&self, id: &str) -> Option<Arc<Company>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).find(id).cloned()
    }

    /// The company a private key acts for.
    pub fn holder(&self, digest: KeyDigest) -> Option<Holder> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).holder(digest).cloned()
    }

    /// Serves these companies from now on, and no others.
    pub fn replace(&self, companies: Companies) {
        let companies = Arc::new(companies);
        // Freeing many companies takes a while, so not while requests wait.
        let _freed_last = mem::replace(
            &mut *self.current.write().unwrap_or_else(PoisonError::into_inner),
            companies,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Scope;

    fn company(id: &str, keys: &[&str]) -> Company {
        let key = |text: &&str| Key {
            name: text.parse().unwrap(),
            digest: KeyDigest::of(text),
            scopes: [Scope::ProfilesRead].into_iter().collect(),
        };
        Company {
            id: id.parse().unwrap(),
            allowed_origins: None,
            limits: Limits::default(),
            api_limits_factor: NonZeroU32::MIN,
            signed_identity: None,
            rules: Arc::default(),
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
        let holder = companies.holder(KeyDigest::of("pk_y")).unwrap();
        assert_eq!(holder.company.id.as_str(), "XYZ789");
        assert!(holder.scopes.contains(Scope::ProfilesRead));
        assert!(companies.holder(KeyDigest::of("pk_z")).is_none());
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
        assert!(directory.holder(KeyDigest::of("pk_a")).is_none());
        assert!(directory.holder(KeyDigest::of("pk_x")).is_some());
        assert!(before.find("ABC123").is_some());
    }
}
