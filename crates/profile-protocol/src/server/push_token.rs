//! Push tokens that apps and servers register, and that apps remove.

use super::body_reader::{self, BodyReader, KnownObject, RuledValue};
use crate::{
    Background, DeviceMetadata, DeviceText, EnablementStatus, Fault, MetadataField, Platform,
    ProfileEndpoint, ProfileRequest, PushToken, PushTokenDetails, Revision, Vendor, Violations,
    grammar::{FieldName, PUSH_TOKEN, PUSH_TOKEN_PROFILE, PUSH_TOKEN_UNREGISTER},
    pointer::pointer,
};

/// A body of `POST /client/push-tokens` or `POST /api/push-tokens`: a token, and the profile that
/// it belongs to from now on.
///
/// ```
/// use profile_protocol::{Platform, PushTokenRegistration, Revision};
///
/// let body = br#"{"data":{"type":"push-token","attributes":{"token":"abc","platform":"iOS",
///     "vendor":"APNs","profile":{"data":{"type":"profile","attributes":{
///     "anonymous_id":"device-17"}}}}}}"#;
/// let registration = PushTokenRegistration::parse(body, Revision::LATEST)?;
/// assert_eq!(registration.details.platform, Platform::Ios);
/// # Ok::<(), profile_protocol::Violations>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PushTokenRegistration {
    /// The token.
    pub details: PushTokenDetails,
    /// What the body says about the profile.
    pub profile: ProfileRequest,
}

impl PushTokenRegistration {
    /// Parses a body. The error has every violation.
    pub fn parse(body: &[u8], revision: Revision) -> Result<PushTokenRegistration, Violations> {
        body_reader::read(body, &PUSH_TOKEN, |reader, data| {
            let attributes = reader.object_in(data, FieldName::Attributes)?;
            let details = details(reader, &attributes);
            let profile = profile(reader, &attributes, revision);
            Some(PushTokenRegistration { details: details?, profile: profile? })
        })
    }
}

/// A body of `POST /client/push-token-unregister`: a token that the profile loses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PushTokenRemoval {
    /// The token.
    pub token: PushToken,
    /// What the body says about the profile.
    pub profile: ProfileRequest,
}

impl PushTokenRemoval {
    /// Parses a body. The error has every violation. The platform and the vendor are checked, and
    /// say nothing that the token does not.
    pub fn parse(body: &[u8], revision: Revision) -> Result<PushTokenRemoval, Violations> {
        body_reader::read(body, &PUSH_TOKEN_UNREGISTER, |reader, data| {
            let attributes = reader.object_in(data, FieldName::Attributes)?;
            let token = reader.parsed_in(&attributes, FieldName::Token);
            let platform = reader.word_in(&attributes, FieldName::Platform);
            reader.word_in(&attributes, FieldName::Vendor);
            let profile = profile(reader, &attributes, revision);
            platform?;
            Some(PushTokenRemoval { token: token?, profile: profile? })
        })
    }
}

fn details(reader: &mut BodyReader, attributes: &KnownObject<'_>) -> Option<PushTokenDetails> {
    let token = reader.parsed_in(attributes, FieldName::Token);
    let platform = reader.word_in(attributes, FieldName::Platform).and_then(Platform::from_word);
    let vendor = reader.word_in(attributes, FieldName::Vendor).and_then(Vendor::from_word);
    let sent: Option<DeviceText> = reader.parsed_in(attributes, FieldName::EnablementStatus);
    let background = reader.word_in(attributes, FieldName::Background);
    let metadata = attributes.get(FieldName::DeviceMetadata);
    let metadata = metadata.and_then(|value| metadata_of(reader, &value));
    Some(PushTokenDetails {
        token: token?,
        platform: platform?,
        vendor: vendor?,
        enablement_status: sent.and_then(|word| status(word.as_str())),
        background: background.and_then(Background::from_word),
        metadata,
    })
}

/// The status that a word means, in any letter case. One that is not known says nothing, and the
/// rest of the request counts.
fn status(word: &str) -> Option<EnablementStatus> {
    let mut all = EnablementStatus::ALL.iter().copied();
    all.find(|status| status.as_str().eq_ignore_ascii_case(word))
}

fn metadata_of(reader: &mut BodyReader, value: &RuledValue<'_>) -> Option<DeviceMetadata> {
    let object = reader.object(value)?;
    let mut metadata = DeviceMetadata::default();
    for &field in MetadataField::ALL {
        let text = metadata_text(reader, &object, field);
        text.into_iter().for_each(|text| metadata.set(field, text));
    }
    Some(metadata)
}

fn metadata_text(
    reader: &mut BodyReader,
    object: &KnownObject<'_>,
    field: MetadataField,
) -> Option<DeviceText> {
    let name = FieldName::Metadata(field);
    match field {
        MetadataField::KlaviyoSdk | MetadataField::OsName | MetadataField::Environment => {
            reader.word_in(object, name)?.parse().ok()
        }
        MetadataField::AppBuild => reader.text_or_integer(&object.get(name)?),
        MetadataField::DeviceId
        | MetadataField::SdkVersion
        | MetadataField::DeviceModel
        | MetadataField::OsVersion
        | MetadataField::Manufacturer
        | MetadataField::AppName
        | MetadataField::AppVersion
        | MetadataField::AppId => reader.parsed_in(object, name),
    }
}

/// Reads the nested profile, whose fields mean what they mean in a client's body of a profile.
fn profile(
    reader: &mut BodyReader,
    attributes: &KnownObject<'_>,
    revision: Revision,
) -> Option<ProfileRequest> {
    let profile = reader.object_in(attributes, FieldName::Profile)?;
    let data = profile.get(FieldName::Data)?;
    let rule = &PUSH_TOKEN_PROFILE;
    let text = data.raw.get();
    let parsed = ProfileRequest::parse_resource_of(rule, ProfileEndpoint::Client, text, revision)
        .map_err(|violations| {
            let from = pointer("", FieldName::Data.as_str());
            reader.add_all(violations.moved(&from, &data.at));
        })
        .ok();
    one_meta(reader, &data);
    parsed
}

/// Reports `meta` among the attributes if there is one beside them as well: revisions differ in its
/// place, and none has two.
fn one_meta(reader: &mut BodyReader, data: &RuledValue<'_>) {
    // What is wrong with the profile otherwise is reported already.
    let mut unreported = BodyReader::default();
    let Some(data) = unreported.object(data) else { return };
    let attributes = unreported.object_in(&data, FieldName::Attributes);
    let inner = attributes.as_ref().and_then(|attributes| attributes.get(FieldName::Meta));
    if let (Some(_), Some(inner)) = (data.get(FieldName::Meta), inner) {
        reader.add(&inner.at, Fault::Duplicate { name: FieldName::Meta.as_str().to_owned() });
    }
}
