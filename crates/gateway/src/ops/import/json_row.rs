//! A line of JSON as a profile: what `gateway export` writes, or what `GET /api/profiles` shows.

use profile_protocol::shortened;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    members::{RowMembers, is_null},
    part::RowFault,
    row_profile::RowProfile,
};

/// The members of a resource that concern the gateway which shows it, or are read otherwise.
const LEFT_OUT: [&str; 3] = ["type", "links", "relationships"];

/// The attributes that are shown and not stored.
const SHOWN_ONLY: [&str; 7] = [
    "created",
    "updated",
    "last_event_date",
    "subscriptions",
    "predictive_analytics",
    "former_identifiers",
    "writers",
];

/// Reads a line. A value that is null says nothing.
pub(crate) fn json_row(bytes: &[u8]) -> Result<RowProfile, Vec<RowFault>> {
    let faulty = |detail: String| vec![RowFault::in_file("", detail)];
    let text = std::str::from_utf8(bytes)
        .map_err(|error| faulty(format!("The line must be UTF-8: {error}.")))?;
    let mut data: RowMembers = serde_json::from_str(text)
        .map_err(|error| faulty(format!("The line must be a JSON object: {error}.")))?;
    if let [(name, inner)] = data.0.as_slice()
        && name == "data"
    {
        data = object("/data", inner)?;
    }
    each_once("/data", &data)?;
    let mut profile = RowProfile::default();
    for (name, value) in data.0 {
        match name.as_str() {
            name if LEFT_OUT.contains(&name) => {}
            "id" => profile.id = Some(value).filter(|id| !is_null(id)),
            "attributes" => profile.take_attributes(object("/data/attributes", &value)?)?,
            _ => profile.others.0.push((name, value)),
        }
    }
    Ok(profile)
}

/// The identifiers that have no attribute of their own.
#[derive(Default, Deserialize)]
struct ShownIdentifiers {
    #[serde(default)]
    secondary_emails: Vec<Box<RawValue>>,
    #[serde(default)]
    anonymous_ids: Vec<ShownDevice>,
}

#[derive(Deserialize)]
struct ShownDevice {
    anonymous_id: Box<RawValue>,
}

impl RowProfile {
    fn take_attributes(&mut self, attributes: RowMembers) -> Result<(), Vec<RowFault>> {
        each_once("/data/attributes", &attributes)?;
        for (name, value) in attributes.without_nulls().0 {
            let pointer = format!("/data/attributes/{name}");
            match name.as_str() {
                name if SHOWN_ONLY.contains(&name) => {}
                "location" => self.location = object(&pointer, &value)?.without_nulls(),
                "properties" => self.properties = object(&pointer, &value)?,
                "identifiers" => {
                    let read = serde_json::from_str(value.get());
                    let shown: ShownIdentifiers =
                        read.map_err(|error| unreadable(&pointer, &error))?;
                    self.secondary_emails = shown.secondary_emails;
                    let devices = shown.anonymous_ids.into_iter();
                    self.anonymous_ids = devices.map(|device| device.anonymous_id).collect();
                }
                _ => self.attributes.0.push((name, value)),
            }
        }
        Ok(())
    }
}

/// Refuses a name that occurs twice: only one of its values could be stored.
fn each_once(pointer: &str, members: &RowMembers) -> Result<(), Vec<RowFault>> {
    let Some(name) = members.repeated().map(shortened) else { return Ok(()) };
    let detail = format!("The name {name:?} must occur once; remove the values that are wrong.");
    Err(vec![RowFault::in_file(&format!("{pointer}/{name}"), detail)])
}

pub(crate) fn object(pointer: &str, value: &RawValue) -> Result<RowMembers, Vec<RowFault>> {
    serde_json::from_str(value.get()).map_err(|error| unreadable(pointer, &error))
}

fn unreadable(pointer: &str, error: &serde_json::Error) -> Vec<RowFault> {
    vec![RowFault::in_file(pointer, format!("The value must be a JSON object: {error}."))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_occurs_twice_makes_a_row_faulty_and_loses_no_value() {
        for (line, pointer) in [
            (r#"{"id":"1","id":"2"}"#, "/data/id"),
            (r#"{"id":null,"id":"2"}"#, "/data/id"),
            (r#"{"data":{"attributes":{},"attributes":{}}}"#, "/data/attributes"),
            (
                r#"{"attributes":{"properties":{"a":1},"properties":{"b":1}}}"#,
                "/data/attributes/properties",
            ),
            (r#"{"attributes":{"location":{},"location":{}}}"#, "/data/attributes/location"),
            (
                r#"{"attributes":{"identifiers":{},"identifiers":{}}}"#,
                "/data/attributes/identifiers",
            ),
        ] {
            let faults = json_row(line.as_bytes()).unwrap_err();
            assert_eq!(faults[0].pointer, pointer, "{line}");
        }
        let inner = br#"{"attributes":{"identifiers":{"anonymous_ids":[],"anonymous_ids":[]}}}"#;
        assert!(json_row(inner).is_err());
    }
}
