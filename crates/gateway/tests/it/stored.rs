//! What a gateway left in its store, read without it.

use std::{fs, path::Path, sync::Arc};

use profile_protocol::Field;
use profile_store::{
    Audit, Identifier, Outcome, Profile, Store, StoreOptions, SystemIdGenerator, audit,
    engine::{BatchId, Durability, EmbeddedEngine, EmbeddedOptions, Engine, Place, Write},
};
use tokio::runtime::{Builder, Runtime};

use crate::serving::{Home, Serving};

/// The store of a gateway that has stopped. It is closed when this is dropped, and its directory
/// can be removed afterwards.
pub(crate) struct StoredProfiles {
    engine: Arc<EmbeddedEngine>,
    runtime: Runtime,
    store: Store,
}

impl StoredProfiles {
    pub(crate) fn open(home: &Home) -> StoredProfiles {
        StoredProfiles::open_directory(&home.data_dir()).unwrap()
    }

    /// Opens the store in a directory.
    pub(crate) fn open_directory(directory: &Path) -> Result<StoredProfiles, String> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let options =
            EmbeddedOptions { cache_bytes: 16 * 1024 * 1024, ..EmbeddedOptions::default() };
        let engine =
            Arc::new(EmbeddedEngine::open(directory, options).map_err(|error| error.to_string())?);
        let shared = Arc::clone(&engine);
        let id_generator = Arc::new(SystemIdGenerator::default());
        let opened = runtime.block_on(Store::open(shared, id_generator, StoreOptions::default()));
        let store = opened.map_err(|error| error.to_string())?;
        Ok(StoredProfiles { engine, runtime, store })
    }

    /// Takes a record away, as a failing disk would, and closes the store.
    pub(crate) fn lose(self, key: &[u8]) {
        let place = Place::of_key(key, self.engine.places());
        let writes = vec![Write { key: key.to_vec(), value: None }];
        let removed = async {
            let session = self.engine.begin(place).await.unwrap();
            let batch = BatchId { writer: 0, number: 0 };
            session.commit(batch, writes, Durability::Flushed).await
        };
        self.runtime.block_on(removed).unwrap();
        self.close();
    }

    /// Closes the store. Its files do not change afterwards.
    pub(crate) fn close(self) {
        self.runtime.block_on(self.store.close()).unwrap();
        self.engine.close().unwrap();
    }

    /// What `gateway verify` counts.
    pub(crate) fn audit(&self) -> Audit {
        self.runtime.block_on(audit(self.engine.as_ref())).unwrap()
    }

    pub(crate) fn find(&self, company: &str, identifier: &Identifier) -> Option<Profile> {
        let company = company.parse().unwrap();
        self.runtime.block_on(self.store.find(&company, identifier)).unwrap()
    }

    /// The profile that has this address.
    pub(crate) fn by_email(&self, company: &str, email: &str) -> Option<Profile> {
        self.find(company, &Identifier::Email(email.parse().unwrap()))
    }

    /// The outcomes of a company, oldest first.
    pub(crate) fn outcomes(&self, company: &str) -> Vec<Outcome> {
        let company = company.parse().unwrap();
        self.runtime.block_on(self.store.outcomes(&company, 0, 1_000)).unwrap()
    }
}

impl Drop for StoredProfiles {
    fn drop(&mut self) {
        // A test that closes the store itself has seen the error.
        let _ = self.runtime.block_on(self.store.close());
        let _ = self.engine.close();
    }
}

/// Stops the gateway and opens what it stored, which `gateway verify` finds sound
/// and to be this many profiles.
#[track_caller]
pub(crate) fn stored(home: &Home, gateway: Serving, profiles: usize) -> StoredProfiles {
    gateway.stop().assert_exit(0);
    let verified = home.verify();
    verified.assert_exit(0);
    verified.assert_output(&format!("profiles: {profiles}, "));
    verified.assert_output("every invariant holds");
    StoredProfiles::open(home)
}

/// Whether a text lies anywhere in the files of a directory.
pub(crate) fn lies_in(directory: &Path, text: &str) -> bool {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return lies_in(&path, text);
        }
        fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// An attribute of a profile, or nothing.
pub(crate) fn field(profile: &Profile, field: Field) -> &str {
    profile.attributes.fields[field].as_ref().map_or("", |text| text.as_str())
}

/// The custom properties of a profile, as one JSON object.
pub(crate) fn properties(profile: &Profile) -> String {
    let member =
        |(name, value): (&profile_protocol::PropertyName, &profile_protocol::PropertyValue)| {
            format!("{:?}:{}", name.as_str(), value.as_json())
        };
    let members: Vec<String> = profile.attributes.properties.iter().map(member).collect();
    format!("{{{}}}", members.join(","))
}

/// The identifiers a profile holds, in order of authority.
pub(crate) fn identifiers(profile: &Profile) -> Vec<String> {
    profile.identifiers.iter().map(|identifier| identifier.as_str().to_owned()).collect()
}
