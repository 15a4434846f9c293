//! Tests the table against a model that looks at all connections, and under floods.

use std::{
    net::IpAddr,
    sync::Arc,
    task::{Context, Waker},
};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::capacity::open_connection::{OpenConnection, RequestInProgress};

/// Networks of the model. The first one is exempt.
const NETWORKS: u64 = 5;

const LIMITS: ConnectionLimits = ConnectionLimits { most: 6, per_network: 3, closing: 2 };

#[derive(Clone, Copy, Debug)]
enum TableOperation {
    Open(u64),
    Begin(usize),
    End(usize),
    Remove(usize),
}

fn operation() -> impl Strategy<Value = TableOperation> {
    prop_oneof![
        4 => (0..NETWORKS).prop_map(TableOperation::Open),
        2 => (0..20_usize).prop_map(TableOperation::Begin),
        2 => (0..20_usize).prop_map(TableOperation::End),
        1 => (0..20_usize).prop_map(TableOperation::Remove),
    ]
}

/// A connection as the model sees it.
struct ModelConnection {
    network: u64,
    connection: OpenConnection,
    requests: Vec<RequestInProgress>,
    /// The step in which it became idle.
    idle_since: usize,
    is_closed: bool,
}

impl ModelConnection {
    fn is_idle(&self) -> bool {
        !self.is_closed && self.requests.is_empty()
    }
}

/// The rules, written without any order or index.
struct TableModel {
    table: Arc<ConnectionTable>,
    connections: Vec<ModelConnection>,
    counts: ConnectionCounts,
    step: usize,
}

impl TableModel {
    fn new() -> TableModel {
        let is_exempt = |network| network == ClientNetwork::V6(0);
        TableModel {
            table: Arc::new(ConnectionTable::new(LIMITS, is_exempt)),
            connections: Vec::new(),
            counts: ConnectionCounts::default(),
            step: 0,
        }
    }

    fn open(&self) -> usize {
        self.connections.iter().filter(|one| !one.is_closed).count()
    }

    fn open_of(&self, network: u64) -> usize {
        let own = |one: &&ModelConnection| !one.is_closed && one.network == network;
        self.connections.iter().filter(own).count()
    }

    /// The connection to close, of those that are idle.
    fn idlest(&self, of: impl Fn(&ModelConnection) -> bool) -> Option<usize> {
        let candidates = self.connections.iter().enumerate();
        let idle = candidates.filter(|(_, one)| one.is_idle() && of(one));
        let first = idle.max_by_key(|(_, one)| {
            (one.network != 0, self.open_of(one.network), Reverse(one.idle_since))
        });
        first.map(|(index, _)| index)
    }

    fn expect_open(&mut self, network: u64) -> Result<(), ConnectionRefused> {
        let closed = if network != 0 && LIMITS.per_network <= self.open_of(network) {
            let closed = self.idlest(|one| one.network == network);
            self.counts.refused_network += u64::from(closed.is_none());
            closed.ok_or(ConnectionRefused::Network)?
        } else if LIMITS.most <= self.open() {
            let closed = self.idlest(|_| true);
            self.counts.refused_full += u64::from(closed.is_none());
            closed.ok_or(ConnectionRefused::Full)?
        } else {
            return Ok(());
        };
        if LIMITS.closing <= self.connections.len() - self.open() {
            return Err(ConnectionRefused::Closing);
        }
        self.connections[closed].is_closed = true;
        self.counts.closed_idle += 1;
        Ok(())
    }

    fn apply(&mut self, operation: TableOperation) {
        self.step += 1;
        match operation {
            TableOperation::Open(network) => {
                let expected = self.expect_open(network);
                let opened = OpenConnection::admit(&self.table, ClientNetwork::V6(network));
                assert_eq!(opened.as_ref().map(|_| ()).map_err(|refused| *refused), expected);
                self.connections.extend(opened.ok().map(|connection| ModelConnection {
                    network,
                    connection,
                    requests: Vec::new(),
                    idle_since: self.step,
                    is_closed: false,
                }));
            }
            TableOperation::Begin(index) => {
                let Some(one) = self.connections.get_mut(index) else { return };
                let request = one.connection.begin();
                assert_eq!(request.is_none(), one.is_closed);
                one.requests.extend(request);
            }
            TableOperation::End(index) => {
                let Some(one) = self.connections.get_mut(index) else { return };
                if one.requests.pop().is_some() && one.requests.is_empty() {
                    one.idle_since = self.step;
                }
            }
            TableOperation::Remove(index) if index < self.connections.len() => {
                self.connections.swap_remove(index);
            }
            TableOperation::Remove(_) => {}
        }
    }

