//! Request deadlines: how long a connection may leave a request or a response incomplete.
//!
//! The server has timers for the first head on a connection, for a body while it is read, and for
//! an idle connection. None of them runs while a later head trickles in, while the rest of a
//! refused body continues without end, or while a client does not read its response. Without a
//! deadline each of these keeps the connection open for ever.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use crate::http::stream_layer::StreamLayer;

/// Longer than any connection lasts.
const NEVER: Duration = Duration::from_hours(365 * 24);

/// How long a request or a response on a connection may stay incomplete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestDeadline {
    /// The deadline of every connection.
    pub(crate) usual: Duration,
    /// The deadline after an extension. It is not shorter than `usual`.
    pub(crate) granted: Duration,
}

/// Extends the deadline of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeadlineExtension {
    granted: Arc<AtomicU8>,
}

/// The extensions that may be granted.
const NO_EXTENSION: u8 = 0;
const UNTIL_CLOSED: u8 = 1;
const UNTIL_ANSWERED: u8 = 2;
const WHILE_SENT: u8 = 3;

impl DeadlineExtension {
    /// Extends the deadline until the connection closes.
    pub(crate) fn grant(&self) {
        self.granted.store(UNTIL_CLOSED, Ordering::Relaxed);
    }

    /// Extends the deadline until the response to this request begins. A client that does not read
    /// the response then has the usual deadline.
    pub(crate) fn grant_until_answered(&self) {
        self.granted.store(UNTIL_ANSWERED, Ordering::Relaxed);
    }

    /// The same, and the deadline begins again with each byte of the request that arrives.
    pub(crate) fn grant_while_sent(&self) {
        self.granted.store(WHILE_SENT, Ordering::Relaxed);
    }

    fn current(&self) -> u8 {
        self.granted.load(Ordering::Relaxed)
    }

    /// Ends what was granted for one request.
    fn answered(&self) {
        if self.current() != UNTIL_CLOSED {
            self.granted.store(NO_EXTENSION, Ordering::Relaxed);
        }
    }
}

/// A layer that fails when too much time passes between the first byte of a request and the first
/// byte of its response, or while the client does not read a response.
#[derive(Debug)]
pub(crate) struct DeadlineLayer {
    deadline: RequestDeadline,
    extension: DeadlineExtension,
    timer: Pin<Box<Sleep>>,
    began: Instant,
    /// Whether a request was received and not yet answered, or a response was not yet read.
    waiting: bool,
    /// Whether a response is written to a stream that has not sent all of it. Only an encrypted
    /// stream takes bytes before it can send them.
    flushing: bool,
}

impl DeadlineLayer {
    pub(crate) fn new(deadline: RequestDeadline) -> DeadlineLayer {
        DeadlineLayer {
            deadline,
            extension: DeadlineExtension::default(),
            timer: Box::pin(sleep(deadline.usual)),
            began: Instant::now(),
            waiting: false,
            flushing: false,
        }
    }

    /// A handle to the deadline extension of this connection.
    pub(crate) fn extension(&self) -> DeadlineExtension {
        self.extension.clone()
    }

    fn wait(&mut self) {
        if !self.waiting {
            self.waiting = true;
            self.began = Instant::now();
            let end = self.end();
            self.timer.as_mut().reset(end);
        }
    }

    fn end(&self) -> Instant {
        let RequestDeadline { usual, granted } = self.deadline;
        let is_extended = self.extension.current() != NO_EXTENSION;
        self.began + if is_extended { granted } else { usual }
    }

    /// Whether the deadline has passed. Registers the task to be woken when it does.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.waiting || self.timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        // An extension can only be granted while the timer runs.
        let end = self.end();
        if self.timer.deadline() < end {
            self.timer.as_mut().reset(end);
            return self.timer.as_mut().poll(cx).is_ready();
        }
        true
    }

    /// The result of an operation that is not ready: pending, or timed out.
    fn pending<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.is_over(cx) { timed_out() } else { Poll::Pending }
    }

    /// The result of a write.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_pending() {
            self.wait();
            return self.pending(cx);
        }
        if self.waiting {
            self.waiting = false;
            self.extension.answered();
            // A timer that fires on an idle connection would wake the server, which would count
            // that as activity.
            self.timer.as_mut().reset(Instant::now() + NEVER);
        }
        written
    }
}

