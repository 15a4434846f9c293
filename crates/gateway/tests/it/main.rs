//! The gateway as its clients, browsers and operators see it: every test here
//! starts the real binary and talks to it over sockets, signals and files.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod api;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod compaction;
#[cfg(test)]
mod company_move;
#[cfg(test)]
mod console;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod delete_company;
#[cfg(test)]
mod deleted_bytes;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod development;
#[cfg(test)]
mod export;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod import;
#[cfg(test)]
mod journal_archive;
#[cfg(test)]
mod listeners;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod migration;
#[cfg(test)]
mod order_of_checks;
#[cfg(test)]
mod other_paths;
#[cfg(test)]
mod packaging;
#[cfg(test)]
mod process;
#[cfg(test)]
mod promtool;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod runbooks;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod shell_texts;
#[cfg(test)]
mod stop_flag;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod supervision;
#[cfg(test)]
mod table_kind;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod unconfigured;
#[cfg(test)]
mod wire;
