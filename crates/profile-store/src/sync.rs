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

#[cfg(feature = "model-check")]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
