//! The `gateway` program: parses arguments and returns an exit code.
#![expect(clippy::print_stderr, reason = "this is where people are told")]

use std::{
    error::Error,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::ExitCode,
};

use clap::Parser;
use gateway::{
    clock::Clock,
    ops::{
        archive_directory,
        backup::{self, BackupContent, command::WrittenBackup, restore::RestoredStore},
        compaction::{self, Compacted},
        company_deletion::{self, DeletionError},
        company_move::{self, MoveError},
        company_statistics, core_files,
        erased::{self, ErasedSearch},
        export::{self, ExportOrder, Exported},
        health_check,
        import::{self, ImportOrder, Imported, part::ImportMode},
        manual, migration,
        printed_text::{chain, printed_lines},
        unconfigured, verify,
    },
    server,
    settings::{
        BackupArguments, CheckArguments, CommandLine, CompactArguments, CompletionsArguments,
        ConfigArguments, Configuration, DeleteCompanyArguments, ExportArguments, GatewayCommand,
        HealthArguments, ImportArguments, IssuedKey, KeyArguments, ManArguments, MigrateArguments,
        MoveCompanyArguments, RestoreArguments, ServeArguments, StatsArguments, Summary,
        VerifyArguments,
    },
    telemetry::{self, LogControl},
};
use mimalloc::MiMalloc;
use profile_store::{Audit, FoundText, engine::dedicate_thread};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let CommandLine { command, log: filter } = CommandLine::parse();
    // Core dumps are disabled before any secret is read.
    if let Err(error) = core_files::forbid() {
        return failed(&error);
    }
    let log = match telemetry::init(&filter.clone().unwrap_or_default()) {
        Ok(log) => log,
        Err(error) => return failed(&error),
    };
    match command {
        GatewayCommand::Backup(arguments) => back_up(&arguments),
        GatewayCommand::Check(arguments) => check(&arguments),
        GatewayCommand::Compact(arguments) => compact(&arguments),
        GatewayCommand::Completions(CompletionsArguments { shell }) => {
            print(&manual::completions(shell))
        }
        GatewayCommand::Config(arguments) => {
            let ConfigArguments { print, print_default, schema, serve } = arguments;
            let serve = ServeArguments { log: filter, ..serve };
            config(&ConfigArguments { print, print_default, schema, serve })
        }
        GatewayCommand::DeleteCompany(arguments) => delete_company(&arguments),
        GatewayCommand::Dev(arguments) => {
            serve(ServeArguments { log: filter, ..arguments.into() }, &log)
        }
        GatewayCommand::Export(arguments) => export(&arguments),
        GatewayCommand::Health(arguments) => health(&arguments),
        GatewayCommand::Import(arguments) => import(&arguments),
        GatewayCommand::Key(arguments) => key(&arguments),
        GatewayCommand::Man(arguments) => man(&arguments),
        GatewayCommand::Migrate(arguments) => migrate(&arguments),
        GatewayCommand::MoveCompany(arguments) => move_company(&arguments),
        GatewayCommand::Restore(arguments) => restore(&arguments),
        GatewayCommand::Serve(arguments) => {
            serve(ServeArguments { log: filter, ..arguments }, &log)
        }
        GatewayCommand::Stats(arguments) => stats(&arguments),
        GatewayCommand::Verify(arguments) => verify(&arguments),
    }
}

