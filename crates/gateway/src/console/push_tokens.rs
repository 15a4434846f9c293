//! The push tokens of a person: which apps on which devices can be notified.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::{api_call::PersonDocument, table::columns, time::shown_time};
use crate::limits;

/// A person and their push tokens, as the API shows them together.
#[derive(Deserialize)]
pub(super) struct PersonWithTokens {
    pub(super) data: PersonDocument,
    #[serde(rename = "included")]
    pub(super) tokens: Vec<RegisteredToken>,
}

/// A push token as the API shows it. `Debug` is missing, since it is a secret of the device.
#[derive(Deserialize)]
pub(super) struct RegisteredToken {
    id: String,
    attributes: RegisteredTokenFacts,
}

#[derive(Deserialize)]
struct RegisteredTokenFacts {
    token: String,
    platform: String,
    vendor: String,
    enablement_status: String,
    background: String,
    created: String,
    recorded_date: String,
    metadata: BTreeMap<String, Option<String>>,
}

/// What apps say about a device, as it is shown: the words before it, and the members in a row.
const METADATA: [(&str, &[&str]); 5] = [
    ("Device", &["manufacturer", "device_model"]),
    ("System", &["os_name", "os_version"]),
    ("App", &["app_name", "app_version", "app_build", "app_id", "environment"]),
    ("SDK", &["klaviyo_sdk", "sdk_version"]),
    ("Device id", &["device_id"]),
];

/// How many there are, and those that got here last.
pub(super) fn section(tokens: &[RegisteredToken]) -> Markup {
    let unlisted = tokens.len().saturating_sub(limits::CONSOLE_PUSH_TOKENS);
    html! {
        h2 #push-tokens { "Push tokens" }
        @if tokens.is_empty() {
            p { "No app of this person is registered for notifications." }
        } @else {
            p { (tokens.len()) " registered, the newest first." }
            table {
                (columns(
                    &[
                        "Token",
                        "Platform",
                        "Notifications",
                        "Registered",
                        "Last named",
                        "What the app says",
                    ],
                    &[],
                ))
                tbody {
                    @for token in tokens.iter().take(limits::CONSOLE_PUSH_TOKENS) { (row(token)) }
                }
            }
            @if unlisted != 0 { p { (unlisted) " more are not shown; the download has them." } }
        }
    }
}

fn row(token: &RegisteredToken) -> Markup {
    let RegisteredToken { id, attributes: facts } = token;
    html! {
        tr {
            th scope="row" title=(format!("push token {id}")) { code { (shortened(&facts.token)) } }
            td { (facts.platform) " (" (facts.vendor) ")" }
            td {
                (status_words(&facts.enablement_status)) "; "
                (background_words(&facts.background))
            }
            td { (shown_time(&facts.created)) }
            td { (shown_time(&facts.recorded_date)) }
            td.value {
                @for (words, value) in metadata(&facts.metadata) { div { (words) ": " (value) } }
            }
        }
    }
}

/// The beginning and the end of a token. With all of it, anyone can register it for another person.
fn shortened(token: &str) -> String {
    let letters: Vec<char> = token.chars().collect();
    let shown = (letters.len() / 4).min(6);
    let [start, end] = [0..shown, letters.len() - shown.min(4)..letters.len()]
        .map(|range| letters.get(range).unwrap_or_default().iter().collect::<String>());
    format!("{start}…{end}")
}

fn status_words(status: &str) -> &str {
    match status {
        "AUTHORIZED" => "allowed",
        "PROVISIONAL" => "allowed, without sound",
        "DENIED" => "denied by the person",
        "UNAUTHORIZED" => "not allowed",
        "NOT_DETERMINED" => "not known: the person was not asked",
        other => other,
    }
}

fn background_words(background: &str) -> &str {
    match background {
        "AVAILABLE" => "also in the background",
        "DENIED" => "in the background denied",
        "RESTRICTED" => "in the background restricted",
        other => other,
    }
}

fn metadata(
    members: &BTreeMap<String, Option<String>>,
) -> impl Iterator<Item = (&'static str, String)> {
    let text = |name: &&str| members.get(*name).cloned().flatten().filter(|text| !text.is_empty());
    METADATA.into_iter().filter_map(move |(words, names)| {
        let texts: Vec<String> = names.iter().filter_map(text).collect();
        (!texts.is_empty()).then(|| (words, texts.join(" ")))
    })
}

#[cfg(test)]
mod tests {
    use profile_protocol::{Background, EnablementStatus, MetadataField};

    use super::*;

    #[test]
    fn a_token_is_never_shown_whole() {
        assert_eq!(shortened("c0mEVJqkR5yAPA91bHPRgkF3JUikC4E"), "c0mEVJ…kC4E");
        assert_eq!(shortened("12345678"), "12…78");
        for token in ["", "1", "ab", "äöü"] {
            assert_eq!(shortened(token), "…");
        }
    }

    #[test]
    fn every_status_has_words_and_every_metadata_a_place() {
        for status in EnablementStatus::WORDS {
            assert_ne!(status_words(status), *status);
        }
        for background in Background::WORDS {
            assert_ne!(background_words(background), *background);
        }
        let placed: Vec<&str> = METADATA.iter().flat_map(|(_, names)| *names).copied().collect();
        for name in MetadataField::WORDS {
            assert!(placed.contains(name), "{name}");
        }
    }
}
