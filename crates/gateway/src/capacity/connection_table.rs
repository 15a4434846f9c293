//! Connection admission: how many connections a listener has, and how many of them one client
//! network has.
//!
//! A listener that stops accepting at its limit is closed to every client as soon as one client
//! keeps enough idle connections. So a full table admits a new connection and closes the idlest one
//! of the network with the most connections.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Context,
};

use ahash::HashMap;
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::capacity::client_network::ClientNetwork;

/// Whether a network is exempt from the limit on connections of one network.
type IsExempt = Box<dyn Fn(ClientNetwork) -> bool + Send + Sync>;

/// Whether connections of this network are those of a reverse proxy on this machine: `127.0.0.1` or
/// `::1`. Each of them carries requests of many clients.
pub(crate) fn is_proxy_on_this_machine(network: ClientNetwork) -> bool {
    // The network of ::1. Its other addresses belong to no machine.
    let loopback = [ClientNetwork::V4(Ipv4Addr::LOCALHOST), ClientNetwork::V6(0)];
    loopback.contains(&network)
}

/// The limits of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// Open connections.
    pub(crate) most: usize,
    /// Open connections of one network that is not exempt.
    pub(crate) per_network: usize,
    /// Connections that are being closed by the table. They still have a file.
    pub(crate) closing: usize,
}

/// Why a new connection is not admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ConnectionRefused {
    /// An idle connection has to be closed, and as many are being closed as may be. Another attempt
    /// succeeds or fails once one of them has ended.
    Closing,
    /// Its network has as many connections as one network may have, and none of them is idle.
    Network,
    /// There are as many connections as there may be, and none of them is idle.
    Full,
}

/// How many connections there are, and how many were closed by the table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ConnectionCounts {
    /// Open connections.
    pub(crate) open: usize,
    /// Idle connections that were closed to admit new ones.
    pub(crate) closed_idle: u64,
    /// New connections that were refused with [`ConnectionRefused::Network`].
    pub(crate) refused_network: u64,
    /// New connections that were refused with [`ConnectionRefused::Full`].
    pub(crate) refused_full: u64,
}

impl ConnectionCounts {
    /// All connections that were closed by the table.
    pub(crate) fn closed(&self) -> u64 {
        self.closed_idle + self.refused_network + self.refused_full
    }
}

/// The connections of one listener.
///
/// - There are never more open connections than `most`, nor more of a network that is not exempt
///   than `per_network`.
/// - A connection with a request in progress is never closed.
/// - Of the idle connections the table closes the one that has been idle longest, in the network
///   with the most connections. If the network of the new connection is at its limit, that network
///   loses one. Connections of exempt networks are closed only if no other one is idle.
///
/// Each operation takes O(log n) under one lock. The memory is proportional to the number of open
/// connections.
pub(crate) struct ConnectionTable {
    is_exempt: IsExempt,
    entries: Mutex<ConnectionEntries>,
    /// Wakes an attempt that failed with [`ConnectionRefused::Closing`].
    ended: Notify,
}

impl ConnectionTable {
    pub(crate) fn new(
        limits: ConnectionLimits,
        is_exempt: impl Fn(ClientNetwork) -> bool + Send + Sync + 'static,
    ) -> ConnectionTable {
        let entries = Mutex::new(ConnectionEntries::new(limits));
        ConnectionTable { is_exempt: Box::new(is_exempt), entries, ended: Notify::new() }
    }

    /// Lowers or raises the number of open connections, and of those being closed. Open ones stay.
    pub(crate) fn set_most(&self, most: usize, closing: usize) {
        let mut entries = self.lock();
        entries.limits = ConnectionLimits { most, closing, ..entries.limits };
    }

    /// How many connections may be open.
    pub(crate) fn most(&self) -> usize {
        self.lock().limits.most
    }

    pub(crate) fn counts(&self) -> ConnectionCounts {
        let entries = self.lock();
        ConnectionCounts { open: entries.open, ..entries.counts }
    }

