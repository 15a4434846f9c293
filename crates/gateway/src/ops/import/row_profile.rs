//! A row of a file, as a profile, and the bodies that store it.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{members::RowMembers, part::RowFault};
use crate::limits;

/// What is done with the ids of profiles in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdUse {
    /// They are left out: they are those of another store.
    LeftOut,
    /// They name profiles of this store.
    Matched,
}

/// What a row has of a profile.
#[derive(Debug, Default)]
pub(crate) struct RowProfile {
    pub(crate) id: Option<Box<RawValue>>,
    /// The attributes but for those below.
    pub(crate) attributes: RowMembers,
    pub(crate) location: RowMembers,
    pub(crate) properties: RowMembers,
    pub(crate) anonymous_ids: Vec<Box<RawValue>>,
    pub(crate) secondary_emails: Vec<Box<RawValue>>,
    /// The members beside the attributes.
    pub(crate) others: RowMembers,
}

/// The attributes by which the second body of a row finds the profile of the first.
const NAMING: [&str; 3] = ["external_id", "email", "phone_number"];

const DEVICE: &str = "anonymous_id";

impl RowProfile {
    /// The bodies that store the profile. A body has one device, and is not larger than the
    /// endpoint allows, so there may be several, of which all but the first name the profile and
    /// add to it.
    pub(crate) fn documents(mut self, ids: IdUse) -> Result<Vec<Box<RawValue>>, Vec<RowFault>> {
        if ids == IdUse::LeftOut {
            self.id = None;
        }
        self.try_documents().map_err(|error| {
            vec![RowFault::in_file("/data", format!("The row cannot be rendered: {error}."))]
        })?
    }

    fn try_documents(self) -> Result<Result<Vec<Box<RawValue>>, Vec<RowFault>>, serde_json::Error> {
        let RowProfile { id, mut attributes, location, properties, others, .. } = self;
        let mut devices = self.anonymous_ids.into_iter();
        let names = |name: &str| attributes.0.iter().any(|(attribute, _)| attribute == name);
        if !names(DEVICE)
            && let Some(device) = devices.next()
        {
            attributes.0.push((DEVICE.to_owned(), device));
        }
        let mut parts = properties_in_parts(properties).into_iter();
        let mut documents = RowBodies::of(&attributes, id.as_deref());
        let mut meta = RowMembers::default();
        if !self.secondary_emails.is_empty() {
            meta.push(
                "patch_identifiers",
                &Append { append: Emails { email: &self.secondary_emails } },
            )?;
        }
        let mut first = attributes.clone();
        if !location.is_empty() {
            first.push("location", &location)?;
        }
        if let Some(properties) = parts.next() {
            first.push("properties", &properties)?;
        }
        documents.push(&first, &meta, &others)?;
        for properties in parts {
            let mut more = RowMembers::default();
            more.push("properties", &properties)?;
            documents.push_more(more)?;
        }
        for device in devices {
            documents.push_more(RowMembers(vec![(DEVICE.to_owned(), device)]))?;
        }
        Ok(documents.finish())
    }
}

#[derive(Serialize)]
struct Append<'a> {
    append: Emails<'a>,
}

#[derive(Serialize)]
struct Emails<'a> {
    email: &'a [Box<RawValue>],
}

/// The bodies of a row.
struct RowBodies {
    /// What names the profile: its identifiers, or its device if it has none.
    naming: RowMembers,
    id: Option<Box<RawValue>>,
    documents: Vec<Box<RawValue>>,
    /// The size of the bodies. None are added once there are too many bytes or bodies.
    bytes: usize,
}

impl RowBodies {
    fn of(attributes: &RowMembers, id: Option<&RawValue>) -> RowBodies {
        let named = |names: &[&str]| {
            let is_named = |name: &str| names.contains(&name);
            let members = attributes.0.iter().filter(|(name, _)| is_named(name));
            RowMembers(members.cloned().collect())
        };
        let identifiers = named(&NAMING);
        let naming = if identifiers.is_empty() { named(&[DEVICE]) } else { identifiers };
        RowBodies { naming, id: id.map(ToOwned::to_owned), documents: Vec::new(), bytes: 0 }
    }

    fn are_too_many(&self) -> bool {
        limits::TRANSFER_DOCUMENTS < self.documents.len()
    }

    fn are_too_large(&self) -> bool {
        limits::TRANSFER_DOCUMENTS_BYTES < self.bytes
    }

    fn push(
        &mut self,
        attributes: &RowMembers,
        meta: &RowMembers,
        others: &RowMembers,
    ) -> Result<(), serde_json::Error> {
        let mut data = RowMembers::default();
        data.push("type", "profile")?;
        if let Some(id) = &self.id {
            data.push("id", id)?;
        }
        data.push("attributes", attributes)?;
        if !meta.is_empty() {
            data.push("meta", meta)?;
        }
        data.0.extend(others.0.iter().cloned());
        let mut document = RowMembers::default();
        document.push("data", &data)?;
        let document = to_raw_value(&document)?;
        self.bytes += document.get().len();
        self.documents.push(document);
        Ok(())
    }

