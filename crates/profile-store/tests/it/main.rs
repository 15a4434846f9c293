//! What the store promises: the suite that every engine passes, over the engines in memory and on
//! disk, and what is particular to them.

#[cfg(test)]
mod archived_layouts;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod company_copy;
#[cfg(test)]
mod company_deletion;
#[cfg(test)]
mod copy;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod engine_failures;
#[cfg(test)]
mod golden_directory;
#[cfg(test)]
mod held_company;
#[cfg(test)]
mod identity_document;
#[cfg(test)]
mod in_doubt;
#[cfg(test)]
mod incremental_readers;
#[cfg(test)]
mod large_records;
#[cfg(test)]
mod layouts;
#[cfg(test)]
mod order_of_requests;
#[cfg(test)]
mod store_dump;
#[cfg(test)]
mod stored_companies;
#[cfg(test)]
mod write_amplification;

#[cfg(test)]
use profile_store_suite::{engine_suite, engines::Engines};

#[cfg(test)]
engine_suite!(memory, Engines::in_memory());
#[cfg(test)]
engine_suite!(redb, Engines::on_disk());
#[cfg(test)]
mod year;