    /// The network with the most connections, and their number. Looks at every network.
    pub(crate) fn largest_network(&self) -> Option<(ClientNetwork, usize)> {
        let entries = self.lock();
        let sizes = entries.networks.iter().map(|(network, own)| (own.open, *network));
        sizes.max().map(|(open, network)| (network, open))
    }

    /// Admits a new connection, which is idle. Closes an idle one if necessary.
    pub(super) fn admit(&self, network: ClientNetwork) -> Result<Admitted, ConnectionRefused> {
        let is_exempt = (self.is_exempt)(network);
        let (admitted, closed) = self.lock().admit(network, is_exempt)?;
        if let Some(closed) = closed {
            closed.wake();
        }
        Ok(admitted)
    }

    /// Notes that a request has begun on an idle connection. False if the connection was closed.
    pub(super) fn leave_idle(&self, network: ClientNetwork, admitted: &Admitted) -> bool {
        let mut entries = self.lock();
        let is_open = !admitted.switch.is_closed();
        if is_open {
            entries.change(network, |own| own.idle.remove(&admitted.idle_since));
        }
        is_open
    }

    /// Notes that a connection has no request in progress any more.
    pub(super) fn enter_idle(&self, network: ClientNetwork, admitted: &mut Admitted) {
        self.lock().enter_idle(network, admitted);
    }

    /// Notes that a connection has ended.
    pub(super) fn remove(&self, network: ClientNetwork, admitted: &Admitted) {
        self.lock().remove(network, admitted);
        if admitted.switch.is_closed() {
            self.ended.notify_one();
        }
    }

    /// Waits until a connection that was being closed has ended. An attempt that waited wakes the
    /// next one by [`ConnectionTable::pass_on`], because it may not have closed another connection.
    pub(super) async fn wait_for_end(&self) {
        self.ended.notified().await;
    }

    /// Wakes the next attempt that waits.
    pub(super) fn pass_on(&self) {
        self.ended.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionEntries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ConnectionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionTable").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// The entry of one connection.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    /// By which the table closes the connection.
    pub(super) switch: Arc<CloseSwitch>,
    /// When the connection became idle, in the order of such events.
    idle_since: u64,
}

/// Tells the task of a connection to close it.
#[derive(Debug, Default)]
pub(super) struct CloseSwitch {
    /// Changes under the lock of the table, and never back.
    is_closed: AtomicBool,
    waker: AtomicWaker,
}

impl CloseSwitch {
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Whether the connection was closed. Registers the task to be woken when it is.
    pub(super) fn poll_closed(&self, cx: &mut Context<'_>) -> bool {
        self.waker.register(cx.waker());
        self.is_closed()
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    fn wake(&self) {
        self.waker.wake();
    }
}

/// What is counted under the lock of the table.
#[derive(Debug)]
struct ConnectionEntries {
    limits: ConnectionLimits,
    // Invariant: the sum over the networks.
    open: usize,
    closing: usize,
    counts: ConnectionCounts,
    idle_events: u64,
    // Invariant: each has an open connection.
    networks: HashMap<ClientNetwork, NetworkConnections>,
    // Invariant: the rank of each network with an idle connection.
    ranks: BTreeMap<EvictionRank, ClientNetwork>,
}

/// The connections of one network.
#[derive(Debug, Default)]
struct NetworkConnections {
    is_exempt: bool,
    open: usize,
    /// By the time since which they have been idle.
    idle: BTreeMap<u64, Arc<CloseSwitch>>,
}

/// The order in which networks lose their idlest connection: the greatest is first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct EvictionRank {
    is_limited: bool,
    open: usize,
    // Differs between any two networks.
    idle_since: Reverse<u64>,
}

impl NetworkConnections {
    fn rank(&self) -> Option<EvictionRank> {
        let (idle_since, _) = self.idle.first_key_value()?;
        let idle_since = Reverse(*idle_since);
        Some(EvictionRank { is_limited: !self.is_exempt, open: self.open, idle_since })
    }

