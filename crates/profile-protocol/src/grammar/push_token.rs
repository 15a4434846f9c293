//! The bodies that register push tokens and remove them.

use super::{
    names::FieldName,
    profile::PUSH_TOKEN_PROFILE,
    rules::{BodyRule, FieldRule, LetterCase, ObjectRule, ValueRule},
};
use crate::{
    limits,
    push_token::{Background, MetadataField, Platform, Vendor},
};

const REGISTRATION_RESOURCE: &str = "push-token";
const REMOVAL_RESOURCE: &str = "push-token-unregister";

/// The body of `POST /client/push-tokens` and `POST /api/push-tokens`.
pub static PUSH_TOKEN: BodyRule = body(&object(
    REGISTRATION_RESOURCE,
    &[data(&object(
        REGISTRATION_RESOURCE,
        &[resource_type(REGISTRATION_RESOURCE), attributes(&REGISTRATION_ATTRIBUTES)],
    ))],
));

static REGISTRATION_ATTRIBUTES: ObjectRule = object(
    REGISTRATION_RESOURCE,
    &[
        TOKEN,
        PLATFORM,
        VENDOR.required(),
        // The SDK for Swift sends `EPHEMERAL`, which is none of the words of the original.
        FieldRule::new(FieldName::EnablementStatus, text("AUTHORIZED")).described(
            "`AUTHORIZED`, `DENIED`, `NOT_DETERMINED`, `PROVISIONAL` or `UNAUTHORIZED`. \
             Another word counts as absent: then the status is what is stored of the token, or \
             `AUTHORIZED`.",
        ),
        FieldRule::new(FieldName::Background, exactly(Background::WORDS))
            .described("`AVAILABLE` if absent, or what is stored of the token."),
        FieldRule::new(FieldName::DeviceMetadata, ValueRule::Object(&DEVICE_METADATA))
            .described("It replaces all metadata that is stored."),
        profile(&REGISTERED_PROFILE),
    ],
);

static DEVICE_METADATA: ObjectRule = object(
    REGISTRATION_RESOURCE,
    &[
        metadata(MetadataField::DeviceId, text("b54d1d1b-0f6c-4f5c-9d7e-1a0f8a1a6f63")),
        metadata(MetadataField::KlaviyoSdk, in_any_case(KLAVIYO_SDKS)),
        metadata(MetadataField::SdkVersion, text("4.4.0")),
        metadata(MetadataField::DeviceModel, text("Pixel 9")),
        metadata(MetadataField::OsName, in_any_case(OPERATING_SYSTEMS)),
        metadata(MetadataField::OsVersion, text("35")),
        metadata(MetadataField::Manufacturer, text("Google")),
        metadata(MetadataField::AppName, text("Shop")),
        metadata(MetadataField::AppVersion, text("2.1.0")),
        metadata(MetadataField::AppBuild, ValueRule::TextOrInteger { example: "210" }),
        metadata(MetadataField::AppId, text("com.example.shop")),
        metadata(MetadataField::Environment, in_any_case(ENVIRONMENTS)),
    ],
);

const KLAVIYO_SDKS: &[&str] = &["android", "flutter", "flutter_community", "react_native", "swift"];
const OPERATING_SYSTEMS: &[&str] = &["android", "ios", "ipados", "macos", "tvos"];
const ENVIRONMENTS: &[&str] = &["debug", "release"];

/// The body of `POST /client/push-token-unregister`.
pub static PUSH_TOKEN_UNREGISTER: BodyRule = body(&object(
    REMOVAL_RESOURCE,
    &[data(&object(
        REMOVAL_RESOURCE,
        &[resource_type(REMOVAL_RESOURCE), attributes(&REMOVAL_ATTRIBUTES)],
    ))],
));

static REMOVAL_ATTRIBUTES: ObjectRule =
    object(REMOVAL_RESOURCE, &[TOKEN, PLATFORM, VENDOR, profile(&UNREGISTERED_PROFILE)]);

const TOKEN: FieldRule =
    FieldRule::new(FieldName::Token, text("c0mEVJqkR5y:APA91bHPRgkF3JUikC4ENAHEeMrd41")).required();

const PLATFORM: FieldRule =
    FieldRule::new(FieldName::Platform, in_any_case(Platform::WORDS)).required();

const VENDOR: FieldRule = FieldRule::new(FieldName::Vendor, in_any_case(Vendor::WORDS));

static REGISTERED_PROFILE: ObjectRule = object(REGISTRATION_RESOURCE, &[data(&PUSH_TOKEN_PROFILE)]);

static UNREGISTERED_PROFILE: ObjectRule = object(REMOVAL_RESOURCE, &[data(&PUSH_TOKEN_PROFILE)]);

const fn profile(rule: &'static ObjectRule) -> FieldRule {
    FieldRule::new(FieldName::Profile, ValueRule::Object(rule)).required()
}

const fn body(document: &'static ObjectRule) -> BodyRule {
    BodyRule { document, max_bytes: limits::BODY_BYTES }
}

const fn object(resource: &'static str, fields: &'static [FieldRule]) -> ObjectRule {
    ObjectRule { resource, fields }
}

const fn data(resource: &'static ObjectRule) -> FieldRule {
    FieldRule::new(FieldName::Data, ValueRule::Resource(resource)).required()
}

const fn attributes(rule: &'static ObjectRule) -> FieldRule {
    FieldRule::new(FieldName::Attributes, ValueRule::Object(rule)).required()
}

const fn resource_type(resource: &'static str) -> FieldRule {
    FieldRule::new(FieldName::Type, ValueRule::ResourceType(resource)).required()
}

const fn metadata(field: MetadataField, value: ValueRule) -> FieldRule {
    FieldRule::new(FieldName::Metadata(field), value)
}

const fn text(example: &'static str) -> ValueRule {
    ValueRule::Text { example }
}

const fn exactly(words: &'static [&'static str]) -> ValueRule {
    ValueRule::Enumeration { words, case: LetterCase::Exact }
}

const fn in_any_case(words: &'static [&'static str]) -> ValueRule {
    ValueRule::Enumeration { words, case: LetterCase::Any }
}
