//! One admitted connection, and the requests in progress on it.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use crate::capacity::{
    client_network::ClientNetwork,
    connection_table::{Admitted, ConnectionRefused, ConnectionTable},
};

/// A connection in a [`ConnectionTable`]. Dropping it removes the connection from the table.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    activity: ConnectionActivity,
}

impl OpenConnection {
    /// Adds a connection to the table. Waits for a connection that is being closed, if necessary.
    pub(crate) async fn admit_in_turn(
        table: &Arc<ConnectionTable>,
        network: ClientNetwork,
    ) -> Result<OpenConnection, ConnectionRefused> {
        let mut has_waited = false;
        loop {
            match OpenConnection::admit(table, network) {
                Err(ConnectionRefused::Closing) => table.wait_for_end().await,
                result @ (Ok(_) | Err(ConnectionRefused::Full | ConnectionRefused::Network)) => {
                    if has_waited {
                        table.pass_on();
                    }
                    return result;
                }
            }
            has_waited = true;
        }
    }

    /// Adds a connection to the table.
    pub(crate) fn admit(
        table: &Arc<ConnectionTable>,
        network: ClientNetwork,
    ) -> Result<OpenConnection, ConnectionRefused> {
        let entry = RefCell::new(table.admit(network)?);
        let table = Arc::clone(table);
        let shared = SharedActivity { table, network, entry, requests: Cell::new(0) };
        Ok(OpenConnection { activity: ConnectionActivity { shared: Rc::new(shared) } })
    }

    /// A handle by which requests are begun.
    pub(crate) fn activity(&self) -> ConnectionActivity {
        self.activity.clone()
    }

    /// Begins a request. `None` if the table has closed the connection.
    pub(crate) fn begin(&self) -> Option<RequestInProgress> {
        self.activity.begin()
    }

    /// The result of what is done before the first request, unless the table closes the connection.
    pub(crate) async fn unless_closed<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        let closed =
            poll_fn(|cx| if self.poll_closed(cx) { Poll::Ready(()) } else { Poll::Pending });
        tokio::select! {
            biased;
            () = closed => None,
            done = doing => Some(done),
        }
    }

    /// Whether the table has closed the connection. Registers the task to be woken when it does.
    pub(crate) fn poll_closed(&self, cx: &mut Context<'_>) -> bool {
        self.activity.shared.entry.borrow().switch.poll_closed(cx)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let shared = &self.activity.shared;
        shared.requests.set(ENDED);
        shared.table.remove(shared.network, &shared.entry.borrow());
    }
}

/// Stands for the requests of a connection that has ended.
const ENDED: usize = usize::MAX;

/// Begins requests on one connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionActivity {
    shared: Rc<SharedActivity>,
}

#[derive(Debug)]
struct SharedActivity {
    table: Arc<ConnectionTable>,
    network: ClientNetwork,
    entry: RefCell<Admitted>,
    requests: Cell<usize>,
}

impl ConnectionActivity {
    /// Begins a request. `None` if the table has closed the connection, or the connection has
    /// ended.
    pub(crate) fn begin(&self) -> Option<RequestInProgress> {
        let SharedActivity { table, network, entry, requests } = &*self.shared;
        let begins = match requests.get() {
            0 => table.leave_idle(*network, &entry.borrow()),
            others => others != ENDED,
        };
        begins.then(|| {
            requests.set(requests.get() + 1);
            RequestInProgress { activity: self.clone() }
        })
    }
}

/// A request in progress. The table does not close a connection that has one.
#[derive(Debug)]
pub(crate) struct RequestInProgress {
    activity: ConnectionActivity,
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        let SharedActivity { table, network, entry, requests } = &*self.activity.shared;
        match requests.get() {
            ENDED => {}
            1 => {
                requests.set(0);
                table.enter_idle(*network, &mut entry.borrow_mut());
            }
            more => requests.set(more - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::capacity::connection_table::ConnectionLimits;

    fn table(most: usize) -> Arc<ConnectionTable> {
        let limits = ConnectionLimits { most, per_network: most, closing: most };
        Arc::new(ConnectionTable::new(limits, |_| false))
    }

    fn admit(table: &Arc<ConnectionTable>, number: u64) -> OpenConnection {
        OpenConnection::admit(table, ClientNetwork::V6(number)).unwrap()
    }

    fn is_closed(connection: &OpenConnection) -> bool {
        connection.poll_closed(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn a_connection_is_idle_only_while_none_of_its_requests_is_in_progress() {
        let table = table(1);
        let busy = admit(&table, 1);
        let (first, second) = (busy.begin().unwrap(), busy.activity().begin().unwrap());
        drop(first);
        let refused = OpenConnection::admit(&table, ClientNetwork::V6(2));
        assert_eq!(refused.unwrap_err(), ConnectionRefused::Full);
        assert!(!is_closed(&busy));
        drop(second);
        let _other = admit(&table, 2);
        assert!(is_closed(&busy) && busy.begin().is_none());
    }

    #[test]
    fn what_precedes_the_first_request_ends_when_the_table_closes_the_connection() {
        let table = table(1);
        let connection = admit(&table, 1);
        assert_eq!(connection.unless_closed(async { 1 }).now_or_never(), Some(Some(1)));
        let mut waiting = Box::pin(connection.unless_closed(std::future::pending::<()>()));
        assert!((&mut waiting).now_or_never().is_none());
        let _other = admit(&table, 2);
        assert_eq!(waiting.now_or_never(), Some(None));
    }

    #[test]
    fn a_request_that_outlives_its_connection_does_not_change_the_table() {
        let table = table(1);
        let connection = admit(&table, 1);
        let (request, activity) = (connection.begin(), connection.activity());
        drop(connection);
        assert_eq!(table.counts().open, 0);
        assert!(activity.begin().is_none());
        drop(request);
        let _other = admit(&table, 2);
        assert_eq!(table.counts().open, 1);
    }

    #[test]
    fn new_connections_wait_while_as_many_are_being_closed_as_may_be() {
        let limits = ConnectionLimits { most: 2, per_network: 2, closing: 1 };
        let table = Arc::new(ConnectionTable::new(limits, |_| false));
        let (first, second) = (admit(&table, 1), admit(&table, 2));
        let third = admit(&table, 3);
        assert!(is_closed(&first));
        let mut waiting = [4, 5].map(|number| {
            Box::pin(OpenConnection::admit_in_turn(&table, ClientNetwork::V6(number)))
        });
        assert!(waiting.iter_mut().all(|next| next.now_or_never().is_none()));
        drop(first);
        let [fourth, fifth] = &mut waiting;
        let fourth = fourth.now_or_never().unwrap().unwrap();
        assert!(is_closed(&second) && fifth.now_or_never().is_none());
        // Neither ends by being closed, so the fifth one is woken by the end of the second.
        drop((third, fourth, second));
        assert!(fifth.now_or_never().unwrap().is_ok());
    }
}