    /// A body that adds to the profile of the first.
    fn push_more(&mut self, more: RowMembers) -> Result<(), serde_json::Error> {
        if self.are_too_many() || self.are_too_large() {
            return Ok(());
        }
        let is_device = |members: &RowMembers| members.0.iter().any(|(name, _)| name == DEVICE);
        let (mut attributes, mut meta) = (more, RowMembers::default());
        if is_device(&attributes) && is_device(&self.naming) {
            // A body has one device; the other one is that of its subject.
            meta.push("identifiers", &self.naming)?;
        } else {
            attributes.0.extend(self.naming.0.iter().cloned());
        }
        self.push(&attributes, &meta, &RowMembers::default())
    }

    fn finish(self) -> Result<Vec<Box<RawValue>>, Vec<RowFault>> {
        if self.are_too_many() {
            let most = limits::TRANSFER_DOCUMENTS;
            let detail =
                format!("The row must need at most {most} requests: has it that many devices?");
            return Err(vec![RowFault::in_file("/data/attributes", detail)]);
        }
        if self.are_too_large() {
            let most = limits::TRANSFER_DOCUMENTS_BYTES;
            let detail = format!(
                "The row must need at most {most} bytes in all its requests, of which each names \
                 the profile: is an identifier that long?"
            );
            return Err(vec![RowFault::in_file("/data/attributes", detail)]);
        }
        Ok(self.documents)
    }
}

/// The properties in parts that a body has space for.
fn properties_in_parts(properties: RowMembers) -> Vec<RowMembers> {
    let mut parts: Vec<RowMembers> = Vec::new();
    let mut space = 0;
    for (name, value) in properties.0 {
        let size = name.len() + value.get().len();
        if let Some(part) = parts.last_mut().filter(|_| size <= space) {
            part.0.push((name, value));
        } else {
            parts.push(RowMembers(vec![(name, value)]));
            space = limits::TRANSFER_PROPERTIES_BYTES;
        }
        space = space.saturating_sub(size);
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn members(value: Value) -> RowMembers {
        serde_json::from_value(value).unwrap()
    }

    fn raw(values: &[&str]) -> Vec<Box<RawValue>> {
        values.iter().map(|value| to_raw_value(value).unwrap()).collect()
    }

    fn documents(profile: RowProfile) -> Vec<Value> {
        let documents = profile.documents(IdUse::LeftOut).unwrap();
        documents.iter().map(|text| serde_json::from_str(text.get()).unwrap()).collect()
    }

    #[test]
    fn each_further_device_has_a_body_that_names_the_profile() {
        let profile = RowProfile {
            id: Some(to_raw_value("x").unwrap()),
            attributes: members(json!({ "email": "a@example.com", "title": "Dr" })),
            anonymous_ids: raw(&["d1", "d2"]),
            secondary_emails: raw(&["b@example.com"]),
            ..RowProfile::default()
        };
        assert_eq!(
            documents(profile),
            [
                json!({ "data": { "type": "profile",
                    "attributes": { "email": "a@example.com", "title": "Dr", "anonymous_id": "d1" },
                    "meta": { "patch_identifiers": { "append": { "email": ["b@example.com"] } } } } }),
                json!({ "data": { "type": "profile",
                    "attributes": { "email": "a@example.com", "anonymous_id": "d2" } } }),
            ]
        );
        let devices = RowProfile { anonymous_ids: raw(&["d1", "d2"]), ..RowProfile::default() };
        assert_eq!(
            documents(devices)[1],
            json!({ "data": { "type": "profile", "attributes": { "anonymous_id": "d2" },
                "meta": { "identifiers": { "anonymous_id": "d1" } } } })
        );
    }

    #[test]
    fn a_row_whose_bodies_together_are_too_large_is_refused_before_they_are_made() {
        let devices: Vec<String> = (0..990).map(|number| format!("d{number}")).collect();
        let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
        let row = |length: usize| RowProfile {
            attributes: members(json!({ "external_id": "x".repeat(length) })),
            anonymous_ids: raw(&devices),
            ..RowProfile::default()
        };
        let faults = row(400_000).documents(IdUse::LeftOut).unwrap_err();
        assert!(faults[0].detail.contains("at most 4194304 bytes"), "{faults:?}");
        assert_eq!(row(100).documents(IdUse::LeftOut).unwrap().len(), 990);
        let mut bodies = RowBodies::of(&row(400_000).attributes, None);
        for _ in 0..990 {
            bodies.push_more(RowMembers::default()).unwrap();
        }
        assert!(bodies.bytes < limits::TRANSFER_DOCUMENTS_BYTES + 500_000, "{}", bodies.bytes);
    }

    #[test]
    fn properties_that_are_too_large_for_one_body_get_several() {
        let value = "x".repeat(limits::TRANSFER_PROPERTIES_BYTES / 2);
        let properties = json!({ "a": value, "b": value, "c": value, "d": "small" });
        let profile = RowProfile {
            attributes: members(json!({ "email": "a@example.com" })),
            properties: members(properties.clone()),
            ..RowProfile::default()
        };
        let documents = documents(profile);
        let attributes = documents.iter().map(|document| &document["data"]["attributes"]);
        assert!(attributes.clone().all(|attributes| attributes["email"] == "a@example.com"));
        let found: serde_json::Map<String, Value> = attributes
            .flat_map(|attributes| attributes["properties"].as_object().unwrap().clone())
            .collect();
        assert_eq!((Value::from(found), documents.len()), (properties, 3));
    }
}
