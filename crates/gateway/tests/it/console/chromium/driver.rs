//! A browser that is driven by chromedriver, of whose protocol this is the small part that the
//! tests need.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How often something is looked for, and the pause between two looks: ten seconds in all.
pub(super) const LOOKS: u32 = 100;
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// The key that is held for a shortcut, and let go by the same again.
const CONTROL: char = '\u{e009}';

/// The member of a found element that has its id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running browser. It ends when this goes.
pub(super) struct Chromium {
    driver: Child,
    /// The URL of the session.
    session: String,
    axe: Option<String>,
    /// The profile of the browser, and what it has downloaded.
    directory: TempDir,
}

/// Says, also for a test that passes, what could not be checked.
fn not_checked(what: &str, reason: &str) {
    writeln!(io::stderr(), "\nNOT CHECKED: {what}: {reason}").unwrap();
}

impl Chromium {
    /// Starts a browser, if there is one.
    pub(super) fn start() -> Option<Chromium> {
        let (mut driver, port) = match start_driver() {
            Ok(started) => started,
            Err(error) => {
                not_checked("the console in a browser", &format!("chromedriver: {error}"));
                return None;
            }
        };
        let directory = tempfile::tempdir().unwrap();
        let base = format!("http://127.0.0.1:{port}/session");
        match post(&base, &capabilities(directory.path())) {
            Ok(answer) => {
                let session = format!("{base}/{}", answer["sessionId"].as_str().unwrap());
                Some(Chromium { driver, session, axe: axe(), directory })
            }
            Err(error) => {
                not_checked("the console in a browser", &format!("chromium: {error}"));
                let _ = driver.kill();
                let _ = driver.wait();
                None
            }
        }
    }

    pub(super) fn open(&self, url: &str) {
        self.ask("url", &json!({ "url": url }));
    }

    /// Empties a field and types into it.
    #[track_caller]
    pub(super) fn fill(&self, css: &str, text: &str) {
        let element = self.element("css selector", css);
        self.ask(&format!("element/{element}/clear"), &json!({}));
        self.ask(&format!("element/{element}/value"), &json!({ "text": text }));
    }

    /// Presses the button with this text, or the one that has become another text by a press.
    #[track_caller]
    pub(super) fn press(&self, text: &str) {
        self.click("xpath", &format!("//button[normalize-space()='{text}']"));
    }

    /// Follows the link with this text.
    #[track_caller]
    pub(super) fn follow(&self, text: &str) {
        self.click("link text", text);
    }

    #[track_caller]
    pub(super) fn click_first(&self, css: &str) {
        self.click("css selector", css);
    }

    #[track_caller]
    fn click(&self, using: &str, value: &str) {
        let element = self.element(using, value);
        self.ask(&format!("element/{element}/click"), &json!({}));
    }

