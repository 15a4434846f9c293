//! The devices of a profile: when they were seen, and which of them leave a full list.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use profile_protocol::AnonymousId;

use crate::{ClaimAuthor, Claims, Device, IdentitySettings, Timestamp, limits};

/// Notes that the devices that a request names were seen, unless they were seen earlier that day
/// and few others since.
pub(super) fn note_seen(
    devices: &mut Vec<Device>,
    claims: &Claims,
    settings: &IdentitySettings,
    now: Timestamp,
) {
    for id in claims.devices() {
        let Some(position) = devices.iter().position(|device| device.id == *id) else { continue };
        let seen_since = devices.len() - 1 - position;
        let is_due = |device: &Device| {
            device.seen.day() < now.day() || settings.devices_seen_since() <= seen_since
        };
        if devices.get(position).is_some_and(is_due) {
            let device = devices.remove(position);
            devices.push(Device { seen: now, ..device });
        }
    }
}

/// Truncates the list of devices. `before` are those of the survivor before the request. Returns
/// those that leave.
///
/// The device that was seen longest ago leaves first. Devices that the request names stay, since
/// they are in use now; if it names more than the list may have, those that it names last leave.
/// A client does not push out a device of the survivor that has returned lately: instead, those
/// leave that the request attaches or that came with a merge.
pub(super) fn limit(
    devices: &mut Vec<Device>,
    before: &[Device],
    claims: &Claims,
    most: usize,
    now: Timestamp,
) -> Vec<Device> {
    let excess = devices.len().saturating_sub(most);
    if excess == 0 {
        return Vec::new();
    }
    let own: HashSet<&AnonymousId> = before.iter().map(|device| &device.id).collect();
    let is_kept = |device: &Device| {
        claims.author() == ClaimAuthor::Client
            && own.contains(&device.id)
            && has_returned_lately(device, now)
    };
    let (kept, leaving): (Vec<&Device>, Vec<&Device>) =
        in_order_of_removal(devices, claims).into_iter().partition(|device| is_kept(device));
    // The list may have become shorter by a setting, and then some of them leave all the same.
    let leaving = leaving.into_iter().chain(kept).take(excess);
    let leaving: HashSet<AnonymousId> = leaving.map(|device| device.id.clone()).collect();
    devices.extract_if(.., |device| leaving.contains(&device.id)).collect()
}

fn has_returned_lately(device: &Device, now: Timestamp) -> bool {
    device.has_returned() && now.day().saturating_sub(device.seen.day()) < limits::DEVICE_DAYS
}

/// The devices that the request does not name, those that were seen longest ago first, and then
/// those that it names, the last ones first.
fn in_order_of_removal<'d>(devices: &'d [Device], claims: &Claims) -> Vec<&'d Device> {
    let ranks: HashMap<&AnonymousId, usize> = claims.devices().zip(0..).collect();
    let (mut claimed, mut ordered): (Vec<&Device>, Vec<&Device>) =
        devices.iter().partition(|device| ranks.contains_key(&device.id));
    claimed.sort_by_key(|device| Reverse(ranks.get(&device.id)));
    ordered.extend(claimed);
    ordered
}
