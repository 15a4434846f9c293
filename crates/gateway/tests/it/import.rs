//! `gateway import`: what an export has, and tables of other programs, row by row and exactly once.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::Duration,
};

use profile_store_suite::archived_store;
use serde_json::{Value, json};

use crate::{
    company_move::{TwoShops, files},
    export::{fill, lines},
    serving::{Finished, Serving, finish},
};

impl TwoShops {
    /// Imports the table `in` into a store that no gateway serves, with a report.
    fn reported(&self, words: &[&str]) -> Finished {
        let words = [&["--format", "csv"], words].concat();
        finish(self.importing("in", &words, None).arg("--report").arg(self.file("report")))
    }

    /// The command that imports a file into the first company.
    fn importing(&self, name: &str, words: &[&str], gateway: Option<&Serving>) -> Command {
        let mut command = self.command(&["import", "--company", "ABC123"], gateway);
        if gateway.is_none() {
            command.arg("--config").arg(self.home.config());
        }
        command.args(words).arg("--input").arg(self.file(name));
        command
    }

    fn imported(&self, name: &str, words: &[&str], gateway: Option<&Serving>) -> Finished {
        finish(&mut self.importing(name, words, gateway))
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.file(name), bytes).unwrap();
    }

    /// The profiles of the first company, without what belongs to the store.
    fn profiles(&self, gateway: Option<&Serving>) -> Vec<Value> {
        let _ = fs::remove_file(self.file("profiles"));
        self.exported("profiles", &["--format", "jsonl"], gateway).assert_exit(0);
        let read = lines(&self.text("profiles")).into_iter().map(without_ids_and_times);
        let mut profiles: Vec<Value> = read.collect();
        // Profiles of one millisecond have no order.
        profiles.sort_by_key(Value::to_string);
        profiles
    }

    fn report(&self, name: &str) -> Vec<Value> {
        lines(&self.text(name))
    }
}

fn without_ids_and_times(mut profile: Value) -> Value {
    profile.as_object_mut().unwrap().remove("id");
    let attributes = profile["attributes"].as_object_mut().unwrap();
    attributes.remove("created");
    attributes.remove("updated");
    let identifiers = attributes["identifiers"].as_object_mut().unwrap();
    identifiers.remove("former_ids");
    for device in identifiers["anonymous_ids"].as_array_mut().unwrap() {
        let device = device.as_object_mut().unwrap();
        device.remove("first_seen");
        device.remove("last_seen");
    }
    profile
}

/// A store with profiles of every kind: also one with several devices and addresses.
fn filled() -> TwoShops {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    for device in ["phone", "laptop"] {
        let body = json!({ "email": "ann@example.com", "anonymous_id": device });
        crate::company_move::send(&gateway, "ABC123", &body);
    }
    let second = json!({ "data": { "type": "profile",
        "attributes": { "external_id": "8", "email": "bea@example.com",
            "properties": { "a": "x".repeat(60_000), "b": "y".repeat(30_000) } },
        "meta": { "patch_identifiers": { "append": { "email": ["bea@example.org"] } } } } });
    let asking = crate::api::asking("POST", "/api/profile-import");
    assert_eq!(gateway.send(&asking.body(second.to_string())).status, 201);
    gateway.stop().assert_exit(0);
    shops
}

#[test]
fn what_was_exported_and_imported_is_exported_as_before() {
    let first = filled();
    let before = first.profiles(None);
    assert_eq!(before.len(), 3);
    for format in ["jsonl", "csv"] {
        first.exported(format, &["--format", format], None).assert_exit(0);
        let second = TwoShops::new();
        fs::copy(first.file(format), second.file("in")).unwrap();
        let imported = second.imported("in", &["--format", format], None);
        imported.assert_exit(0);
        imported.assert_output("rows stored: 3, rows refused: 0");
        assert_eq!(second.profiles(None), before, "{format}");
        second.home.verify().assert_exit(0);
        // A second import changes nothing.
        second.imported("in", &["--format", format], None).assert_exit(0);
        assert_eq!(second.profiles(None), before, "{format}");
    }
}

