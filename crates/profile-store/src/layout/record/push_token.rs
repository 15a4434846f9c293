//! The record of a push token.

use profile_protocol::{
    Background, DeviceMetadata, EnablementStatus, MetadataField, Platform, Vendor,
};

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::{StoredPushToken, Timestamp};

const VERSION: u8 = 1;

/// The record of a token. The profile that got it, and the id of the token, are in the key.
pub(crate) fn encode_push_token(stored: &StoredPushToken) -> Vec<u8> {
    let StoredPushToken {
        token,
        platform,
        vendor,
        enablement_status,
        background,
        metadata,
        created,
        recorded,
    } = stored;
    let mut writer = RecordWriter::new(VERSION);
    writer.number(created.millis());
    writer.number(recorded.millis().saturating_sub(created.millis()));
    writer.byte(platform_number(*platform));
    writer.byte(vendor_number(*vendor));
    writer.byte(status_number(*enablement_status));
    writer.byte(background_number(*background));
    writer.text(token.as_str());
    for (field, text) in metadata.iter() {
        writer.byte(metadata_number(field));
        writer.text(text.as_str());
    }
    writer.finish()
}

/// See [`encode_push_token`].
pub(crate) fn decode_push_token(record: &[u8]) -> Result<StoredPushToken, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let created = reader.number()?;
    let recorded = created.checked_add(reader.number()?).ok_or(InvalidRecord::Value)?;
    let stored = StoredPushToken {
        created: Timestamp::from_millis(created),
        recorded: Timestamp::from_millis(recorded),
        platform: of_number(&mut reader, Platform::ALL, platform_number)?,
        vendor: of_number(&mut reader, Vendor::ALL, vendor_number)?,
        enablement_status: of_number(&mut reader, EnablementStatus::ALL, status_number)?,
        background: of_number(&mut reader, Background::ALL, background_number)?,
        token: reader.parsed()?,
        metadata: DeviceMetadata::default(),
    };
    let mut metadata = DeviceMetadata::default();
    while !reader.is_empty() {
        let field = of_number(&mut reader, MetadataField::ALL, metadata_number)?;
        metadata.set(field, reader.parsed()?);
    }
    Ok(StoredPushToken { metadata, ..stored })
}

/// The value that has the next number.
fn of_number<T: Copy>(
    reader: &mut RecordReader<'_>,
    all: &[T],
    number: impl Fn(T) -> u8,
) -> Result<T, InvalidRecord> {
    let found = reader.byte()?;
    all.iter().copied().find(|value| number(*value) == found).ok_or(InvalidRecord::Tag(found))
}

const fn platform_number(platform: Platform) -> u8 {
    match platform {
        Platform::Android => 0,
        Platform::Ios => 1,
    }
}

const fn vendor_number(vendor: Vendor) -> u8 {
    match vendor {
        Vendor::Apns => 0,
        Vendor::Fcm => 1,
    }
}

const fn status_number(status: EnablementStatus) -> u8 {
    match status {
        EnablementStatus::Authorized => 0,
        EnablementStatus::Denied => 1,
        EnablementStatus::NotDetermined => 2,
        EnablementStatus::Provisional => 3,
        EnablementStatus::Unauthorized => 4,
    }
}

const fn background_number(background: Background) -> u8 {
    match background {
        Background::Available => 0,
        Background::Denied => 1,
        Background::Restricted => 2,
    }
}

const fn metadata_number(field: MetadataField) -> u8 {
    match field {
        MetadataField::DeviceId => 0,
        MetadataField::KlaviyoSdk => 1,
        MetadataField::SdkVersion => 2,
        MetadataField::DeviceModel => 3,
        MetadataField::OsName => 4,
        MetadataField::OsVersion => 5,
        MetadataField::Manufacturer => 6,
        MetadataField::AppName => 7,
        MetadataField::AppVersion => 8,
        MetadataField::AppBuild => 9,
        MetadataField::AppId => 10,
        MetadataField::Environment => 11,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arbitrary::push_tokens;

    proptest! {
        #[test]
        fn a_token_is_decoded_as_it_was_encoded(stored in push_tokens()) {
            let record = encode_push_token(&stored);
            prop_assert_eq!(decode_push_token(&record), Ok(stored));
        }

        #[test]
        fn no_part_of_a_record_is_taken_for_a_whole_one(
            stored in push_tokens(),
            cut in 1..40_usize,
        ) {
            let record = encode_push_token(&stored);
            let cut = &record[..record.len().saturating_sub(cut)];
            prop_assert_ne!(decode_push_token(cut), Ok(stored));
        }
    }

    #[test]
    fn the_layout_of_a_token_never_changes() {
        let record = [&[1, 5, 2, 0, 1, 2, 2, 3][..], b"abc", &[4, 3], b"ios"].concat();
        let stored = decode_push_token(&record).unwrap();
        assert_eq!((stored.platform, stored.vendor), (Platform::Android, Vendor::Fcm));
        assert_eq!(stored.enablement_status, EnablementStatus::NotDetermined);
        assert_eq!(stored.background, Background::Restricted);
        assert_eq!((stored.created.millis(), stored.recorded.millis()), (5, 7));
        assert_eq!(encode_push_token(&stored), record);
        assert_eq!(decode_push_token(&[2, 5]), Err(InvalidRecord::Version(2)));
        assert_eq!(decode_push_token(&[1, 5, 2, 9]), Err(InvalidRecord::Tag(9)));
    }
}
