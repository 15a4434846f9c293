//! Every number this protocol promises to hold to, and where it comes from.

/// Length of a company id, in bytes. Public keys in the wild have six
/// characters; the rest is room for names people choose themselves.
pub const COMPANY_ID_BYTES: usize = 32;

/// Size of a request body after decompression, in bytes: the 100 KB that the
/// original documents for its server endpoints.
pub const BODY_BYTES: usize = 102_400;

/// Length of an email address in canonical form, in bytes: the longest path
/// that RFC 5321 §4.5.3.1.3 lets mail servers exchange, less its brackets.
pub const EMAIL_BYTES: usize = 254;

/// Fewest digits of a phone number: the shortest international numbers in use.
pub const PHONE_DIGITS_MIN: usize = 7;

/// Most digits of a phone number: the bound of ITU-T E.164 §6.2.
pub const PHONE_DIGITS_MAX: usize = 15;

/// Length of an external or anonymous id, in bytes: what well-known clients
/// enforce on their own side before they send one.
pub const OPAQUE_ID_BYTES: usize = 255;

/// Length of an exchange token (`_kx`), in bytes. Real ones stay under 200.
pub const EXCHANGE_TOKEN_BYTES: usize = 1_024;

/// Length of a push token, in bytes. Those of APNs have at most 200; of FCM no bound is known, and
/// programs are told to reckon with 4 KB.
pub const PUSH_TOKEN_BYTES: usize = 4_096;

/// Length of one text of the metadata of a device, in bytes. The longest are ids of apps, of which
/// Apple allows 155.
pub const DEVICE_TEXT_BYTES: usize = 160;

/// Length of the text of `data.id`, in bytes. Ids of this system have 26.
pub const ID_TEXT_BYTES: usize = 255;

/// Length of one text attribute, in bytes: what browsers agree to carry as a
/// URL, since the longest of these attributes is the image's.
pub const TEXT_BYTES: usize = 2_048;

/// Length of the text of a latitude or longitude, in bytes. Fifteen decimals
/// already name an atom.
pub const COORDINATE_BYTES: usize = 32;

/// Length of a property's name, in bytes.
pub const PROPERTY_NAME_BYTES: usize = 255;

/// How many arrays and objects may enclose one another inside one property.
pub const PROPERTY_DEPTH: usize = 10;

/// How many digits a number may have, those of its exponent included. Ids of 40 digits stay exact,
/// and every parser of JSON reads the rest: the strictest common bounds are the 1,000 characters of
/// Jackson and the 4,300 digits of Python.
pub const NUMBER_DIGITS: usize = 100;

/// The greatest exponent of a number, and the least: that of a double, and as many more as the
/// digits before or after its point can take back.
pub const NUMBER_EXPONENT: u16 = 408;

/// How many names of one object are compared with one another to find a repeated one. The names of
/// a larger object are hashed, so that the time grows in step with their number.
pub(crate) const COMPARED_NAMES: usize = 16;

/// How many properties a profile may have.
pub const PROPERTIES: usize = 1_000;

/// Size of all properties of one profile, in bytes: names plus values in
/// canonical JSON. 256 KiB is two and a half of the largest requests.
pub const PROPERTIES_BYTES: usize = 256 * 1_024;

/// Secondary addresses one profile may hold. With the primary one that makes
/// the five of the original.
pub const SECONDARY_EMAILS: usize = 4;

/// Secondary addresses that one request may add, and as many that it may take
/// away. Each is looked up, and compared with the others; 25 times what a
/// profile may hold is ample for a list that was copied whole.
pub const PATCHED_EMAILS: usize = 100;

/// Size of a body of many profiles after decompression, in bytes: the 5 MB that
/// the original documents for all its endpoints.
pub const BULK_BODY_BYTES: usize = 5_000_000;

/// How many profiles may be sent at once: the number the original documents.
pub const BULK_PROFILES: usize = 10_000;

/// Length of the text of a filter after percent-decoding, in bytes: room for a
/// hundred addresses of average length, and more than most servers take as a URL.
pub const FILTER_BYTES: usize = 16 * 1_024;

/// How many `and(…)` of a filter may enclose one another. One says all there is to
/// say; clients that build filters by machine nest a few.
pub const FILTER_DEPTH: usize = 8;

/// How many conditions a filter may have. There are seven fields; two of them can
/// be bounded on both sides.
pub const FILTER_CONDITIONS: usize = 16;

/// How many values one `any(…)` may list: as many as the largest page has profiles.
pub const FILTER_VALUES: usize = 100;

/// How many violations of its profiles a body of many is told of, before each
/// further faulty profile is told of only one. A body of 5 MB has room for a
/// million.
pub const BULK_VIOLATIONS: usize = 10_000;

/// How many violations one request is told of. A body of 100 KB has room for
/// twenty thousand faults, and an answer must not outgrow its question.
pub const VIOLATIONS: usize = 100;

/// Length of caller-supplied text repeated in an answer, in bytes.
pub const ECHO_BYTES: usize = 64;