#[test]
fn a_gateway_that_serves_takes_an_import_by_its_admin_listener() {
    let first = filled();
    let before = first.profiles(None);
    first.exported("out", &["--format", "jsonl"], None).assert_exit(0);
    let second = TwoShops::new();
    fs::copy(first.file("out"), second.file("in")).unwrap();
    let gateway = second.home.serve();
    let imported = second.imported("in", &["--format", "jsonl"], Some(&gateway));
    imported.assert_exit(0);
    assert_eq!(second.profiles(Some(&gateway)), before);
    let mut stranger = second.importing("in", &["--format", "jsonl"], Some(&gateway));
    let refused = finish(stranger.env("GATEWAY_ADMIN_KEY", "pk_another_key"));
    refused.assert_exit(1);
    let ghost = second.command(&["import", "--company", "ZZZ999"], Some(&gateway));
    let mut ghost = ghost;
    let ghost = finish(ghost.args(["--format", "jsonl", "--input"]).arg(second.file("in")));
    ghost.assert_exit(1);
    ghost.assert_output("is not configured");
    gateway.stop().assert_exit(0);
}

/// A table of another program: its columns, and rows with faults of ten kinds among good ones.
const OTHER_TABLE: &[u8] = b"E-Mail,Phone,Name,Plan,Age,Junk\r\n\
    ann@example.com,+15005550006,Ann,gold,31,x\r\n\
    no address,,A,,,\r\n\
    bea@example.com,500-555-0006,B,,,\r\n\
    null,,C,,,\r\n\
    ,,D,,,\r\n\
    dan@example.com,,\xff,,,\r\n\
    eve@example.com,,E,,not json,\r\n\
    fay@example.com,,F\r\n\
    gil@example.com,,G,,,,,\r\n\
    hal@example.com,,a\0b,,,\r\n\
    ida@example.com,,\"I, \"\"dear\"\"\",silver,,\r\n";

const OTHER_COLUMNS: [&str; 12] = [
    "--format",
    "csv",
    "--map",
    "E-Mail=email",
    "--map",
    "Phone=phone_number",
    "--map",
    "Name=first_name",
    "--map",
    "Plan=properties.plan",
    "--map",
    "Age=properties.age:json",
];

#[test]
fn each_faulty_row_of_a_table_is_reported_with_its_column_and_all_others_are_stored() {
    let shops = TwoShops::new();
    let long = format!("{}@example.com,,J,,,\r\n", "j".repeat(400));
    shops.write("table", [OTHER_TABLE, long.as_bytes()].concat());
    let unmapped = shops.imported("table", &OTHER_COLUMNS, None);
    unmapped.assert_exit(1);
    unmapped.assert_output("it is unknown what these columns are: \"Junk\"");
    let words = [OTHER_COLUMNS.as_slice(), &["--ignore", "Junk"]].concat();
    let mut command = shops.importing("table", &words, None);
    let imported = finish(command.arg("--report").arg(shops.file("report")));
    imported.assert_exit(1);
    imported.assert_output("rows stored: 2, rows refused: 10");
    let report = shops.report("report");
    let found: Vec<(u64, u64, &str)> = report
        .iter()
        .map(|fault| {
            let number = |name: &str| fault[name].as_u64().unwrap();
            (number("row"), number("line"), fault["column"].as_str().unwrap_or_default())
        })
        .collect();
    let expected = [
        (2, 3, "E-Mail"),
        (3, 4, "Phone"),
        (4, 5, "E-Mail"),
        (5, 6, ""),
        (6, 7, "Name"),
        (7, 8, "Age"),
        (8, 9, ""),
        (9, 10, ""),
        (10, 11, "Name"),
        (12, 13, "E-Mail"),
    ];
    assert_eq!(found, expected, "{report:#?}");
    let right = report[0]["right"].as_str().unwrap();
    assert!(right.starts_with("an address such as ann@example.com"), "{right}");
    let names: Vec<Value> =
        shops.profiles(None).iter().map(|profile| profile["attributes"].clone()).collect();
    assert_eq!(names[0]["properties"], json!({ "age": 31, "plan": "gold" }));
    assert_eq!(names[1]["first_name"], "I, \"dear\"");
    assert!(!shops.file("report.progress").exists());
}

