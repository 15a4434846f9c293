//! The gateway as operators run it: the real binary, in a directory of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::wire::{self, Connection, RawRequest, RawResponse, TEST_TIMEOUT};

/// Three companies: one that anything may be sent for, one with a list of origins, and one that may
/// send a single request. One address may send as much as all together.
const COMPANIES: &str = r#"
[[company]]
id = "ABC123"
network_limits = { burst = 350, steady = 3500 }

[[company]]
id = "SHOP01"
allowed_origins = ["https://shop.example"]

[[company]]
id = "ONCE01"
limits = { burst = 1, steady = 1 }
network_limits = { burst = 350, steady = 3500 }
"#;

/// A directory with a configuration file and, once the gateway ran there, a store.
#[derive(Debug)]
pub(crate) struct Home {
    directory: TempDir,
}

impl Home {
    /// A home that serves [`COMPANIES`].
    pub(crate) fn new() -> Home {
        Home::configured(COMPANIES)
    }

    /// A home with this configuration.
    pub(crate) fn configured(companies: &str) -> Home {
        let home = Home { directory: tempfile::tempdir().unwrap() };
        home.configure(companies);
        home
    }

    /// Writes another configuration into the file.
    pub(crate) fn configure(&self, companies: &str) {
        // Small, since many of these run at once.
        let mut settings = String::from("cache_mib = 256\nworkers = 2\n");
        if !companies.contains("reserve_mib") {
            settings.push_str("reserve_mib = 0\n");
        }
        fs::write(self.config(), format!("{settings}{companies}")).unwrap();
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("gateway.toml")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The gateway with these arguments and nothing from this environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.args(arguments).env_clear().current_dir(self.directory.path());
        command
    }

    /// `gateway serve` on ports that are free, without a configuration file.
    pub(crate) fn development_command(&self) -> Command {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--admin-listen", "127.0.0.1:0"]).arg("--data-dir").arg(self.data_dir());
        command
    }

    /// `gateway serve` as configured, on ports that are free.
    pub(crate) fn serve_command(&self) -> Command {
        let mut command = self.development_command();
        command.arg("--config").arg(self.config());
        command
    }

    /// Serves as configured.
    pub(crate) fn serve(&self) -> Serving {
        Serving::start(self.serve_command())
    }

    /// Runs `gateway verify` on the store.
    pub(crate) fn verify(&self) -> Finished {
        finish(self.command(&["verify"]).arg("--data-dir").arg(self.data_dir()))
    }
}

/// A gateway that serves. It is killed when this goes.
#[derive(Debug)]
pub(crate) struct Serving {
    process: Child,
    log: Arc<LogLines>,
    readers: Vec<JoinHandle<()>>,
    /// Where clients are served: the first address over TCP.
    pub(crate) clients: SocketAddr,
    /// Where they are served over TLS, if anywhere.
    pub(crate) encrypted: SocketAddr,
    /// Where health and metrics are served.
    pub(crate) admin: SocketAddr,
}

impl Serving {
    /// Starts a gateway and waits until it serves.
    pub(crate) fn start(mut command: Command) -> Serving {
        let mut serving = Serving::spawn(&mut command);
        let line = serving.logged(r#""message":"serving""#);
        serving.note_addresses(&line);
        serving
    }

    fn spawn(command: &mut Command) -> Serving {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let log = Arc::new(LogLines::default());
        let output: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        let readers = output.map(|output| log.reading(output)).into();
        Serving { process, log, readers, clients: NOWHERE, encrypted: NOWHERE, admin: NOWHERE }
    }

    /// Takes the addresses from the line that says where the gateway serves.
    fn note_addresses(&mut self, line: &str) {
        let line: Value = serde_json::from_str(line).unwrap();
        let first = |name: &str| {
            let mut addresses = line[name].as_str().unwrap().split(", ");
            addresses.find_map(|address| address.parse().ok()).unwrap_or(NOWHERE)
        };
        (self.clients, self.admin) = (first("listen"), first("admin_listen"));
        let mut listen = line["listen"].as_str().unwrap().split(", ");
        let encrypted = listen.find_map(|address| address.strip_prefix("https://"));
        self.encrypted = encrypted.map_or(NOWHERE, |address| address.parse().unwrap());
    }

    /// Starts a gateway, which may end before it serves.
    pub(crate) fn try_start(mut command: Command) -> Result<Serving, Finished> {
        let mut serving = Serving::spawn(&mut command);
        let line = loop {
            if let Some(line) = serving.log.find(r#""message":"serving""#) {
                break line;
            }
            if serving.process.try_wait().unwrap().is_some() {
                return Err(serving.wait());
            }
            thread::sleep(Duration::from_millis(5));
        };
        serving.note_addresses(&line);
        Ok(serving)
    }

    /// Asks the process to stop, if it has not ended by itself, and waits until it has.
    pub(crate) fn stop_if_running(mut self) -> Finished {
        if self.process.try_wait().unwrap().is_none() {
            // It may end meanwhile.
            let pid = self.id().to_string();
            let _ = Command::new("kill").args(["-s", "TERM", &pid]).status();
        }
        self.wait()
    }

    /// Sends a request to the client listener, on a connection of its own.
    pub(crate) fn send(&self, request: &RawRequest) -> RawResponse {
        wire::exchange(self.clients, request)
    }

    /// A connection to the client listener.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.clients)
    }

