//! Which entries leave a full list, in the model.

use profile_store::IdentitySettings;

use super::{claim::ModelClaim, claims::ModelClaims, profile::ModelProfile};
use crate::notation::TestRequest;

/// The kind of a secondary address that leaves.
pub(super) const SECONDARY: &str = "+e";

/// Removes secondary addresses that the server unappends and does not name otherwise. Returns the
/// kinds of those that leave.
pub(super) fn unappend(
    profile: &mut ModelProfile,
    request: &TestRequest,
    claims: &[ModelClaim],
) -> Vec<String> {
    let named = |text: &String| claims.iter().any(|claim| claim.kind == "e" && claim.text == *text);
    let before = profile.further.len();
    if request.server {
        profile.further.retain(|text| named(text) || !request.unappend.contains(text));
    }
    vec![SECONDARY.to_owned(); before - profile.further.len()]
}

/// Removes the oldest address that the request does not name first; if it names them all, the last
/// that it names. Returns those that leave.
pub(super) fn keep_emails(
    list: &mut Vec<String>,
    limit: usize,
    claims: &ModelClaims<'_>,
) -> Vec<String> {
    let named = named(claims, "e");
    let mut left = Vec::new();
    while limit < list.len() {
        let unnamed = list.iter().position(|text| !named.contains(text));
        let last_named =
            || named.iter().rev().find_map(|name| list.iter().position(|text| text == name));
        left.push(list.remove(unnamed.or_else(last_named).unwrap()));
    }
    left
}

/// The same for devices. In the model all of them are attached on one day.
pub(super) fn keep_devices(
    profile: &mut ModelProfile,
    limit: usize,
    claims: &ModelClaims<'_>,
) -> Vec<String> {
    let named = named(claims, "a");
    let mut left = Vec::new();
    while limit < profile.devices.len() {
        let devices = profile.devices.iter().map(|(device, _)| device);
        let unnamed = devices.clone().position(|text| !named.contains(text));
        let last_named =
            || named.iter().rev().find_map(|name| devices.clone().position(|text| text == name));
        let (device, _) = profile.devices.remove(unnamed.or_else(last_named).unwrap());
        left.push(device);
    }
    left
}

/// Notes that devices were seen, unless few others were seen since.
pub(super) fn note_seen(
    profile: &mut ModelProfile,
    claims: &ModelClaims<'_>,
    settings: &IdentitySettings,
    now: u64,
) {
    for name in named(claims, "a") {
        let position = profile.devices.iter().position(|(device, _)| *device == name);
        let Some(position) = position else { continue };
        if settings.devices_seen_since() < profile.devices.len() - position {
            let (device, _) = profile.devices.remove(position);
            profile.devices.push((device, now));
        }
    }
}

fn named(claims: &ModelClaims<'_>, kind: &str) -> Vec<String> {
    claims.made.iter().filter(|claim| claim.kind == kind).map(|claim| claim.text.clone()).collect()
}