#[test]
fn a_dry_run_reports_the_same_rows_and_changes_no_byte() {
    let shops = filled();
    shops.write("table", OTHER_TABLE);
    let before = files(&shops.home.data_dir());
    let words = [OTHER_COLUMNS.as_slice(), &["--ignore", "Junk", "--dry-run"]].concat();
    let dry = shops.imported("table", &words, None);
    dry.assert_exit(1);
    dry.assert_output("dry run: rows that would be stored: 2, rows that would be refused: 9");
    dry.assert_output("row 2, line 3, column \"E-Mail\": ");
    assert_eq!(files(&shops.home.data_dir()), before);
    let profiles = shops.profiles(None);
    let gateway = shops.home.serve();
    let dry = shops.imported("table", &words, Some(&gateway));
    dry.assert_exit(1);
    dry.assert_output("dry run: rows that would be stored: 2, rows that would be refused: 9");
    assert_eq!(shops.profiles(Some(&gateway)), profiles);
    gateway.stop().assert_exit(0);
    // A store that does not exist is not created.
    let fresh = TwoShops::new();
    fresh.write("table", OTHER_TABLE);
    fresh.imported("table", &words, None).assert_exit(1);
    assert!(!fresh.home.data_dir().exists());
}

#[test]
fn a_dry_run_on_a_store_of_an_earlier_layout_tells_how_it_is_migrated() {
    let shops = TwoShops::new();
    fs::create_dir(shops.home.data_dir()).unwrap();
    archived_store::unpack("clean", &shops.home.data_dir());
    shops.write("in", "email\na@example.com\n");
    let words = ["--format", "csv", "--dry-run"];
    let refused = shops.imported("in", &words, None);
    refused.assert_exit(1);
    refused.assert_output("the store has an earlier layout");
    refused.assert_output("run gateway migrate");
    let mut migrating = shops.command(&["migrate"], None);
    finish(&mut migrating).assert_exit(0);
    shops.imported("in", &words, None).assert_exit(0);
}

#[test]
fn an_import_that_is_refused_by_its_arguments_creates_no_store() {
    let shops = TwoShops::new();
    shops.write("in", "email\na@example.com\n");
    shops.write("report", "kept");
    let run = |words: &[&str]| shops.reported(words);
    run(&[]).assert_output("name another file for the report");
    run(&["--resume"]).assert_output("there is no import to continue");
    assert_eq!(shops.text("report"), "kept");
    let words = ["import", "--company", "ABC123", "--format", "csv"];
    let mut unconfigured = shops.command(&words, None);
    unconfigured
        .arg("--input")
        .arg(shops.file("in"))
        .env("GATEWAY_ADMIN_URL", "http://127.0.0.1:1");
    let unconfigured = finish(&mut unconfigured);
    unconfigured.assert_exit(1);
    unconfigured.assert_output("name the file by --config");
    assert!(!shops.home.data_dir().exists());
}

#[test]
fn an_import_that_may_have_stored_rows_twice_says_so_also_if_it_is_cut_off_again() {
    let shops = TwoShops::new();
    // The last record is not closed, so the import ends early.
    shops.write("in", "email\na@example.com\n\"c\n");
    let run = |words: &[&str]| shops.reported(words);
    run(&[]).assert_exit(1);
    let noted = || serde_json::from_str::<Value>(&shops.text("report.progress")).unwrap();
    let mut progress = noted();
    assert_eq!(progress["has_gap"], json!(false));
    progress["has_gap"] = json!(true);
    shops.write("report.progress", progress.to_string());
    run(&["--resume"]).assert_exit(1);
    assert_eq!(noted()["has_gap"], json!(true));
    shops.write("in", "email\na@example.com\nc@example.com\n");
    let continued = run(&["--resume"]);
    continued.assert_exit(0);
    continued.assert_output("some rows may be stored twice");
}

/// Many rows, of which every tenth changes a person again and every hundredth is faulty.
fn many_rows(count: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let person = if number % 10 == 9 { number - 9 } else { number };
        let email = match number % 100 {
            50 => "no address".to_owned(),
            _ => format!("p{person}@example.com"),
        };
        let row = json!({ "type": "profile", "attributes": { "email": email,
            "first_name": format!("N{number}"), "properties": { "n": number },
            "identifiers": { "anonymous_ids": [{ "anonymous_id": format!("d{number}") }] } } });
        text.extend([row.to_string(), "\n".to_owned()]);
    }
    text
}

