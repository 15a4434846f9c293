//! Whether the gateway can store all requests now.

use crate::{
    capacity::{disk_space::SpaceLevel, disk_wait},
    limits,
    state::GatewayState,
};

/// Why some requests are refused, or soon will be, if any are.
pub(crate) fn reasons_against(gateway: &GatewayState) -> Vec<&'static str> {
    let space = gateway.disk_space.level();
    let lane = gateway.store.lanes().map(|lane| lane.longest_wait).max().unwrap_or_default();
    let checkpoint = gateway.store.engine_status().checkpoint;
    let stall = gateway.checkpoint.note(checkpoint, gateway.clock.elapsed());
    [
        (!gateway.store.is_healthy(), "the store accepts no requests; see the log"),
        (
            disk_wait::is_over(gateway),
            "the disk does not answer; requests that write are refused until it does",
        ),
        (space != SpaceLevel::Enough, space.as_str()),
        (limits::LANE_STALL <= lane, "a lane takes no requests; those that write wait"),
        (
            limits::CHECKPOINT_STALL <= stall,
            "the checkpoint makes no progress; the store fails if that goes on",
        ),
    ]
    .into_iter()
    .filter_map(|(applies, reason)| applies.then_some(reason))
    .collect()
}