    /// Waits until the page says this.
    #[track_caller]
    pub(super) fn wait_for(&self, text: &str) {
        let mut page = String::new();
        for _ in 0..LOOKS {
            page = self.text();
            if page.contains(text) {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("{text:?} is not in:\n{page}");
    }

    /// What the page says.
    pub(super) fn text(&self) -> String {
        self.script("return document.body.innerText", &json!([])).as_str().unwrap().to_owned()
    }

    /// Has the timers of the pages that are opened from now on go off twenty times as often.
    pub(super) fn hurry(&self) {
        let source = "const slow = window.setInterval; \
            window.setInterval = (run, time) => slow(run, time / 20);";
        let command = "Page.addScriptToEvaluateOnNewDocument";
        self.ask("goog/cdp/execute", &json!({ "cmd": command, "params": { "source": source } }));
    }

    /// Has the browser keep what it downloads in this directory.
    pub(super) fn download_into(&self, directory: &Path) {
        let params = json!({ "behavior": "allow", "downloadPath": directory });
        let command = json!({ "cmd": "Browser.setDownloadBehavior", "params": params });
        self.ask("goog/cdp/execute", &command);
    }

    /// Writes a picture of the page to target/console/.
    #[track_caller]
    pub(super) fn picture(&self, name: &str) {
        self.draw(name);
    }

    /// Writes a picture of the light page there, and into docs if expected results are renewed.
    #[track_caller]
    pub(super) fn picture_of_docs(&self, name: &str) {
        self.prefer("light");
        let picture = self.draw(name);
        if env::var_os("UPDATE_EXPECT").is_some() {
            let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
            fs::write(docs.join(format!("{name}.png")), picture).unwrap();
        }
    }

    /// A picture of the window, which has to be whole and to show something, in target/console/.
    #[track_caller]
    fn draw(&self, name: &str) -> Vec<u8> {
        let picture = self.screenshot();
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "{name} is no picture");
        assert!(picture.ends_with(b"IEND\xaeB`\x82"), "{name} is cut off");
        let size = |from: usize| u32::from_be_bytes(picture[from..from + 4].try_into().unwrap());
        let (width, height) = (size(16), size(20));
        assert!(1_000 <= width && 600 <= height, "{name}: {width} × {height}");
        // One of an empty page has some 5,000 bytes.
        assert!(10_000 < picture.len(), "{name} shows nothing");
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/console");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("{name}.png")), &picture).unwrap();
        picture
    }

    /// Waits until there are so many elements.
    #[track_caller]
    pub(super) fn wait_for_count(&self, css: &str, count: usize) {
        for _ in 0..LOOKS {
            if self.count(css) == count {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("there are {} of {css}, not {count}", self.count(css));
    }

    /// How many elements there are.
    #[track_caller]
    pub(super) fn count(&self, css: &str) -> usize {
        let script = "return document.querySelectorAll(arguments[0]).length";
        usize::try_from(self.script(script, &json!([css])).as_u64().unwrap()).unwrap()
    }

    /// The text that the first such element shows.
    #[track_caller]
    pub(super) fn text_of(&self, css: &str) -> String {
        self.texts_of(css).into_iter().next().unwrap_or_else(|| panic!("there is no {css}"))
    }

    /// The texts that such elements show.
    #[track_caller]
    pub(super) fn texts_of(&self, css: &str) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)";
        serde_json::from_value(self.script(script, &json!([css]))).unwrap()
    }

    /// What is in a field.
    #[track_caller]
    pub(super) fn value_of(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0]).value";
        self.script(script, &json!([css])).as_str().unwrap().to_owned()
    }

    /// Pastes what was copied into a field, by the keys for it.
    #[track_caller]
    pub(super) fn paste(&self, css: &str) {
        let element = self.element("css selector", css);
        let keys = format!("{CONTROL}v{CONTROL}");
        self.ask(&format!("element/{element}/value"), &json!({ "text": keys }));
    }

    /// The directory of downloaded files.
    pub(super) fn downloads(&self) -> PathBuf {
        self.directory.path().join("downloads")
    }

    /// Sees that axe-core finds nothing serious in the page, in light and in dark, and that the
    /// browser has nothing to complain about.
    #[track_caller]
    pub(super) fn check_page(&self, name: &str) {
        for scheme in ["light", "dark"] {
            self.prefer(scheme);
            let faults = self.faults();
            assert!(faults.is_empty(), "{name}, {scheme}:\n{}", faults.join("\n"));
        }
        self.check_log(name);
    }

    /// Sees that the browser has nothing to complain about, such as what the policy of the pages
    /// forbids.
    #[track_caller]
    pub(super) fn check_log(&self, name: &str) {
        let log = self.ask("se/log", &json!({ "type": "browser" }));
        let severe = log.as_array().unwrap().iter().filter(|line| line["level"] == "SEVERE");
        // A refused form is shown with its status, which the browser logs.
        let severe = severe.filter(|line| line["source"] != "network");
        let severe: Vec<_> = severe.map(|line| line["message"].to_string()).collect();
        assert!(severe.is_empty(), "{name}: {}", severe.join("\n"));
    }

    /// Has the browser prefer light or dark pages.
    pub(super) fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let command = "Emulation.setEmulatedMedia";
        let command = json!({ "cmd": command, "params": { "features": features } });
        self.ask("goog/cdp/execute", &command);
    }

    /// The serious faults that axe-core finds.
    fn faults(&self) -> Vec<String> {
        let Some(axe) = &self.axe else { return Vec::new() };
        let run = "const done = arguments[arguments.length - 1]; \
            axe.run().then((result) => done(result.violations \
                .filter((one) => ['serious', 'critical'].includes(one.impact)) \
                .map((one) => one.id + ': ' + one.nodes.map((node) => node.html + ' ' + \
                    node.failureSummary).join(' | '))), (error) => done([String(error)]));";
        self.script(&format!("{axe}; return null"), &json!([]));
        let body = json!({ "script": run, "args": [] });
        let faults = self.ask("execute/async", &body);
        faults.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// A picture of the window.
    fn screenshot(&self) -> Vec<u8> {
        let mut response = ureq::get(format!("{}/screenshot", self.session)).call().unwrap();
        let answer: Value =
            serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        BASE64_STANDARD.decode(answer["value"].as_str().unwrap()).unwrap()
    }

    pub(super) fn script(&self, script: &str, arguments: &Value) -> Value {
        self.ask("execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// The id of an element, which has to come.
    #[track_caller]
    fn element(&self, using: &str, value: &str) -> String {
        for _ in 0..LOOKS {
            let found = post(
                &format!("{}/element", self.session),
                &json!({ "using": using, "value": value }),
            );
            if let Ok(found) = found {
                return found[ELEMENT].as_str().unwrap().to_owned();
            }
            thread::sleep(PAUSE);
        }
        panic!("there is no {value}");
    }

    #[track_caller]
    fn ask(&self, command: &str, body: &Value) -> Value {
        post(&format!("{}/{command}", self.session), body)
            .unwrap_or_else(|error| panic!("{command}: {error}"))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Starts chromedriver, and returns the port that it listens on. It ends at once if the port that
/// it chose for one version of IP is taken for the other, which happens where several start.
fn start_driver() -> io::Result<(Child, String)> {
    for _ in 0..LOOKS {
        let mut command = Command::new("chromedriver");
        let command = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn()?;
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        if let Some(port) = port {
            // A full pipe would stop it.
            thread::spawn(move || lines.for_each(drop));
            return Ok((driver, port));
        }
        driver.wait()?;
        thread::sleep(PAUSE);
    }
    Err(io::Error::other("it does not start"))
}

fn capabilities(directory: &Path) -> Value {
    let profile = format!("--user-data-dir={}", directory.join("profile").display());
    let arguments = [
        "--headless=new",
        // The tests may run as root, as which there is no sandbox.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1100,1150",
        &profile,
    ];
    let downloads = directory.join("downloads");
    let preferences = json!({ "download.default_directory": downloads });
    json!({ "capabilities": { "alwaysMatch": {
        "goog:chromeOptions": { "args": arguments, "prefs": preferences },
        "goog:loggingPrefs": { "browser": "ALL" },
    } } })
}

/// The script of axe-core, which .ci/run fetches.
fn axe() -> Option<String> {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "target", "axe-core", "axe.min.js"]
            .iter()
            .collect();
    let script = fs::read_to_string(path);
    script
        .inspect_err(|error| {
            not_checked("accessibility of the console", &format!("axe-core: {error}"));
        })
        .ok()
}

/// The value of the answer, or the error.
fn post(url: &str, body: &Value) -> Result<Value, String> {
    let configured = ureq::post(url).config().http_status_as_error(false).build();
    let sent = configured.header("Content-Type", "application/json").send(body.to_string());
    let mut response = sent.map_err(|error| error.to_string())?;
    let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match answer["value"]["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
        None => Ok(answer["value"].clone()),
    }
}