fn serve(arguments: ServeArguments, log: &LogControl) -> ExitCode {
    let served = actix_web::rt::System::new()
        .block_on(server::serve(arguments, log, |text| show(format_args!("{text}"))));
    served.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

/// Runs a command to its end. Nothing else runs on this thread, so engines may block it.
fn run<T>(command: impl Future<Output = T>) -> T {
    dedicate_thread();
    actix_web::rt::System::new().block_on(command)
}

fn back_up(arguments: &BackupArguments) -> ExitCode {
    let source = match arguments.source() {
        Ok(source) => source,
        Err(error) => return failed(&error),
    };
    let writing = backup::command::back_up(&source, &arguments.into);
    let WrittenBackup { content, position, audit } = match run(writing) {
        Ok(written) => written,
        Err(error) => return failed(&error),
    };
    match content {
        BackupContent::Whole(copied) => show(format_args!(
            "whole backup: {} entries, {} bytes, up to {position}",
            copied.entries, copied.bytes
        )),
        BackupContent::Added { batches } => {
            show(format_args!("added to the backup: {batches} batches, up to {position}"));
        }
    }
    report(&audit)
}

fn restore(arguments: &RestoreArguments) -> ExitCode {
    let RestoreArguments { archive, backup, into, .. } = arguments;
    let restoring = backup::restore::restore(backup, into, archive.as_deref(), arguments.end());
    match run(restoring) {
        Ok(RestoredStore { batches, position, newest, audit }) => {
            show(format_args!("restored up to {position}; from the archive: {batches} batches"));
            if let Some(newest) = newest {
                show(format_args!("newest outcome from the archive: {newest}"));
            }
            report(&audit)
        }
        Err(error) => failed(&error),
    }
}

fn check(arguments: &CheckArguments) -> ExitCode {
    match arguments.check() {
        Ok(configuration) => {
            let archive = configuration.server.archive.directory.as_deref();
            if let Err(error) = archive.map_or(Ok(()), archive_directory::check) {
                return failed(&error);
            }
            let summary = Summary::from(&configuration.companies);
            show(format_args!("{} is valid ({summary})", arguments.config.display()));
            print_expiry(&configuration);
            print_unconfigured(&configuration);
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

/// Prints until when the certificate counts, if there is one.
fn print_expiry(configuration: &Configuration) {
    if let Some(certificate) = &configuration.certificate {
        let has_expired = certificate.has_expired(Clock::start().unix_time());
        let verb = if has_expired { "expired" } else { "expires" };
        show(format_args!("the TLS certificate {verb} at {}", certificate.expiry()));
    }
}

/// Prints which companies have data and are not configured.
fn print_unconfigured(configuration: &Configuration) {
    let directory = &configuration.server.data_dir;
    let searching = unconfigured::search(directory, &configuration.companies);
    let path = directory.display();
    match run(searching) {
        Ok(None) => {}
        Ok(Some(companies)) => {
            show(format_args!("{path} has data of companies that are not configured: {companies}"));
            show(format_args!("`gateway delete-company` deletes the data of one company"));
        }
        Err(reason) => show(format_args!(
            "{path} was not searched for companies that are not configured: {}",
            chain(&reason)
        )),
    }
}

fn config(arguments: &ConfigArguments) -> ExitCode {
    match arguments.text() {
        Ok(text) => print(text.as_bytes()),
        Err(error) => failed(&error),
    }
}

fn health(arguments: &HealthArguments) -> ExitCode {
    let listeners = match arguments.admin_listen() {
        Ok(listeners) => listeners,
        Err(error) => return failed(&error),
    };
    match health_check::ask(&listeners) {
        Ok(address) => {
            show(format_args!("the gateway at {address} is ready"));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn man(arguments: &ManArguments) -> ExitCode {
    match manual::write_pages(&arguments.into) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn migrate(arguments: &MigrateArguments) -> ExitCode {
    let MigrateArguments { data_dir, dry_run, journal_archive } = arguments;
    let planned = if *dry_run {
        run(migration::plan(data_dir))
    } else {
        run(migration::migrate(data_dir, journal_archive.as_deref()))
    };
    match planned {
        Ok(planned) => {
            show(format_args!("{planned}"));
            show(format_args!("{}", if *dry_run { "nothing was written" } else { "migrated" }));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn move_company(arguments: &MoveCompanyArguments) -> ExitCode {
    let MoveCompanyArguments { company, target, source } = arguments;
    let (source, target) = match (source.source(), target.target()) {
        (Ok(source), Ok(target)) => (source, target),
        (Err(error), _) | (_, Err(error)) => return failed(&error),
    };
    let copying = company_move::copy_company(&source, company, target);
    match run(copying) {
        Ok(copied) => {
            let (entries, bytes) = (copied.entries, copied.bytes);
            show(format_args!("copied company {company}: entries: {entries}, bytes: {bytes}"));
            show(format_args!(
                "`gateway delete-company` deletes it from the store that it comes from"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn stats(arguments: &StatsArguments) -> ExitCode {
    let StatsArguments { company, json, source } = arguments;
    let source = match source.source() {
        Ok(source) => source,
        Err(error) => return failed(&error),
    };
    let mut is_there = false;
    let counting = company_statistics::count(&source, company.as_ref(), |line| {
        is_there = true;
        if *json {
            show(format_args!("{}", line.to_json()));
        } else {
            show(format_args!("{line}"));
        }
    });
    match (run(counting), company) {
        (Err(error), _) => failed(&error),
        (Ok(()), Some(company)) if !is_there => {
            failed(&MoveError::NoData { company: company.clone() })
        }
        (Ok(()), _) => ExitCode::SUCCESS,
    }
}

fn export(arguments: &ExportArguments) -> ExitCode {
    let ExportArguments { company, format, output, since, .. } = arguments;
    let source = match arguments.source.source() {
        Ok(source) => source,
        Err(error) => return failed(&error),
    };
    let (existing, since) = (arguments.existing(), *since);
    let order = ExportOrder { company, format: *format, output, existing, since };
    let damaged = |damaged: &_| tell(format_args!("gateway: {damaged}"));
    let exporting = export::export(&source, &order, damaged);
    match run(exporting) {
        Ok(Exported { profiles, damaged }) => {
            // The standard output may have the profiles.
            tell(format_args!("exported profiles: {profiles}, damaged ones left out: {damaged}"));
            if damaged == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => failed(&error),
    }
}

fn import(arguments: &ImportArguments) -> ExitCode {
    let (source, input) = match (arguments.source.source(), input(&arguments.input)) {
        (Ok(source), Ok(input)) => (source, input),
        (Err(error), _) => return failed(&error),
        (_, Err(error)) => {
            tell(format_args!("gateway: cannot read {}: {error}", arguments.input.display()));
            return ExitCode::FAILURE;
        }
    };
    let columns = arguments.columns();
    let order = ImportOrder {
        company: &arguments.company,
        format: arguments.format,
        input,
        config: arguments.config.clone(),
        archive: arguments.journal_archive.clone(),
        columns: &columns,
        ids: arguments.ids(),
        mode: arguments.mode(),
        report: arguments.report.as_deref(),
        start: arguments.start(),
    };
    let importing = import::import(order, source, |fault| tell(format_args!("{fault}")));
    match run(importing) {
        Ok(imported) => print_imported(imported, arguments.mode()),
        Err(error) => failed(&error),
    }
}

/// A file, or the standard input.
fn input(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

fn print_imported(imported: Imported, mode: ImportMode) -> ExitCode {
    let Imported { stored, refused, has_gap } = imported;
    match mode {
        ImportMode::Apply => show(format_args!("rows stored: {stored}, rows refused: {refused}")),
        ImportMode::Preview => show(format_args!(
            "dry run: rows that would be stored: {stored}, rows that would be refused: {refused}"
        )),
    }
    if has_gap {
        show(format_args!(
            "outcomes were removed since the import was cut off, so some rows may be stored twice"
        ));
    }
    if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn delete_company(arguments: &DeleteCompanyArguments) -> ExitCode {
    let DeleteCompanyArguments { company, confirm, journal_archive, source } = arguments;
    let source = match source.source() {
        Ok(source) => source,
        Err(error) => return failed(&error),
    };
    let confirmed = company_deletion::confirm(company, confirm.as_ref());
    let deleted = confirmed.map_err(DeletionError::from).and_then(|()| {
        let archive = journal_archive.as_deref();
        let deleting = company_deletion::delete_company(&source, archive, company);
        run(deleting)
    });
    match deleted {
        Ok(receipt) => {
            show(format_args!("deleted company {company}: {receipt}"));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn key(arguments: &KeyArguments) -> ExitCode {
    match IssuedKey::issue(arguments) {
        Ok(issued) => {
            eprint!("{}", printed_lines(&issued.announcement()));
            show(format_args!("{}", issued.private_key().reveal()));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn compact(arguments: &CompactArguments) -> ExitCode {
    let CompactArguments { data_dir, into, journal_archive, table } = arguments;
    let (archive, table) = (journal_archive.as_deref(), table.unwrap_or_default());
    let compacting = compaction::compact(data_dir, archive, into, table.into());
    let compacted = run(compacting);
    match compacted {
        Ok(Compacted { entries, before, after }) => {
            show(format_args!("entries: {entries}, bytes before: {before}, bytes after: {after}"));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn verify(arguments: &VerifyArguments) -> ExitCode {
    let verified = run(verify::verify(&arguments.data_dir));
    let audit = match verified {
        Ok(audit) => audit,
        Err(error) => return failed(&error),
    };
    let is_sound = print_audit(&audit);
    let is_erased = match &arguments.erased {
        None => true,
        Some(list) => {
            let searching = erased::search(&arguments.data_dir, list);
            match run(searching) {
                Ok(search) => print_search(&search),
                Err(error) => return failed(&error),
            }
        }
    };
    if is_sound && is_erased { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what is in a store, and each breach.
fn report(audit: &Audit) -> ExitCode {
    if print_audit(audit) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what an audit has found. Returns whether there is no breach.
fn print_audit(audit: &Audit) -> bool {
    let Audit { profiles, identifiers, aliases, outcomes, merges, breaches, .. } = audit;
    show(format_args!(
        "profiles: {profiles}, identifiers: {identifiers}, aliases: {aliases}, \
         outcomes: {outcomes}, merges: {merges}"
    ));
    if let Some(layout) = audit.layout {
        let migrated = if audit.has_older_layout() { "; the next start migrates it" } else { "" };
        show(format_args!("layout: {layout}{migrated}"));
    }
    for company in &audit.deletions {
        show(format_args!("company {company}: a deletion was begun; the next start finishes it"));
    }
    breaches.iter().for_each(|breach| show(format_args!("breach: {breach}")));
    let broken = breaches.len() as u64 + audit.breaches_unlisted;
    match broken {
        0 => show(format_args!("every invariant holds")),
        broken => show(format_args!("breaches: {broken}")),
    }
    broken == 0
}

/// Prints where the store has which identifiers, by the numbers of their lines. Returns whether it
/// has none.
fn print_search(search: &ErasedSearch) -> bool {
    let ErasedSearch { identifiers, stored, in_files } = search;
    for FoundText { text: line, company, id, entry } in &stored.places {
        let company = company.iter().map(|company| format!(", company {company}"));
        let id = id.iter().map(|id| format!(", id {id}"));
        let place: String = company.chain(id).collect();
        show(format_args!("found: the identifier in line {line}, in {entry}{place}"));
    }
    if stored.places_unlisted != 0 {
        show(format_args!("found in further places: {}", stored.places_unlisted));
    }
    show(format_args!(
        "erased: identifiers: {identifiers}, entries searched: {}, identifiers found: {}",
        stored.entries,
        stored.found.len()
    ));
    show(format_args!(
        "erased: identifiers only in bytes that the files no longer use: {in_files}"
    ));
    stored.found.is_empty()
}

/// Writes a text to the standard output, which may be a file that must not be cut off.
fn print(text: &[u8]) -> ExitCode {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => failed(&error),
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

/// Writes a line to the standard output. A reader that has read enough may close it.
fn show(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{}", printed_lines(&line.to_string()));
}

/// Prints the error and its chain of causes.
fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    tell(format_args!("gateway: {}", chain(error)));
    ExitCode::FAILURE
}

/// Writes a line to the standard error. Nothing that is printed there passes a terminal what a file
/// or an argument would have it carry out.
fn tell(line: fmt::Arguments<'_>) {
    eprintln!("{}", printed_lines(&line.to_string()));
}
