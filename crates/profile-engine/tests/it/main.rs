//! What the engines promise as a whole.

#[cfg(test)]
mod place;
#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod sled;