    fn close_idlest(&mut self) -> Option<Arc<CloseSwitch>> {
        let (_, switch) = self.idle.pop_first()?;
        self.open -= 1;
        switch.close();
        Some(switch)
    }
}

impl ConnectionEntries {
    fn new(limits: ConnectionLimits) -> ConnectionEntries {
        ConnectionEntries {
            limits,
            open: 0,
            closing: 0,
            counts: ConnectionCounts::default(),
            idle_events: 0,
            networks: HashMap::default(),
            ranks: BTreeMap::new(),
        }
    }

    /// The new entry, and the connection that was closed for it.
    fn admit(
        &mut self,
        network: ClientNetwork,
        is_exempt: bool,
    ) -> Result<(Admitted, Option<Arc<CloseSwitch>>), ConnectionRefused> {
        let own = self.networks.get(&network).map_or(0, |own| own.open);
        let closed = if !is_exempt && self.limits.per_network <= own {
            let closed = self.close_idlest(Some(network))?;
            Some(closed.ok_or_else(|| self.refuse_network())?)
        } else if self.limits.most <= self.open {
            let first = self.ranks.last_key_value().map(|(_, network)| *network);
            let closed = self.close_idlest(first)?;
            Some(closed.ok_or_else(|| self.refuse_full())?)
        } else {
            None
        };
        self.open += 1;
        self.networks.entry(network).or_default();
        self.change(network, |own| (own.open, own.is_exempt) = (own.open + 1, is_exempt));
        let mut admitted = Admitted { switch: Arc::default(), idle_since: 0 };
        self.enter_idle(network, &mut admitted);
        Ok((admitted, closed))
    }

    fn refuse_network(&mut self) -> ConnectionRefused {
        self.counts.refused_network += 1;
        ConnectionRefused::Network
    }

    fn refuse_full(&mut self) -> ConnectionRefused {
        self.counts.refused_full += 1;
        ConnectionRefused::Full
    }

    /// Closes the idlest connection of a network, if it has an idle one.
    fn close_idlest(
        &mut self,
        network: Option<ClientNetwork>,
    ) -> Result<Option<Arc<CloseSwitch>>, ConnectionRefused> {
        let own = network.and_then(|network| self.networks.get(&network));
        let (Some(network), true) = (network, own.is_some_and(|own| !own.idle.is_empty())) else {
            return Ok(None);
        };
        if self.limits.closing <= self.closing {
            return Err(ConnectionRefused::Closing);
        }
        self.open -= 1;
        self.closing += 1;
        self.counts.closed_idle += 1;
        Ok(self.change(network, NetworkConnections::close_idlest).flatten())
    }

    fn enter_idle(&mut self, network: ClientNetwork, admitted: &mut Admitted) {
        if admitted.switch.is_closed() {
            return;
        }
        self.idle_events += 1;
        admitted.idle_since = self.idle_events;
        let (since, switch) = (self.idle_events, Arc::clone(&admitted.switch));
        self.change(network, |own| own.idle.insert(since, switch));
    }

    fn remove(&mut self, network: ClientNetwork, admitted: &Admitted) {
        if admitted.switch.is_closed() {
            self.closing -= 1;
            return;
        }
        self.open -= 1;
        self.change(network, |own| {
            own.open -= 1;
            own.idle.remove(&admitted.idle_since);
        });
    }

    /// Changes the connections of a network, and keeps its rank.
    fn change<T>(
        &mut self,
        network: ClientNetwork,
        change: impl FnOnce(&mut NetworkConnections) -> T,
    ) -> Option<T> {
        let own = self.networks.get_mut(&network)?;
        let before = own.rank();
        let changed = change(own);
        let (after, open) = (own.rank(), own.open);
        if let Some(before) = before {
            self.ranks.remove(&before);
        }
        if let Some(after) = after {
            self.ranks.insert(after, network);
        }
        if open == 0 {
            self.networks.remove(&network);
        }
        Some(changed)
    }
}

#[cfg(test)]
mod tests;
