//! The locks and atomics that lanes, callers and readers have in common.
//!
//! They are those of the standard library. With the feature `model-check` they are those of
//! shuttle, which decides at each of them which task runs next. A store that is built with the
//! feature works only within a shuttle test.

#[cfg(not(feature = "model-check"))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

#[cfg(not(feature = "model-check"))]
pub(crate) use tokio::sync::Notify;

#[cfg(feature = "model-check")]
pub(crate) use self::scheduled::Notify;
#[cfg(feature = "model-check")]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

#[cfg(feature = "model-check")]
mod scheduled {
    use shuttle::sync::atomic::{AtomicBool, Ordering};
    use tokio::sync::futures::Notified;

    /// That of tokio. Another task may run before each operation.
    #[derive(Default)]
    pub(crate) struct Notify {
        notify: tokio::sync::Notify,
        turn: AtomicBool,
    }

    impl Notify {
        fn scheduled(&self) -> &tokio::sync::Notify {
            self.turn.load(Ordering::SeqCst);
            &self.notify
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            self.scheduled().notified()
        }

        pub(crate) fn notify_one(&self) {
            self.scheduled().notify_one();
        }

        pub(crate) fn notify_waiters(&self) {
            self.scheduled().notify_waiters();
        }
    }
}
