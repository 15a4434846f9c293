//! Push tokens: an app on a device, as the services that deliver notifications name it.

use std::{fmt, str::FromStr};

use crate::{InvalidOpaqueId, InvalidText, limits, opaque::printable};

/// A push token: 1 to 4,096 bytes, compared byte for byte. A client that knows it can register it
/// for another profile.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PushToken {
    // Invariant: parsing this text again yields this text.
    text: Box<str>,
}

impl PushToken {
    /// The text, byte for byte as it was sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for PushToken {
    type Err = InvalidPushToken;

    fn from_str(text: &str) -> Result<PushToken, InvalidPushToken> {
        printable(text, limits::PUSH_TOKEN_BYTES).map_err(InvalidPushToken)?;
        Ok(PushToken { text: text.into() })
    }
}

impl fmt::Debug for PushToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushToken(…)")
    }
}

/// Why some text is not a [`PushToken`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct InvalidPushToken(InvalidOpaqueId);

/// Declares an enum whose values are fixed words of a request.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &[$name] = &[$($name::$variant,)+];

            /// The word of every value, in the same order.
            pub const WORDS: &[&str] = &[$($word,)+];

            /// The word, as responses have it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }

            /// The value of this word.
            pub fn from_word(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

words! {
    /// The platform of an app. Requests write it in any letter case.
    Platform {
        /// Android.
        Android = "android",
        /// iOS, and the other systems for which APNs delivers.
        Ios = "ios",
    }
}

words! {
    /// The service that delivers notifications. Requests write it in any letter case.
    Vendor {
        /// The Apple Push Notification service.
        Apns = "apns",
        /// Firebase Cloud Messaging.
        Fcm = "fcm",
    }
}

impl Vendor {
    /// The name as its owner writes it.
    pub const fn display_name(self) -> &'static str {
        match self {
            Vendor::Apns => "APNs",
            Vendor::Fcm => "FCM",
        }
    }
}

words! {
    /// Whether the user allows notifications.
    EnablementStatus {
        /// The user allows them. A token has this status unless a request says otherwise.
        Authorized = "AUTHORIZED",
        /// The user has denied them.
        Denied = "DENIED",
        /// The user was not asked.
        NotDetermined = "NOT_DETERMINED",
        /// They are delivered quietly.
        Provisional = "PROVISIONAL",
        /// The user does not allow them.
        Unauthorized = "UNAUTHORIZED",
    }
}

words! {
    /// Whether the app may run in the background.
    Background {
        /// It may. A token has this status unless a request says otherwise.
        Available = "AVAILABLE",
        /// The user has denied it.
        Denied = "DENIED",
        /// The system restricts it.
        Restricted = "RESTRICTED",
    }
}

words! {
    /// The members of the metadata of a device.
    MetadataField {
        /// The id of the device.
        DeviceId = "device_id",
        /// The SDK that the app contains.
        KlaviyoSdk = "klaviyo_sdk",
        /// The version of the SDK.
        SdkVersion = "sdk_version",
        /// The model of the device.
        DeviceModel = "device_model",
        /// The operating system.
        OsName = "os_name",
        /// The version of the operating system.
        OsVersion = "os_version",
        /// The manufacturer of the device.
        Manufacturer = "manufacturer",
        /// The name of the app.
        AppName = "app_name",
        /// The version of the app.
        AppVersion = "app_version",
        /// The build of the app.
        AppBuild = "app_build",
        /// The id of the app.
        AppId = "app_id",
        /// The environment of the app.
        Environment = "environment",
    }
}

/// The value of one member of the metadata of a device: at most 160 bytes, any characters but
/// U+0000.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct DeviceText {
    // Invariant: at most `limits::DEVICE_TEXT_BYTES`, and without U+0000.
    text: Box<str>,
}

impl DeviceText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for DeviceText {
    type Err = InvalidDeviceText;

    fn from_str(text: &str) -> Result<DeviceText, InvalidDeviceText> {
        if limits::DEVICE_TEXT_BYTES < text.len() {
            return Err(InvalidDeviceText::TooLong);
        }
        if text.contains('\0') {
            return Err(InvalidDeviceText::NullCharacter);
        }
        Ok(DeviceText { text: text.into() })
    }
}

impl fmt::Debug for DeviceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceText({} bytes)", self.text.len())
    }
}

/// Why some text is not a [`DeviceText`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDeviceText {
    #[error("must be at most {} bytes", limits::DEVICE_TEXT_BYTES)]
    TooLong,
    #[error("{}", InvalidText::NullCharacter)]
    NullCharacter,
}

/// What an app says about its device.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeviceMetadata {
    // In the order of `MetadataField::ALL`.
    values: [Option<DeviceText>; MetadataField::ALL.len()],
}

impl DeviceMetadata {
    /// The value of a member.
    pub fn value(&self, field: MetadataField) -> Option<&DeviceText> {
        self.values.get(field as usize).and_then(Option::as_ref)
    }

    /// Sets the value of a member.
    pub fn set(&mut self, field: MetadataField, value: DeviceText) {
        if let Some(place) = self.values.get_mut(field as usize) {
            *place = Some(value);
        }
    }

    /// The members that have a value.
    pub fn iter(&self) -> impl Iterator<Item = (MetadataField, &DeviceText)> {
        let values = MetadataField::ALL.iter().copied().zip(&self.values);
        values.filter_map(|(field, value)| value.as_ref().map(|value| (field, value)))
    }
}

/// What a request says about a token, beside whom it belongs to. What is absent keeps the value
/// that is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PushTokenDetails {
    /// The token.
    pub token: PushToken,
    /// The platform of the app.
    pub platform: Platform,
    /// The service that delivers notifications.
    pub vendor: Vendor,
    /// Whether the user allows notifications.
    pub enablement_status: Option<EnablementStatus>,
    /// Whether the app may run in the background.
    pub background: Option<Background>,
    /// The device. It replaces all metadata that is stored.
    pub metadata: Option<DeviceMetadata>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_kept_byte_for_byte_up_to_its_bound() {
        let longest = "x".repeat(limits::PUSH_TOKEN_BYTES);
        for text in ["1", " padded ", "c0:APA91b-_=", &longest] {
            assert_eq!(text.parse::<PushToken>().unwrap().as_str(), text);
        }
        for text in ["", " ", "a\0", "a\n", &format!("{longest}x")] {
            assert!(text.parse::<PushToken>().is_err(), "{} bytes", text.len());
        }
    }

    #[test]
    fn neither_a_token_nor_a_device_reaches_logs() {
        let token: PushToken = "c0:APA91b".parse().unwrap();
        let text: DeviceText = "Pixel 9".parse().unwrap();
        assert_eq!(format!("{token:?} {text:?}"), "PushToken(…) DeviceText(7 bytes)");
    }

    proptest! {
        #[test]
        fn metadata_has_what_was_set_last(
            set in proptest::collection::vec((0..MetadataField::ALL.len(), "[a-z]{1,8}"), 0..30),
        ) {
            let mut metadata = DeviceMetadata::default();
            for (position, text) in &set {
                metadata.set(MetadataField::ALL[*position], text.parse().unwrap());
            }
            for (position, field) in MetadataField::ALL.iter().enumerate() {
                let last = set.iter().rev().find(|(set, _)| *set == position);
                let value = metadata.value(*field).map(DeviceText::as_str);
                prop_assert_eq!(value, last.map(|(_, text)| text.as_str()));
            }
            let named: Vec<MetadataField> = metadata.iter().map(|(field, _)| field).collect();
            prop_assert!(named.iter().all(|field| metadata.value(*field).is_some()));
        }
    }
}
