//! What the store promises.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod clockwork;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod copy;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod deletion;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod faulty;
#[cfg(test)]
mod gated;
#[cfg(test)]
mod history;
#[cfg(test)]
mod identity_md;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod intents;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod model;
#[cfg(test)]
mod people;
#[cfg(test)]
mod protect;
#[cfg(test)]
mod pruning;
#[cfg(test)]
mod room;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod world;
