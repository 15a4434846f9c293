//! Patience: how long a connection may leave something half done.
//!
//! The server has timers for the first head on a connection, for a body while it
//! is read, and for a connection on which nothing happens. None runs while a later
//! head trickles in, while the rest of a refused body goes on without end, or while
//! a client does not read what it is sent: each kept its connection for ever.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// As long as no connection lasts.
const NEVER: Duration = Duration::from_hours(365 * 24);

/// How long a connection may leave something half done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// What every connection has.
    pub(crate) usual: Duration,
    /// What those have that were granted more. It is no less.
    pub(crate) granted: Duration,
}

/// Leave for one connection to take longer, from when it is granted until it is closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leave {
    granted: Arc<AtomicBool>,
}

impl Leave {
    pub(crate) fn grant(&self) {
        self.granted.store(true, Ordering::Relaxed);
    }
}

/// A stream that breaks when too long passes between the first byte of a request
/// and that of an answer, or while an answer is not taken.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    stream: S,
    patience: Patience,
    leave: Leave,
    timer: Pin<Box<Sleep>>,
    began: Instant,
    /// Whether the other side has sent something and was sent nothing since, or has
    /// not taken what it was sent.
    waiting: bool,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, patience: Patience) -> Patient<S> {
        let timer = Box::pin(sleep(patience.usual));
        let began = Instant::now();
        Patient { stream, patience, leave: Leave::default(), timer, began, waiting: false }
    }

    /// Leave for this connection to take longer, not granted yet.
    pub(crate) fn leave(&self) -> Leave {
        self.leave.clone()
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
        let Patience { usual, granted } = self.patience;
        let longer = self.leave.granted.load(Ordering::Relaxed);
        self.began + if longer { granted } else { usual }
    }

    /// Whether what is half done took too long. Whoever asks is woken when it has.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.waiting || self.timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        // Leave is granted, if at all, while the timer runs.
        let end = self.end();
        if self.timer.deadline() < end {
            self.timer.as_mut().reset(end);
            return self.timer.as_mut().poll(cx).is_ready();
        }
        true
    }

    /// What to say of something that is not ready: to wait, or that it broke.
    fn pending<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.is_over(cx) { timed_out() } else { Poll::Pending }
    }

    /// What to say of something written, or not.
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
            // A timer that went off on an idle connection would wake the server, which
            // would take that for a sign of life.
            self.timer.as_mut().reset(Instant::now() + NEVER);
        }
        written
    }
}

fn timed_out<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) if before < buffer.filled().len() => {
                this.wait();
                // Whoever never pauses is not left to go on for ever, either.
                let is_over = this.timer.is_elapsed() && this.is_over(cx);
                if is_over { timed_out() } else { Poll::Ready(Ok(())) }
            }
            Poll::Pending => this.pending(cx),
            ended @ Poll::Ready(_) => ended,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        runtime::Builder,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(45);

    /// Runs with a clock that passes as soon as everybody waits.
    fn run<F: Future<Output = ()>>(test: impl FnOnce(DuplexStream, Patient<DuplexStream>) -> F) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let (theirs, ours) = duplex(64);
            let patience = Patience { usual: PATIENCE, granted: 2 * PATIENCE };
            test(theirs, Patient::new(ours, patience)).await;
        });
    }

    fn broke<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }

    #[test]
    fn nothing_half_done_may_take_any_time() {
        run(|mut theirs, mut ours| async move {
            for _ in 0..3 {
                sleep(2 * PATIENCE).await;
                theirs.write_all(b"question").await.unwrap();
                sleep(PATIENCE / 2).await;
                assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 8);
                ours.write_all(b"answer").await.unwrap();
                assert_eq!(theirs.read(&mut [0; 64]).await.unwrap(), 6);
            }
        });
    }

    #[test]
    fn a_request_that_trickles_in_breaks_the_connection() {
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
            assert!(began.elapsed() < PATIENCE + Duration::from_secs(3));
        });
    }

    #[test]
    fn an_answer_that_is_not_taken_breaks_the_connection() {
        run(|theirs, mut ours| async move {
            let began = Instant::now();
            assert!(broke(ours.write_all(&[b'x'; 65]).await));
            assert!((PATIENCE..PATIENCE * 2).contains(&began.elapsed()));
            drop(theirs);
        });
    }

    #[test]
    fn whoever_was_granted_more_has_that_and_no_more() {
        run(|mut theirs, mut ours| async move {
            theirs.write_all(b"import").await.unwrap();
            assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), 6);
            let began = Instant::now();
            ours.leave().grant();
            // What comes after the usual time is not lost.
            let late = async {
                sleep(PATIENCE + PATIENCE / 2).await;
                theirs.write_all(b"more").await.unwrap();
            };
            let mut buffer = [0; 64];
            let (read, ()) = tokio::join!(ours.read(&mut buffer), late);
            assert_eq!(buffer[..read.unwrap()], *b"more");
            assert!(broke(ours.read(&mut [0; 64]).await));
            assert!((2 * PATIENCE..3 * PATIENCE).contains(&began.elapsed()));
        });
    }
}
