//! The stream of an admitted connection: it notes when requests begin and end, and ends when the
//! table of connections closes it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    capacity::open_connection::{OpenConnection, RequestInProgress},
    http::stream_layer::StreamLayer,
};

/// The layer of a stream whose connection is in the table.
///
/// A request is in progress from its first byte until its response is written. Later requests that
/// arrive in the same read are noted by their handlers. A connection that the table has closed
/// reads as ended: requests that were read before are still answered.
#[derive(Debug)]
pub(crate) struct AdmittedLayer {
    request: Option<RequestInProgress>,
    /// Whether bytes were written since the last read.
    is_answered: bool,
    connection: OpenConnection,
}

impl AdmittedLayer {
    pub(crate) fn new(connection: OpenConnection) -> AdmittedLayer {
        AdmittedLayer { request: None, is_answered: false, connection }
    }

    pub(crate) fn connection(&self) -> &OpenConnection {
        &self.connection
    }

    /// Notes that bytes of a request were read. False if the connection was closed before.
    fn begin(&mut self) -> bool {
        self.is_answered = false;
        if self.request.is_none() {
            self.request = self.connection.begin();
        }
        self.request.is_some()
    }

    /// Notes the result of a write.
    fn written(&mut self, written: &Poll<io::Result<usize>>) {
        self.is_answered = written.is_ready();
        if self.request.is_none() && written.is_pending() {
            self.request = self.connection.begin();
        }
    }
}

impl StreamLayer for AdmittedLayer {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.connection.poll_closed(cx) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(stream).poll_read(cx, buffer);
        if before < buffer.filled().len() && !self.begin() {
            // Closed meanwhile. Nothing was done for this request, so a client may repeat it.
            buffer.set_filled(before);
        }
        read
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(stream).poll_write(cx, bytes);
        self.written(&written);
        written
    }

    fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let flushed = Pin::new(stream).poll_flush(cx);
        // The server flushes when it has written all of its buffer.
        if flushed.is_ready() && self.is_answered {
            self.request = None;
        }
        flushed
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, sync::Arc};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        runtime::Builder,
    };

    use super::*;
    use crate::{
        capacity::{
            client_network::ClientNetwork,
            connection_table::{ConnectionLimits, ConnectionRefused, ConnectionTable},
        },
        http::stream_layer::LayeredStream,
    };

    type AdmittedStream = LayeredStream<DuplexStream, AdmittedLayer>;

    /// Runs with one connection in a table that has place for no other.
    fn run<F: Future<Output = ()>>(
        test: impl FnOnce(DuplexStream, AdmittedStream, Arc<ConnectionTable>) -> F,
    ) {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (theirs, ours) = duplex(64);
            let limits = ConnectionLimits { most: 1, per_network: 1, closing: 1 };
            let table = Arc::new(ConnectionTable::new(limits, |_| false));
            let connection = OpenConnection::admit(&table, ClientNetwork::V6(1)).unwrap();
            test(theirs, LayeredStream::new(ours, AdmittedLayer::new(connection)), table).await;
        });
    }

    fn another(table: &Arc<ConnectionTable>) -> Result<OpenConnection, ConnectionRefused> {
        OpenConnection::admit(table, ClientNetwork::V6(2))
    }

    #[test]
    fn a_connection_is_closed_while_it_waits_for_a_request() {
        run(|_theirs, mut ours, table| async move {
            let mut buffer = [0; 64];
            let close = async {
                tokio::task::yield_now().await;
                another(&table).unwrap()
            };
            let (read, _other) = tokio::join!(ours.read(&mut buffer), close);
            assert_eq!(read.unwrap(), 0);
        });
    }

    #[test]
    fn a_connection_is_not_closed_from_the_first_byte_of_a_request_to_the_last_of_its_answer() {
        run(|mut theirs, mut ours, table| async move {
            for part in [b"que", b"sti", b"on!"] {
                theirs.write_all(part).await.unwrap();
                assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 3);
                ours.flush().await.unwrap();
                assert_eq!(another(&table).unwrap_err(), ConnectionRefused::Full);
            }
            ours.write_all(b"answer").await.unwrap();
            assert_eq!(another(&table).unwrap_err(), ConnectionRefused::Full);
            ours.flush().await.unwrap();
            let _other = another(&table).unwrap();
            assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 0);
        });
    }

    #[test]
    fn a_request_that_arrives_after_the_connection_was_closed_is_not_read() {
        run(|mut theirs, mut ours, table| async move {
            let other = another(&table).unwrap();
            theirs.write_all(b"question").await.unwrap();
            assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 0);
            // It counts as being closed until its file is.
            assert_eq!(table.counts().open, 1);
            drop(ours);
            drop(other);
            assert_eq!(table.counts().open, 0);
        });
    }
}
