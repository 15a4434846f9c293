//! How a batch reads profiles: their records, and the changes of large ones.

use super::{Asked, Batch, ToRead};
use crate::{
    InvalidRecord,
    engine::Value,
    layout::{
        key,
        profile_record::{ProfileRecord, UnfinishedRecord},
    },
    limits,
};

impl Batch {
    /// Bytes of profiles that were read for each request, once all are decided. Profiles of which
    /// only identifiers were needed do not count: a company pauses after what its requests read,
    /// and a client that times the pause would learn whether a person is stored.
    pub(crate) fn bytes_read(&self) -> Vec<usize> {
        let mut bytes = self.bytes.clone();
        for (request, unneeded) in self.stored.unneeded() {
            let read = bytes.iter_mut().skip(request).take(1);
            read.for_each(|read| *read = read.saturating_sub(unneeded));
        }
        bytes
    }

    /// Asks for the changes of records, and for the next profiles, unless so much was read that the
    /// other requests have to wait.
    pub(super) fn ask_for_profiles(&mut self) {
        for (profile, record) in std::mem::take(&mut self.unfinished) {
            self.keys.extend(record.change_keys(&profile.company, profile.id));
            self.asked.push(Asked::Changes(profile, record));
        }
        let read: usize = self.bytes.iter().sum();
        let full = limits::BATCH_BYTES <= read && 0 < self.ready();
        let next = if full { 0 } else { limits::BATCH_READ.min(self.to_read.len()) };
        for profile in self.to_read.drain(..next) {
            self.keys.push(profile.key());
            self.keys.push(key::profile_outcome(&profile.company, profile.id));
            self.asked.push(Asked::Profile(profile));
        }
    }

    /// Takes in a profile's record, and that of its newest outcome.
    pub(super) fn feed_profile(
        &mut self,
        asked: ToRead,
        record: Option<Value>,
        tail: Option<&Value>,
    ) {
        let key = asked.key();
        if tail.is_some() {
            self.stored.note_tail(key.clone());
        }
        match record.map(|record| UnfinishedRecord::new(record, tail.map(Vec::as_slice))) {
            None => self.stored.insert_absent(key),
            Some(Ok(record)) if record.changes() == 0 => {
                let finished = record.finish(None);
                self.feed_record(asked, finished);
            }
            Some(Ok(record)) => self.unfinished.push((asked, record)),
            Some(Err(error)) => {
                self.stored.insert_profile(key, (asked.id, asked.request), Err(error));
            }
        }
    }

    /// Takes in a profile's record with its changes. Outside of a session, it may have been
    /// replaced meanwhile.
    pub(super) fn feed_record(
        &mut self,
        asked: ToRead,
        record: Result<ProfileRecord, InvalidRecord>,
    ) {
        let attempts = asked.attempts + 1;
        match &record {
            Err(InvalidRecord::Base | InvalidRecord::MissingChange)
                if attempts < limits::READ_ATTEMPTS =>
            {
                self.to_read.push_front(ToRead { attempts, ..asked });
                return;
            }
            Ok(record) => {
                let read = self.bytes.iter_mut().skip(asked.request).take(1);
                read.for_each(|bytes| *bytes += record.bytes_read());
            }
            Err(_) => {}
        }
        self.stored.insert_profile(asked.key(), (asked.id, asked.request), record);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use profile_protocol::{CompanyId, ProfileId, ProfileRequest, Revision};

    use super::*;
    use crate::{
        Caller, Claims, DecisionContext, IdentitySettings, Intent, InvalidToken, Profile,
        RequestSender, Submission, Timestamp,
        batch::Needs,
        engine::Key,
        lane::job::wants_of,
        layout::record::{Pointer, encode_pointer, encode_profile},
    };

    fn company() -> CompanyId {
        "ABC123".parse().unwrap()
    }

    /// A profile with an external id, an address, and a property of so many bytes.
    fn profile(name: &str, bytes: usize) -> Profile {
        let id = ProfileId::from_bits(name.len() as u128);
        let mut profile = Profile::new(id, Timestamp::from_millis(1));
        profile.identifiers.external_id = Some(name.parse().unwrap());
        profile.identifiers.email = Some(format!("{name}@klaviyo-demo.com").parse().unwrap());
        let value = format!("\"{}\"", "x".repeat(bytes)).parse().unwrap();
        profile.attributes.properties.set("notes".parse().unwrap(), value);
        profile
    }

    fn submission(attributes: &str) -> Submission {
        let body = format!(r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#);
        let request = ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap();
        let (settings, no_token) =
            (IdentitySettings::default(), |_: &_| Err(InvalidToken::Unsealed));
        let parts = request.into_parts();
        let claims = Claims::from_request(&parts, Caller::Client, &settings.placeholders, no_token);
        Submission {
            company: company(),
            caller: Caller::Client,
            intent: Intent::Upsert,
            revision: Revision::LATEST,
            request_ids: None,
            sender: RequestSender::default(),
            claims: claims.unwrap(),
            cleared: Vec::new(),
            leaving_emails: Vec::new(),
            patch: parts.patch,
            push_token: None,
            settings: Arc::new(settings),
        }
    }

    /// The bytes for which the company pauses after a request, where these profiles are stored.
    fn read(stored: &[&Profile], submission: &Submission) -> usize {
        let company = company();
        let mut entries: HashMap<Key, Value> = HashMap::new();
        for profile in stored {
            entries.insert(key::profile(&company, profile.id), encode_profile(profile));
            for identifier in profile.identifiers.iter() {
                let pointer = encode_pointer(Pointer::Held(profile.id));
                entries.insert(key::identifier(&company, &identifier), pointer);
            }
        }
        let mut batch = Batch::new(std::iter::once(wants_of(submission)));
        while let Some(needs) = batch.needs() {
            match needs {
                Needs::Keys(keys) => {
                    batch.feed(keys.iter().map(|key| entries.get(key).cloned()).collect());
                }
                Needs::Scan(_) => batch.feed_scan(Vec::new()),
            }
        }
        let (now, tokens_revoked) = (Timestamp::from_millis(9), None);
        let context = DecisionContext { now, entropy: 9, sequence: 9, tokens_revoked };
        batch.submit(submission, context).unwrap();
        batch.bytes_read()[0]
    }

    #[test]
    fn a_request_is_charged_for_no_profile_that_only_refuses_its_claim() {
        let (own, small, large) =
            (profile("own", limits::USUAL_BYTES), profile("bea", 1), profile("anna", 200_000));
        let asks = |other: &str| {
            let email = format!("{other}@klaviyo-demo.com");
            submission(&format!(r#""external_id":"own","email":"{email}""#))
        };
        let of_own = read(&[&own], &asks("own"));
        assert!(limits::USUAL_BYTES < of_own);
        let others = [&Profile { id: ProfileId::from_bits(77), ..small }, &large];
        let all: Vec<&Profile> = std::iter::once(&own).chain(others).collect();
        for name in ["unknown", "bea", "anna"] {
            assert_eq!(read(&all, &asks(name)), of_own, "{name}");
        }
        // Where a profile might be merged, all of it is read.
        let mut bare = profile("carla", 200_000);
        bare.identifiers.external_id = None;
        bare.identifiers.email = None;
        bare.identifiers.phone_number = Some("+12025550100".parse().unwrap());
        let names_both = submission(r#""external_id":"own","phone_number":"+12025550100""#);
        assert!(of_own + 200_000 < read(&[&own, &bare], &names_both));
    }
}