fn timed_out<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl StreamLayer for DeadlineLayer {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) if before < buffer.filled().len() => {
                self.waiting &= self.extension.current() != WHILE_SENT;
                self.wait();
                // A client that never pauses is bound by the deadline, too.
                let is_over = self.timer.is_elapsed() && self.is_over(cx);
                if is_over { timed_out() } else { Poll::Ready(Ok(())) }
            }
            Poll::Pending => self.pending(cx),
            ended @ Poll::Ready(_) => ended,
        }
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let flushed = Pin::new(stream).poll_flush(cx);
        if flushed.is_ready() && !self.flushing {
            return flushed;
        }
        self.flushing = flushed.is_pending();
        self.written(cx, flushed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, BufWriter, DuplexStream, duplex},
        runtime::Builder,
        time::timeout,
    };

    use super::*;
    use crate::http::stream_layer::LayeredStream;

    const DEADLINE: Duration = Duration::from_secs(45);

    /// Runs with paused time, which advances when all tasks wait.
    fn run<F: Future<Output = ()>>(
        test: impl FnOnce(DuplexStream, LayeredStream<DuplexStream, DeadlineLayer>) -> F,
    ) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let (theirs, ours) = duplex(64);
            let deadline = RequestDeadline { usual: DEADLINE, granted: 2 * DEADLINE };
            test(theirs, LayeredStream::new(ours, DeadlineLayer::new(deadline))).await;
        });
    }

    fn broke<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }

    #[test]
    fn an_idle_connection_has_no_deadline() {
        run(|mut theirs, mut ours| async move {
            for _ in 0..3 {
                sleep(2 * DEADLINE).await;
                theirs.write_all(b"question").await.unwrap();
                sleep(DEADLINE / 2).await;
                assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 8);
                ours.write_all(b"answer").await.unwrap();
                assert_eq!(theirs.read(&mut [0; 64]).await.unwrap(), 6);
            }
        });
    }

    #[test]
    fn a_request_that_trickles_in_closes_the_connection() {
        run(|mut theirs, mut ours| async move {
            let began = Instant::now();
            let trickle = async {
                while theirs.write_all(b"x").await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            };
            let take = async {
                loop {
                    if let Err(error) = ours.read(&mut [0; 64]).await {
                        drop(ours);
                        return error;
                    }
                }
            };
            let (error, ()) = tokio::join!(take, trickle);
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(began.elapsed() < DEADLINE + Duration::from_secs(3));
        });
    }

    #[test]
    fn a_response_that_is_not_read_closes_the_connection() {
        run(|theirs, mut ours| async move {
            let began = Instant::now();
            assert!(broke(ours.write_all(&[b'x'; 65]).await));
            assert!((DEADLINE..DEADLINE * 2).contains(&began.elapsed()));
            drop(theirs);
        });
    }

    #[test]
    fn a_response_that_the_stream_has_taken_and_cannot_send_closes_the_connection() {
        run(|theirs, ours| async move {
            // As an encrypted stream does, it takes bytes before it sends them.
            let (stream, layer) = ours.into_parts();
            let mut ours = LayeredStream::new(BufWriter::new(stream), layer);
            let began = Instant::now();
            ours.write_all(&[b'x'; 65]).await.unwrap();
            assert!(broke(ours.flush().await));
            assert!((DEADLINE..DEADLINE * 2).contains(&began.elapsed()));
            drop(theirs);
        });
    }

    #[test]
    fn a_slow_client_has_the_deadline_for_each_part_of_a_response() {
        run(|mut theirs, ours| async move {
            let (stream, layer) = ours.into_parts();
            let mut ours = LayeredStream::new(BufWriter::new(stream), layer);
            for _ in 0..3 {
                ours.write_all(&[b'x'; 128]).await.unwrap();
                let slow = async {
                    sleep(DEADLINE / 2).await;
                    theirs.read_exact(&mut [0; 128]).await.unwrap();
                };
                let (flushed, ()) = tokio::join!(ours.flush(), slow);
                flushed.unwrap();
                // It is idle afterwards, and has no deadline.
                sleep(2 * DEADLINE).await;
            }
        });
    }

    #[test]
    fn an_extension_lasts_as_long_as_granted_and_no_longer() {
        run(|mut theirs, mut ours| async move {
            theirs.write_all(b"import").await.unwrap();
            assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 6);
            let began = Instant::now();
            ours.layer().extension().grant();
            // Data that arrives after the usual deadline is not lost.
            let late = async {
                sleep(DEADLINE + DEADLINE / 2).await;
                theirs.write_all(b"more").await.unwrap();
            };
            let mut buffer = [0; 64];
            let (read, ()) = tokio::join!(ours.read(&mut buffer), late);
            assert_eq!(buffer[..read.unwrap()], *b"more");
            assert!(broke(ours.read(&mut [0; 64]).await));
            assert!((2 * DEADLINE..3 * DEADLINE).contains(&began.elapsed()));
        });
    }

    #[test]
    fn an_extension_of_one_request_ends_when_its_response_begins() {
        run(|mut theirs, mut ours| async move {
            theirs.write_all(b"backup").await.unwrap();
            assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 6);
            ours.layer().extension().grant_until_answered();
            // The server reads on while it makes the response.
            let mut byte = [0; 1];
            assert!(timeout(DEADLINE + DEADLINE / 2, ours.read(&mut byte)).await.is_err());
            ours.write_all(b"begins").await.unwrap();
            let began = Instant::now();
            assert!(broke(ours.write_all(&[b'x'; 65]).await));
            assert!((DEADLINE..DEADLINE + DEADLINE / 2).contains(&began.elapsed()));
            drop(theirs);
        });
    }

    #[test]
    fn a_request_that_may_be_long_is_read_as_long_as_it_arrives() {
        run(|mut theirs, mut ours| async move {
            theirs.write_all(b"move").await.unwrap();
            assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 4);
            ours.layer().extension().grant_while_sent();
            for _ in 0..5 {
                let late = async {
                    sleep(DEADLINE + DEADLINE / 2).await;
                    theirs.write_all(b"more").await.unwrap();
                };
                let mut buffer = [0; 64];
                let (read, ()) = tokio::join!(ours.read(&mut buffer), late);
                assert_eq!(read.unwrap(), 4);
            }
            let began = Instant::now();
            assert!(broke(ours.read(&mut [0; 64]).await));
            assert!((2 * DEADLINE..3 * DEADLINE).contains(&began.elapsed()));
        });
    }
}
