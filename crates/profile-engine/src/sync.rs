//! The synchronization primitives of the journaled engine.
//!
//! They are those of the standard library. With the feature `model-check` they are those of
//! shuttle, which decides at each of them which thread runs next. An engine that is built with
//! the feature works only within a shuttle test.

#[cfg(not(feature = "model-check"))]
pub(crate) use std::{
    sync::{
        Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

#[cfg(feature = "model-check")]
pub(crate) use shuttle::{
    sync::{
        Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
