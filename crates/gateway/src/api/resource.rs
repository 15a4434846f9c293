//! Profile resources of the server API.

use std::{borrow::Cow, collections::BTreeMap};

use profile_protocol::{Email, ExternalId, Field, PhoneNumber, Text};
use profile_store::Profile;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    call::Call,
    details::{FormerIdentifier, MergeShown, OtherIdentifiers, ProfileDetails, ValueWriter},
    documents::{Resource, SelfLink},
    fieldset::{
        ADDITIONAL, ATTRIBUTES, FORMER_IDENTIFIERS, Fieldset, IDENTIFIERS, LOCATION, MERGES,
        PREDICTIONS, SUBSCRIPTIONS, WRITERS,
    },
    time::rfc3339,
};

/// A profile, limited to `fields`.
pub(super) fn profile<'a>(
    call: &Call<'_>,
    profile: &'a Profile,
    fields: &'a Fieldset,
) -> Resource<ProfileAttributes<'a>> {
    let id = profile.id.to_string();
    let links = SelfLink { this: call.link(&format!("/api/profiles/{id}")) };
    let attributes = ProfileAttributes::of(profile, fields);
    Resource { kind: "profile", id, attributes, links }
}

/// The attributes of a profile. Missing attributes are null.
pub(super) struct ProfileAttributes<'a> {
    profile: &'a Profile,
    fields: &'a Fieldset,
    /// What was read beyond the profile itself.
    pub(super) details: ProfileDetails,
}

impl JsonSchema for ProfileAttributes<'_> {
    fn schema_name() -> Cow<'static, str> {
        "ProfileAttributes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = || json!({ "type": ["string", "null"] });
        let mut members = Map::new();
        for name in ATTRIBUTES {
            let schema = match name {
                "created" | "updated" => json!({ "type": "string", "format": "date-time" }),
                "location" => object(LOCATION.map(|name| (name, location_schema(name)))),
                "properties" => json!({ "type": "object" }),
                _ => text(),
            };
            members.insert(name.to_owned(), schema);
        }
        for name in ADDITIONAL {
            let schema = match name {
                IDENTIFIERS => generator.subschema_for::<OtherIdentifiers<'_>>().to_value(),
                FORMER_IDENTIFIERS => generator.subschema_for::<Vec<FormerIdentifier>>().to_value(),
                WRITERS => generator.subschema_for::<BTreeMap<String, ValueWriter>>().to_value(),
                MERGES => generator.subschema_for::<Vec<MergeShown>>().to_value(),
                _ => json!({ "type": "object", "maxProperties": 0 }),
            };
            members.insert(name.to_owned(), schema);
        }
        let mut schema = Schema::default();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), Value::Object(members));
        schema.insert("additionalProperties".to_owned(), false.into());
        schema
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members: Map<String, Value> =
        members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "type": "object", "properties": members, "additionalProperties": false })
}

fn location_schema(name: &str) -> Value {
    match name {
        "latitude" | "longitude" => json!({ "type": ["number", "string", "null"] }),
        _ => json!({ "type": ["string", "null"] }),
    }
}

impl Serialize for ProfileAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in ATTRIBUTES.into_iter().chain(ADDITIONAL) {
            if self.fields.shows(name) {
                self.attribute(&mut map, name)?;
            }
        }
        map.end()
    }
}

impl<'a> ProfileAttributes<'a> {
    /// The attributes of a profile, without what has to be read for them.
    pub(super) fn of(profile: &'a Profile, fields: &'a Fieldset) -> ProfileAttributes<'a> {
        ProfileAttributes { profile, fields, details: ProfileDetails::default() }
    }
}

impl ProfileAttributes<'_> {
    fn attribute<M: SerializeMap>(&self, map: &mut M, name: &str) -> Result<(), M::Error> {
        let Profile { created, updated, identifiers, attributes, .. } = self.profile;
        match name {
            "email" => map.serialize_entry(name, &identifiers.email.as_ref().map(Email::as_str)),
            "phone_number" => map
                .serialize_entry(name, &identifiers.phone_number.as_ref().map(PhoneNumber::as_str)),
            "external_id" => {
                map.serialize_entry(name, &identifiers.external_id.as_ref().map(ExternalId::as_str))
            }
            "created" => map.serialize_entry(name, &rfc3339(*created)),
            "updated" => map.serialize_entry(name, &rfc3339(*updated)),
            "location" => map.serialize_entry(name, &LocationObject(self)),
            "properties" => map.serialize_entry(name, &PropertiesObject(self)),
            SUBSCRIPTIONS | PREDICTIONS => map.serialize_entry(name, &Map::<String, Value>::new()),
            IDENTIFIERS => map.serialize_entry(name, &OtherIdentifiers::of(self.profile)),
            FORMER_IDENTIFIERS => map.serialize_entry(name, &self.details.former),
            WRITERS => map.serialize_entry(name, &self.details.writers),
            MERGES => map.serialize_entry(name, &self.details.merges),
            _ => {
                let field = Field::ALL.into_iter().find(|field| field.name() == name);
                let text = field.and_then(|field| attributes.fields[field].as_ref());
                map.serialize_entry(name, &text.map(Text::as_str))
            }
        }
    }
}

/// A profile in an export: what a response shows, and the identifiers that have no attribute of
/// their own. It has no links, which are those of one gateway.
#[derive(Serialize)]
pub(crate) struct ExportedProfile<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    attributes: ProfileAttributes<'a>,
}

impl ExportedProfile<'_> {
    /// All of a profile.
    pub(crate) fn of<'a>(profile: &'a Profile, fields: &'a Fieldset) -> ExportedProfile<'a> {
        let attributes = ProfileAttributes { profile, fields, details: ProfileDetails::default() };
        ExportedProfile { kind: "profile", id: profile.id.to_string(), attributes }
    }
}

/// The custom properties of a profile, as a JSON object.
pub(crate) fn properties_json(
    profile: &Profile,
    fields: &Fieldset,
) -> Result<String, serde_json::Error> {
    let attributes = ProfileAttributes { profile, fields, details: ProfileDetails::default() };
    serde_json::to_string(&PropertiesObject(&attributes))
}

struct LocationObject<'a>(&'a ProfileAttributes<'a>);

impl Serialize for LocationObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ProfileAttributes { profile, fields, details: _ } = self.0;
        let mut map = serializer.serialize_map(None)?;
        for name in LOCATION {
            let field = Field::ALL.into_iter().find(|field| field.name() == name);
            let Some(field) = field.filter(|_| fields.shows_member("location", name)) else {
                continue;
            };
            let text = profile.attributes.fields[field].as_ref().map(Text::as_str);
            match text.and_then(|text| number(field, text)) {
                Some(number) => map.serialize_entry(name, number)?,
                None => map.serialize_entry(name, &text)?,
            }
        }
        map.end()
    }
}

/// A coordinate as a number, with exactly its digits.
fn number(field: Field, text: &str) -> Option<&RawValue> {
    let is_coordinate = matches!(field, Field::Latitude | Field::Longitude);
    is_coordinate.then(|| serde_json::from_str(text).ok()).flatten()
}

struct PropertiesObject<'a>(&'a ProfileAttributes<'a>);

impl Serialize for PropertiesObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ProfileAttributes { profile, fields, details: _ } = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in profile.attributes.properties.iter() {
            if fields.shows_member("properties", name.as_str()) {
                // Stored values are JSON text.
                let json: Option<&RawValue> = serde_json::from_str(value.as_json()).ok();
                map.serialize_entry(name.as_str(), &json)?;
            }
        }
        map.end()
    }
}
