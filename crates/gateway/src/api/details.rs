//! What is stored about a person beyond the attributes of the original: what a profile shows only
//! if `additional-fields[profile]` asks for it.

use std::collections::BTreeMap;

use profile_protocol::Email;
use profile_store::{
    Caller, LostIdentifier, MergeSummary, Profile, Timestamp, ValueSource, WrittenPart,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    fieldset::{FORMER_IDENTIFIERS, Fieldset, IDENTIFIERS, MERGES, WRITERS},
    outcomes::path_of,
    time::rfc3339,
};
use crate::http::refusal::Refusal;

/// What has to be read for it, apart from the profile.
#[derive(Default)]
pub(super) struct ProfileDetails {
    pub(super) former: Vec<FormerIdentifier>,
    pub(super) writers: BTreeMap<String, ValueWriter>,
    pub(super) merges: Vec<MergeShown>,
}

impl ProfileDetails {
    /// Reads what the fieldset shows.
    pub(super) async fn read(
        call: &Call<'_>,
        profile: &Profile,
        fields: &Fieldset,
    ) -> Result<ProfileDetails, Refusal> {
        let [has_former, has_writers, has_merges] =
            [FORMER_IDENTIFIERS, WRITERS, MERGES].map(|name| fields.shows(name));
        if !has_former && !has_writers && !has_merges {
            return Ok(ProfileDetails::default());
        }
        let profile = profile.clone();
        let read = call.read(async move |store, company| {
            let mut details = ProfileDetails::default();
            if has_former {
                let former = store.former_identifiers(company, &profile).await?;
                details.former.extend(former.iter().map(FormerIdentifier::of));
            }
            if has_writers {
                let written = store.writers(company, &profile).await?;
                details.writers.extend(written.into_iter().map(ValueWriter::of));
            }
            if has_merges {
                let merges = store.merges(company, &profile).await?;
                details.merges.extend(merges.iter().map(MergeShown::of));
            }
            Ok(details)
        });
        read.await
    }
}

/// The identifiers of a profile that have no attribute of their own.
#[derive(JsonSchema, Serialize)]
pub(super) struct OtherIdentifiers<'a> {
    /// Email addresses beside the primary one, oldest first.
    secondary_emails: Vec<&'a str>,
    /// Browsers and devices, in the order in which they were last seen.
    anonymous_ids: Vec<DeviceShown<'a>>,
    /// The ids of the profiles that were merged into this one.
    former_ids: Vec<String>,
}

#[derive(JsonSchema, Serialize)]
struct DeviceShown<'a> {
    anonymous_id: &'a str,
    /// When a request named it first. Null if an earlier release attached it.
    first_seen: Option<String>,
    /// When a request named it last, to a day.
    last_seen: Option<String>,
}

impl OtherIdentifiers<'_> {
    pub(super) fn of(profile: &Profile) -> OtherIdentifiers<'_> {
        let identifiers = &profile.identifiers;
        let time = |at: Timestamp| (at != Timestamp::default()).then(|| rfc3339(at));
        let devices = identifiers.devices.iter().map(|device| DeviceShown {
            anonymous_id: device.id.as_str(),
            first_seen: time(device.attached),
            last_seen: time(device.seen),
        });
        OtherIdentifiers {
            secondary_emails: identifiers.secondary_emails.iter().map(Email::as_str).collect(),
            anonymous_ids: devices.collect(),
            former_ids: profile.absorbed.iter().map(ToString::to_string).collect(),
        }
    }
}

/// An identifier that the person has lost, and that an erasure still follows.
#[derive(JsonSchema, Serialize)]
pub(super) struct FormerIdentifier {
    /// The kind: `email`, `phone_number` or `external_id`.
    identifier: &'static str,
    value: String,
    /// Whose request took it away: `company`, with a private key, or `client`. Null if an earlier
    /// release did.
    by: Option<&'static str>,
    /// When that was.
    at: Option<String>,
    /// The id of the outcome of the request.
    outcome: Option<String>,
}

impl FormerIdentifier {
    fn of(lost: &LostIdentifier) -> FormerIdentifier {
        let LostIdentifier { identifier, loss } = lost;
        FormerIdentifier {
            identifier: identifier.kind().name(),
            value: identifier.as_str().to_owned(),
            by: loss.map(|loss| writer_name(loss.by)),
            at: loss.map(|loss| rfc3339(loss.at)),
            outcome: loss.map(|loss| loss.sequence.to_string()),
        }
    }
}

/// Who sent a request, as `by` says it.
const fn writer_name(by: Caller) -> &'static str {
    match by {
        Caller::Server => "company",
        Caller::Client => "client",
    }
}

/// A merge that has not been undone.
#[derive(JsonSchema, Serialize)]
pub(super) struct MergeShown {
    /// The profile that was merged into another one.
    profile_id: String,
    /// The profile that it was merged into: this one, or one that was itself merged later.
    into: String,
    at: String,
    /// The id of the outcome that reports the merge.
    outcome: String,
    /// Whose request led to it: `company`, with a private key, or `client`. Null if the outcome is
    /// not kept any more.
    by: Option<&'static str>,
}

impl MergeShown {
    fn of(merge: &MergeSummary) -> MergeShown {
        MergeShown {
            profile_id: merge.absorbed.to_string(),
            into: merge.survivor.to_string(),
            at: rfc3339(merge.at),
            outcome: merge.sequence.to_string(),
            by: merge.by.map(writer_name),
        }
    }
}

/// Who wrote a value, and when.
#[derive(JsonSchema, Serialize)]
pub(super) struct ValueWriter {
    /// `company`, with a private key, or `client`.
    by: &'static str,
    /// When the profile got the value. Null if no outcome that is kept says so.
    at: Option<String>,
    /// The id of that outcome.
    outcome: Option<String>,
}

impl ValueWriter {
    /// The path of a value, as `fields[profile]` names it, and its writer.
    fn of(value: ValueSource) -> (String, ValueWriter) {
        let ValueSource { part, by, written } = value;
        let path = match part {
            WrittenPart::Identifier(kind) => kind.name().to_owned(),
            WrittenPart::SecondaryEmail(email) => {
                format!("{IDENTIFIERS}.secondary_emails.{}", email.as_str())
            }
            WrittenPart::Device(id) => format!("{IDENTIFIERS}.anonymous_ids.{}", id.as_str()),
            WrittenPart::Attribute(attribute) => path_of(&attribute),
        };
        let (at, outcome) = written.map(|(at, number)| (rfc3339(at), number.to_string())).unzip();
        (path, ValueWriter { by: writer_name(by), at, outcome })
    }
}