    /// A connection to the client listener from this address of the loopback network.
    pub(crate) fn connect_from(&self, source: Ipv4Addr) -> Connection {
        Connection::open_from(source, self.clients)
    }

    /// What the admin listener answers to a GET.
    pub(crate) fn ask(&self, path: &str) -> RawResponse {
        wire::exchange(self.admin, &RawRequest::new("GET", path))
    }

    /// The value of one series.
    pub(crate) fn meter(&self, series: &str) -> u64 {
        let rendered = self.ask("/metrics");
        let value = rendered.text().lines().find_map(|line| {
            line.strip_prefix(series).and_then(|rest| rest.strip_prefix(' ')).map(str::to_owned)
        });
        let value = value.unwrap_or_else(|| panic!("no {series} in {}", rendered.text()));
        value.parse().unwrap()
    }

    /// The first line of the log, or of the standard output, that contains this
    /// text. Waits for it.
    pub(crate) fn logged(&self, text: &str) -> String {
        self.log.wait_for(text)
    }

    /// All lines that were written so far.
    pub(crate) fn written(&self) -> String {
        self.log.all()
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Whether the process ends by itself within this time.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        let pause = Duration::from_millis(50);
        let pauses = time.as_millis() / pause.as_millis();
        (0..pauses).any(|_| {
            thread::sleep(pause);
            self.process.try_wait().unwrap().is_some()
        })
    }

    /// Ends the process as a power cut would, as far as a process can notice.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks the process to stop, and waits until it has.
    pub(crate) fn stop(self) -> Finished {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until the process has ended.
    pub(crate) fn wait(mut self) -> Finished {
        let status = self.process.wait().unwrap();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        Finished { status, output: self.log.all() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("--- what the gateway said:\n{}\n---", self.log.all());
        }
    }
}

/// A gateway that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    /// All that it wrote to the standard output and the log.
    pub(crate) output: String,
}

impl Finished {
    /// Sees that the process ended with this code.
    #[track_caller]
    pub(crate) fn assert_exit(&self, code: i32) {
        assert_eq!(self.status.code(), Some(code), "{}", self.output);
    }

    /// Sees that the process said this.
    #[track_caller]
    pub(crate) fn assert_output(&self, text: &str) {
        assert!(self.output.contains(text), "{text:?} is not in:\n{}", self.output);
    }
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let pause = Duration::from_millis(20);
    let pauses = TEST_TIMEOUT.as_millis() / pause.as_millis();
    let is_so_now = |_| {
        let is_so = is_so();
        if !is_so {
            thread::sleep(pause);
        }
        is_so
    };
    assert!((0..pauses).any(is_so_now), "not within {TEST_TIMEOUT:?}: {what}");
}

/// Runs a command that ends by itself.
pub(crate) fn finish(command: &mut Command) -> Finished {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let output = [stdout, stderr].map(|output| String::from_utf8(output).unwrap()).concat();
    Finished { status, output }
}

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What a process wrote so far, line by line.
#[derive(Debug, Default)]
struct LogLines {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl LogLines {
    /// Adds what comes out of `output` until it ends.
    fn reading(self: &Arc<LogLines>, output: Box<dyn Read + Send>) -> JoinHandle<()> {
        let log = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                log.lines.lock().unwrap().push(line.unwrap());
                log.grown.notify_all();
            }
        })
    }

    fn wait_for(&self, text: &str) -> String {
        let lines = self.lines.lock().unwrap();
        let missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(text));
        let (lines, _) = self.grown.wait_timeout_while(lines, TEST_TIMEOUT, missing).unwrap();
        let line = lines.iter().find(|line| line.contains(text)).cloned();
        let all = lines.join("\n");
        // A panic that held the lock would poison it for the destructors that read the log.
        drop(lines);
        line.unwrap_or_else(|| panic!("{text} was not logged, but\n{all}"))
    }

    fn find(&self, text: &str) -> Option<String> {
        self.lines.lock().unwrap().iter().find(|line| line.contains(text)).cloned()
    }

    fn all(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}
