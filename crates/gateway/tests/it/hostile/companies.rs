//! Unconfigured companies: they cost no memory, and nothing is stored for them.

use std::{sync::Arc, thread};

use actix_web::{
    App,
    rt::System,
    test::{TestRequest, call_service, init_service},
    web::Data,
};
use gateway::{server, settings::ServeArguments, state::GatewayState};
use profile_store::{Store, StoreOptions, SystemIdGenerator, engine::MemoryEngine};

use super::{Form, HostileRandom, UNLIMITED, figure, memory_kib, poison::pour, report, status_kib};
use crate::{serving::Home, wire::RawRequest};

/// How much memory may grow, whatever the number of companies: a hundredth of the
/// least that a million entries would take.
const GROWTH_KIB: u64 = 4 * 1024;

/// How much of that it may be after [`FIRST`] of them have come.
const LATER_KIB: u64 = GROWTH_KIB / 4;

/// Companies after which nothing that is made once is still to be made.
const FIRST: usize = 4_000;

const ADDRESS: &str = "/client/profiles?company_id=";

/// The id of an unconfigured company.
fn unknown(random: &mut HostileRandom) -> String {
    format!("{:016x}{:016x}", random.next(), random.next())
}

/// Asserts that a request is refused because of its company, or because its network has sent too
/// many of them.
#[track_caller]
fn assert_refused(status: u16) {
    assert!([400, 429].contains(&status), "{status}");
}

fn report_growth(means: &str, count: usize, grown: u64, later: u64) {
    figure("unknown_companies", count);
    figure("unknown_companies_grown_kib", grown);
    let grown = format_args!("memory grown by {grown} KiB, {later} after the first {FIRST}");
    report("companies", format_args!("{count} unknown ones {means}, {grown}"));
}

#[test]
fn unconfigured_companies_leave_no_trace_in_memory() {
    let count = Form::asked().pick(30_000, 2_000_000);
    let gateway = Home::configured(UNLIMITED);
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    let mut random = HostileRandom::seeded("companies");
    let mut random =
        |_| RawRequest::email("sarah.mason@klaviyo-demo.com").of(&unknown(&mut random));
    // What the connection and the workers need, they have after these.
    pour(&mut connection, (0..5_000).map(&mut random), assert_refused);
    let before = memory_kib(&gateway, "VmRSS:");
    let mut grown_by = |count: usize| {
        pour(&mut connection, (0..count).map(&mut random), assert_refused);
        memory_kib(&gateway, "VmRSS:").saturating_sub(before)
    };
    let first = grown_by(FIRST);
    let grown = grown_by(count - FIRST);
    let later = grown.saturating_sub(first);
    report_growth("over sockets", count, grown, later);
    assert!(grown < GROWTH_KIB && later < LATER_KIB, "{grown} KiB, {later} after the first");
}

/// Threads that ask without sockets.
const THREADS: usize = 2;

/// The routes of the gateway without sockets, each thread with its own and one
/// gateway behind them all.
#[derive(Clone)]
pub(super) struct Mounted(pub(super) Data<GatewayState>);

impl Mounted {
    pub(super) fn new(companies: &str) -> Mounted {
        let home = Home::configured(companies);
        let arguments = ServeArguments { config: Some(home.config()), ..ServeArguments::default() };
        let configuration = arguments.configure().unwrap();
        let engine = Arc::new(MemoryEngine::new());
        let store =
            Store::open(engine, Arc::new(SystemIdGenerator::default()), StoreOptions::default());
        let store = System::new().block_on(store).unwrap();
        Mounted(Data::new(GatewayState::new(configuration, store)))
    }

    /// Sends requests for this many unconfigured companies. Each is refused.
    fn ask(&self, count: usize, random: &mut HostileRandom) {
        System::new().block_on(async {
            let app = App::new().app_data(self.0.clone()).configure(server::routes);
            let service = init_service(app).await;
            for _ in 0..count {
                let request = TestRequest::post().uri(&format!("{ADDRESS}{}", unknown(random)));
                let answer = call_service(&service, request.to_request()).await;
                assert_refused(answer.status().as_u16());
            }
        });
    }

    /// The same from some threads at once.
    fn ask_from_threads(&self, count: usize, random: &mut HostileRandom) {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let mut random = random.fork();
                scope.spawn(move || self.ask(count / THREADS, &mut random));
            }
        });
    }

    /// What is kept of companies.
    fn kept(&self) -> String {
        format!("{:?} {}", self.0.client_rate_limiter, self.0.companies.current().len())
    }
}

#[test]
fn unconfigured_companies_are_neither_found_nor_charged() {
    let form = Form::asked();
    let count = form.pick(2 * FIRST, 20_000_000);
    let mut random = HostileRandom::seeded("companies");
    let mounted = Mounted::new(UNLIMITED);
    mounted.ask(1_000, &mut random);
    let (before, kept) = (own_memory_kib(), mounted.kept());
    mounted.ask_from_threads(FIRST, &mut random);
    let first = own_memory_kib().saturating_sub(before);
    mounted.ask_from_threads(count - FIRST, &mut random);
    assert_eq!(mounted.kept(), kept);
    let grown = own_memory_kib().saturating_sub(before);
    let later = grown.saturating_sub(first);
    report_growth("without sockets", count, grown, later);
    // Other tests run in this process, but not beside those of the long form.
    let little = grown < GROWTH_KIB && later < LATER_KIB;
    assert!(form == Form::Short || little, "{grown} KiB, {later} after the first");
}

pub(super) fn own_memory_kib() -> u64 {
    status_kib("self", "VmRSS:")
}