    fn check(&self) {
        let counts = ConnectionCounts { open: self.open(), ..self.counts };
        assert_eq!(self.table.counts(), counts);
        assert!(counts.open <= LIMITS.most);
        assert!(self.connections.len() <= LIMITS.most + LIMITS.closing);
        assert!((1..NETWORKS).all(|network| self.open_of(network) <= LIMITS.per_network));
        let mut context = Context::from_waker(Waker::noop());
        for one in &self.connections {
            assert_eq!(one.connection.poll_closed(&mut context), one.is_closed);
            assert!(!one.is_closed || one.requests.is_empty());
        }
        let largest = (0..NETWORKS).map(|network| self.open_of(network)).max();
        assert_eq!(self.table.largest_network().map_or(0, |(_, open)| open), largest.unwrap_or(0));
        let entries = self.table.lock();
        assert!(entries.networks.values().all(|own| 0 < own.open));
        let ranked = entries.networks.values().filter(|own| own.rank().is_some()).count();
        assert_eq!(entries.ranks.len(), ranked);
    }
}

proptest! {
    #[test]
    fn connections_match_a_model_that_looks_at_all_of_them(operations in vec(operation(), 0..200)) {
        let mut model = TableModel::new();
        for operation in operations {
            model.apply(operation);
            model.check();
        }
        model.connections.clear();
        model.check();
        prop_assert!(model.table.lock().networks.is_empty());
    }
}

fn network(number: u64) -> ClientNetwork {
    ClientNetwork::V6(number)
}

fn table(most: usize, per_network: usize) -> Arc<ConnectionTable> {
    let limits = ConnectionLimits { most, per_network, closing: most };
    Arc::new(ConnectionTable::new(limits, is_proxy_on_this_machine))
}

fn is_closed(connection: &OpenConnection) -> bool {
    connection.poll_closed(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_flood_from_one_network_closes_its_own_connections_and_not_that_of_another_network() {
    let table = table(100, 50);
    let honest = OpenConnection::admit(&table, network(1)).unwrap();
    let flood: Vec<_> =
        (0..150).map(|_| OpenConnection::admit(&table, network(2)).unwrap()).collect();
    assert!(!is_closed(&honest));
    assert_eq!(flood.iter().filter(|one| is_closed(one)).count(), 100);
    assert!(flood[..100].iter().all(is_closed), "the idlest are closed first");
}

#[test]
fn a_flood_from_many_networks_closes_connections_of_the_flood() {
    let table = table(100, 50);
    let honest = OpenConnection::admit(&table, network(1)).unwrap();
    let flood: Vec<_> =
        (0..190).map(|n| OpenConnection::admit(&table, network(2 + n % 10)).unwrap()).collect();
    assert!(!is_closed(&honest));
    assert_eq!(flood.iter().filter(|one| !is_closed(one)).count(), 99);
}

#[test]
fn a_proxy_on_this_machine_may_have_all_connections_and_other_addresses_may_not() {
    let table = table(20, 5);
    let from = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        OpenConnection::admit(&table, address.into()).unwrap()
    };
    let proxy: Vec<_> = ["127.0.0.1", "::1"].repeat(7).into_iter().map(from).collect();
    let others: Vec<_> = (0..8).map(|_| from("127.0.0.2")).collect();
    assert!(!proxy.iter().any(is_closed));
    assert_eq!(others.iter().filter(|one| !is_closed(one)).count(), 5);
    // The proxy needs the connections now. Its own are closed last.
    let more: Vec<_> = (0..6).map(|_| from("127.0.0.1")).collect();
    assert!(others.iter().all(is_closed) && more.iter().all(|one| !is_closed(one)));
    assert_eq!(table.counts().open, 20);
}
