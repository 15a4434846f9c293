//! What the engines promise as a whole.

#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod embedded;
#[cfg(test)]
mod place;
#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod read_only;