/// The number of outcomes of the company: how many requests were stored.
fn outcomes(shops: &TwoShops) -> String {
    let counted = finish(&mut shops.command(&["stats", "--company", "ABC123"], None));
    counted.assert_exit(0);
    let (_, rest) = counted.output.split_once("outcomes: ").unwrap();
    rest.split_once(',').unwrap().0.to_owned()
}

/// What an import that nothing disturbed has stored and reported.
fn undisturbed(rows: &str) -> (Vec<Value>, String, Vec<Value>) {
    let shops = TwoShops::new();
    shops.write("in", rows);
    let mut command = shops.importing("in", &["--format", "jsonl"], None);
    finish(command.arg("--report").arg(shops.file("report"))).assert_exit(1);
    (shops.profiles(None), outcomes(&shops), shops.report("report"))
}

/// Waits until the import has noted the number of rows or has ended, and for a moment that differs
/// with the number. `None` if it still runs.
fn wait_for_rows(process: &mut Child, report: &Path, rows: u64) -> Option<ExitStatus> {
    let progress = report.with_added_extension("progress");
    let noted = || -> Option<u64> {
        let progress: Value = serde_json::from_str(&fs::read_to_string(&progress).ok()?).unwrap();
        progress["rows"].as_u64()
    };
    loop {
        let ended = process.try_wait().unwrap();
        if ended.is_some() || noted().is_some_and(|noted| rows <= noted) {
            thread::sleep(Duration::from_millis(rows / 100 % 7));
            return ended;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_import_that_is_killed_and_continued_stores_each_row_once() {
    let rows = many_rows(3_000);
    let expected = undisturbed(&rows);
    for serving in [false, true] {
        let shops = TwoShops::new();
        shops.write("in", &rows);
        let gateway = serving.then(|| shops.home.serve());
        let report = shops.file("report");
        let mut kills = 0;
        loop {
            let resume: &[&str] =
                if shops.file("report.progress").exists() { &["--resume"] } else { &[] };
            let words = [&["--format", "jsonl"], resume].concat();
            let mut command = shops.importing("in", &words, gateway.as_ref());
            let mut process = command.arg("--report").arg(&report).spawn().unwrap();
            let ended = wait_for_rows(&mut process, &report, 500 * kills);
            if let Some(ended) = ended {
                assert_eq!(ended.code(), Some(1), "some rows are faulty");
                break;
            }
            process.kill().unwrap();
            if process.wait().unwrap().code().is_some() {
                break; // It had just ended by itself.
            }
            kills += 1;
            if !shops.file("report.progress").exists() {
                break; // Its last row had just been noted.
            }
        }
        assert!(1 < kills, "the import was too fast to be killed");
        if let Some(gateway) = gateway {
            gateway.stop().assert_exit(0);
        }
        let found = (shops.profiles(None), outcomes(&shops), shops.report("report"));
        assert_eq!(found.1, expected.1, "requests stored, killed {kills} times");
        assert!(found == expected, "killed {kills} times");
        shops.home.verify().assert_exit(0);
    }
}

#[test]
fn an_import_is_continued_only_with_the_same_rows_and_arguments() {
    let shops = TwoShops::new();
    // The last record is not closed, so the import ends early.
    shops.write("in", "email\na@example.com\nb@example.com\n\"c\n");
    let run = |words: &[&str]| shops.reported(words);
    let cut = run(&[]);
    cut.assert_exit(1);
    cut.assert_output("a quote of the record that begins in line 4 is not closed");
    run(&[]).assert_output("add --resume to continue it, or remove");
    run(&["--resume", "--match-ids"]).assert_output("are not those of the import that was cut off");
    shops.write("in", "email\nx@example.com\nb@example.com\n");
    run(&["--resume"]).assert_output("are not those of the import that was cut off");
    shops.write("in", "email\na@example.com\nb@example.com\nc@example.com\n");
    let continued = run(&["--resume"]);
    continued.assert_exit(0);
    continued.assert_output("rows stored: 3, rows refused: 0");
    assert_eq!((shops.profiles(None).len(), outcomes(&shops)), (3, "3".to_owned()));
    run(&["--resume"]).assert_output("there is no import to continue");
    run(&[]).assert_output("name another file for the report");
}

#[test]
fn no_row_of_a_table_is_lost_by_quotes_within_cells_or_by_line_ends() {
    let words = ["--format", "csv", "--map", "Screen=properties.screen"];
    for end in ["\n", "\r\n", "\r"] {
        let shops = TwoShops::new();
        let row = |number: u32| match number {
            3 | 17 => format!("p{number}@example.com,27\" screen{end}"),
            _ => format!("p{number}@example.com,{end}"),
        };
        let rows: String = (0..20).map(row).collect();
        shops.write("in", format!("email,Screen{end}{rows}"));
        let dry = shops.imported("in", &[words.as_slice(), &["--dry-run"]].concat(), None);
        dry.assert_output("would be stored: 20, rows that would be refused: 0");
        let imported = shops.imported("in", &words, None);
        imported.assert_output("rows stored: 20, rows refused: 0");
        let profiles = shops.profiles(None);
        assert_eq!(profiles.len(), 20, "{end:?}");
        let screens = profiles
            .iter()
            .filter(|profile| profile["attributes"]["properties"]["screen"] == "27\" screen");
        assert_eq!(screens.count(), 2, "{end:?}");
    }
}

#[test]
fn an_import_is_not_continued_while_another_command_writes_its_report() {
    let shops = TwoShops::new();
    shops.write("in", "email\na@example.com\n\"c\n");
    let run = |words: &[&str]| shops.reported(words);
    run(&[]).assert_exit(1);
    let writing = fs::File::open(shops.file("report")).unwrap();
    writing.try_lock().unwrap();
    let refused = run(&["--resume"]);
    refused.assert_exit(1);
    refused.assert_output("another import writes");
    drop(writing);
    run(&["--resume"]).assert_output("a quote of the record that begins in line 3 is not closed");
}

#[test]
fn an_import_is_not_continued_with_a_store_that_lacks_its_rows() {
    let shops = TwoShops::new();
    shops.write("in", "email\na@example.com\n\"c\n");
    let report = shops.file("report");
    let run = |words: &[&str]| {
        let words = [&["--format", "csv"], words].concat();
        finish(shops.importing("in", &words, None).arg("--report").arg(&report))
    };
    run(&[]).assert_exit(1);
    let (data, aside) = (shops.home.data_dir(), shops.file("aside"));
    fs::rename(&data, &aside).unwrap();
    let refused = run(&["--resume"]);
    refused.assert_exit(1);
    refused.assert_output("the newest outcome of the company is 0");
    refused.assert_output("another store or an older copy");
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&aside, &data).unwrap();
    shops.write("in", "email\na@example.com\nc@example.com\n");
    run(&["--resume"]).assert_output("rows stored: 2, rows refused: 0");
}

#[test]
fn an_import_stores_nothing_once_the_disk_has_less_than_the_mark_free() {
    let shops = TwoShops::new();
    shops.write("in", "email\na@example.com\n");
    let settings = fs::read_to_string(shops.home.config()).unwrap();
    let marks = "client_free_mib = 16000000\nserver_free_mib = 16000000\n";
    fs::write(shops.home.config(), format!("{marks}{settings}")).unwrap();
    let refused = shops.imported("in", &["--format", "csv"], None);
    refused.assert_exit(1);
    refused.assert_output("the store did not take the rows");
    let gateway = shops.home.serve();
    let refused = shops.imported("in", &["--format", "csv"], Some(&gateway));
    refused.assert_exit(1);
    refused.assert_output("answered with status 503");
    // What is only read is served.
    let dry = shops.imported("in", &["--format", "csv", "--dry-run"], Some(&gateway));
    dry.assert_exit(0);
    gateway.stop().assert_exit(0);
    let exported = shops.exported("out", &["--format", "jsonl"], None);
    exported.assert_output("the store has no data of company ABC123");
}

#[test]
fn a_hostile_file_is_refused_in_words_and_harms_nothing() {
    let shops = TwoShops::new();
    let run = |bytes: &[u8], format: &str| {
        shops.write("in", bytes);
        shops.imported("in", &["--format", format], None)
    };
    for (bytes, format, told) in [
        (b"".as_slice(), "csv", "the table has no header row"),
        (b"email,email\n", "csv", "the header \"email\" occurs twice"),
        (b"\xff\n", "csv", "the header row must be UTF-8"),
        (b"email\n\"a@example.com\n", "csv", "line 2 is not closed"),
        (b"email\na@example.com,b,c\n", "csv", "The row has 3 cells; it must have 1"),
        (b"email\n\xff@example.com\n", "csv", "column \"email\": The cell must be UTF-8"),
        (b"email\n\0\n", "csv", "row 1, line 2"),
        (b"\xff\n", "jsonl", "The line must be UTF-8"),
        (b"[1]\n", "jsonl", "The line must be a JSON object"),
        (b"{\"attributes\":1}\n", "jsonl", "/data/attributes: The value must be a JSON object"),
        (
            b"{\"attributes\":{\"email\":\"a@example.com\",\"email\":\"b@example.com\"}}\n",
            "jsonl",
            "email",
        ),
    ] {
        let refused = run(bytes, format);
        refused.assert_exit(1);
        refused.assert_output(told);
    }
    // A byte order mark and any line ends are taken.
    run(b"\xef\xbb\xbfemail\r\nbom@example.com\r\n", "csv").assert_exit(0);
    run(b"\xef\xbb\xbf{\"attributes\":{\"email\":\"bom@example.com\"}}", "jsonl").assert_exit(0);
    assert_eq!(shops.profiles(None).len(), 1);
}

#[test]
fn a_line_of_a_hundred_megabytes_takes_little_memory() {
    let shops = TwoShops::new();
    let path: PathBuf = shops.file("in");
    let mut file = fs::File::create(&path).unwrap();
    for _ in 0..100 {
        file.write_all(&vec![b'x'; 1024 * 1024]).unwrap();
    }
    file.write_all(b"\n{\"attributes\":{\"email\":\"a@example.com\"}}\n").unwrap();
    drop(file);
    let mut command = Command::new("sh");
    let gateway = env!("CARGO_BIN_EXE_gateway");
    let script = format!(
        "ulimit -v 3000000; exec {gateway} import --company ABC123 --format \"$1\" --input {} \
         --data-dir {} --config {}",
        path.display(),
        shops.home.data_dir().display(),
        shops.home.config().display(),
    );
    command.env_clear().args(["-c", &script, "sh"]);
    let lines = finish(command.arg("jsonl"));
    lines.assert_exit(1);
    lines.assert_output("row 1, line 1: The line must have at most 1048576 bytes.");
    lines.assert_output("rows stored: 1, rows refused: 1");
    let table = shops.imported("in", &["--format", "csv"], None);
    table.assert_exit(1);
    table.assert_output("line 1 is longer than 1048576 bytes");
}

#[test]
fn an_import_whose_gateway_is_killed_stores_each_row_once() {
    let rows = many_rows(1_500);
    let expected = undisturbed(&rows);
    let shops = TwoShops::new();
    shops.write("in", &rows);
    let report = shops.file("report");
    let (mut kills, mut resume) = (0, false);
    loop {
        let gateway = shops.home.serve();
        let words: &[&str] = if resume { &["--resume"] } else { &[] };
        let words = [&["--format", "jsonl"], words].concat();
        let mut command = shops.importing("in", &words, Some(&gateway));
        let mut process = command.arg("--report").arg(&report).spawn().unwrap();
        let ended = wait_for_rows(&mut process, &report, 500 * kills);
        if let Some(ended) = ended {
            assert_eq!(ended.code(), Some(1), "some rows are faulty");
            gateway.stop().assert_exit(0);
            break;
        }
        gateway.kill();
        process.kill().unwrap();
        let has_ended = process.wait().unwrap().code().is_some();
        kills += 1;
        resume = shops.file("report.progress").exists();
        if has_ended && !resume && report.exists() {
            // It was complete just before. A start makes whole what the kill left.
            shops.home.serve().stop().assert_exit(0);
            break;
        }
        if !resume {
            let _ = fs::remove_file(&report);
        }
    }
    assert!(1 < kills, "the import was too fast for its gateway to be killed");
    let found = (shops.profiles(None), outcomes(&shops), shops.report("report"));
    assert_eq!(found.1, expected.1, "requests stored, killed {kills} times");
    assert!(found == expected, "killed {kills} times");
    shops.home.verify().assert_exit(0);
}
