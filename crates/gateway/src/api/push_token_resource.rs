//! Push token resources of the server API.

use std::borrow::Cow;

use profile_protocol::{DeviceText, EnablementStatus, MetadataField, Platform, ProfileId, Vendor};
use profile_store::StoredPushToken;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, json};

use super::{
    call::Call,
    documents::{Resource, ResourceIdentifier, SelfLink},
    fieldset::{ListableFields, ListedFields},
    time::rfc3339,
};

/// The type of these resources.
pub(super) const KIND: &str = "push-token";

/// The parameter that lists the attributes to show.
pub(super) const TOKEN_FIELDS: &str = "fields[push-token]";

/// The attributes that it may list.
pub(super) const LISTABLE: ListableFields =
    ListableFields { parameter: TOKEN_FIELDS, resource: KIND, is_known };

/// The attributes of a token, in the order of a response.
const ATTRIBUTES: [&str; 8] = [
    "created",
    "token",
    "enablement_status",
    "platform",
    "vendor",
    "background",
    "recorded_date",
    METADATA,
];

const METADATA: &str = "metadata";

fn is_known(path: &str) -> bool {
    match path.split_once('.') {
        Some((METADATA, member)) => MetadataField::WORDS.contains(&member),
        Some(_) => false,
        // Every response has an id and a type.
        None => ["id", "type"].contains(&path) || ATTRIBUTES.contains(&path),
    }
}

/// A push token as a response shows it.
#[derive(JsonSchema, Serialize)]
pub(super) struct PushTokenResource<'a> {
    #[serde(flatten)]
    resource: Resource<PushTokenAttributes<'a>>,
    relationships: PushTokenRelationships,
}

#[derive(JsonSchema, Serialize)]
struct PushTokenRelationships {
    profile: TokenProfile,
}

/// The relationship to the profile.
#[derive(JsonSchema, Serialize)]
struct TokenProfile {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<ResourceIdentifier>,
    links: TokenProfileLinks,
}

#[derive(JsonSchema, Serialize)]
struct TokenProfileLinks {
    #[serde(rename = "self")]
    this: String,
    related: String,
}

/// A push token, limited to `fields`. The relationship names its profile, unless the response is
/// about the tokens of one profile.
pub(super) fn push_token<'a>(
    call: &Call<'_>,
    token: &'a StoredPushToken,
    profile: Option<ProfileId>,
    fields: &'a ListedFields,
) -> PushTokenResource<'a> {
    let id = token.id().to_string();
    let this = call.link(&format!("/api/push-tokens/{id}"));
    let links = TokenProfileLinks {
        this: format!("{this}/relationships/profile"),
        related: format!("{this}/profile"),
    };
    let data = profile.map(|id| ResourceIdentifier { kind: "profile", id: id.to_string() });
    let attributes = PushTokenAttributes { token, fields };
    PushTokenResource {
        resource: Resource { kind: KIND, id, attributes, links: SelfLink { this } },
        relationships: PushTokenRelationships { profile: TokenProfile { data, links } },
    }
}

/// The identifier of a push token.
pub(super) fn identifier(token: &StoredPushToken) -> ResourceIdentifier {
    ResourceIdentifier { kind: KIND, id: token.id().to_string() }
}

/// The attributes of a push token. Missing metadata is null.
pub(super) struct PushTokenAttributes<'a> {
    token: &'a StoredPushToken,
    fields: &'a ListedFields,
}

impl JsonSchema for PushTokenAttributes<'_> {
    fn schema_name() -> Cow<'static, str> {
        "PushTokenAttributes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let metadata = MetadataField::WORDS.iter();
        let metadata: Map<String, Value> = metadata
            .map(|name| ((*name).to_owned(), json!({ "type": ["string", "null"] })))
            .collect();
        let time = || json!({ "type": "string", "format": "date-time" });
        let mut schema = Schema::default();
        schema.insert("type".to_owned(), "object".into());
        schema.insert(
            "properties".to_owned(),
            json!({
                "created": time(),
                "token": { "type": "string" },
                "enablement_status": { "enum": EnablementStatus::WORDS },
                "platform": { "enum": Platform::WORDS },
                "vendor": { "enum": Vendor::ALL.iter().map(|one| one.display_name()).collect::<Vec<_>>() },
                "background": { "type": "string" },
                "recorded_date": time(),
                METADATA: {
                    "type": "object",
                    "properties": metadata,
                    "additionalProperties": false,
                },
            }),
        );
        schema.insert("additionalProperties".to_owned(), false.into());
        schema
    }
}

impl Serialize for PushTokenAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in ATTRIBUTES.into_iter().filter(|name| self.fields.lists(name)) {
            self.attribute(&mut map, name)?;
        }
        map.end()
    }
}

impl PushTokenAttributes<'_> {
    fn attribute<M: SerializeMap>(&self, map: &mut M, name: &str) -> Result<(), M::Error> {
        let token = self.token;
        match name {
            "created" => map.serialize_entry(name, &rfc3339(token.created)),
            "token" => map.serialize_entry(name, token.token.as_str()),
            "enablement_status" => map.serialize_entry(name, token.enablement_status.as_str()),
            "platform" => map.serialize_entry(name, token.platform.as_str()),
            "vendor" => map.serialize_entry(name, token.vendor.display_name()),
            "background" => map.serialize_entry(name, token.background.as_str()),
            "recorded_date" => map.serialize_entry(name, &rfc3339(token.recorded)),
            _ => map.serialize_entry(name, &MetadataObject(self)),
        }
    }
}

struct MetadataObject<'a>(&'a PushTokenAttributes<'a>);

impl Serialize for MetadataObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PushTokenAttributes { token, fields } = self.0;
        let mut map = serializer.serialize_map(None)?;
        for field in MetadataField::ALL {
            if fields.lists_member(METADATA, field.as_str()) {
                let text = token.metadata.value(*field).map(DeviceText::as_str);
                map.serialize_entry(field.as_str(), &text)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_no_token_has_is_not_known() {
        for path in ["token", "metadata", "metadata.os_name", "id", "type"] {
            assert!(is_known(path), "{path}");
        }
        for path in ["email", "metadata.color", "token.x", "device_metadata", ""] {
            assert!(!is_known(path), "{path}");
        }
    }
}
