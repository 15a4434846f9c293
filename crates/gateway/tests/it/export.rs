//! `gateway export`: the profiles of one company as lines of JSON and as a table.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::{
    company_move::{TwoShops, ask, files, send},
    serving::{Finished, Serving, finish},
};

impl TwoShops {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.directory().join(name)
    }

    /// Exports the first company into a file.
    pub(crate) fn exported(
        &self,
        name: &str,
        words: &[&str],
        gateway: Option<&Serving>,
    ) -> Finished {
        let mut command = self.command(&["export", "--company", "ABC123"], gateway);
        finish(command.args(words).arg("--output").arg(self.file(name)))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }
}

/// A person with everything that a profile can have, one who is only a device, and one of the
/// other company.
pub(crate) fn fill(gateway: &Serving) {
    let ann = json!({
        "email": "ann@example.com", "phone_number": "+15005550006", "external_id": "7",
        "anonymous_id": "tab", "first_name": "=HYPERLINK(\"http://x\")", "last_name": "O, \"N\"\n",
        "location": { "city": "Bern", "latitude": -46.5, "longitude": "7.40" },
        "properties": { "plan": "gold", "sizes": [1, 2.50], "@x": { "=": null } },
    });
    send(gateway, "ABC123", &ann);
    send(gateway, "ABC123", &json!({ "anonymous_id": "-2+3" }));
    send(gateway, "ABC1234", &json!({ "email": "other@example.com" }));
}

pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_store_of_the_command_line_goes_before_that_of_the_environment() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    let words = ["export", "--company", "ABC123", "--format", "jsonl", "--output", "-"];
    let mut served = shops.command(&words, Some(&gateway));
    // As in the container.
    let served = finish(served.env("GATEWAY_DATA_DIR", shops.other_directory()));
    served.assert_exit(0);
    served.assert_output("exported profiles: 2");
    let url = format!("http://{}", gateway.admin);
    gateway.stop().assert_exit(0);
    let mut stopped = shops.command(&words, None);
    stopped.env("GATEWAY_ADMIN_URL", &url).env("GATEWAY_ADMIN_KEY_FILE", "/none");
    finish(&mut stopped).assert_output("exported profiles: 2");
    let mut neither = shops.home.command(&words);
    neither.env("GATEWAY_ADMIN_URL", &url).env("GATEWAY_DATA_DIR", shops.home.data_dir());
    finish(&mut neither).assert_output("--admin-url cannot be used with --data-dir");
}

#[test]
fn an_export_has_what_the_api_shows_whether_a_gateway_serves_the_store_or_not() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    let shown = ask(&gateway, "/api/profiles?additional-fields[profile]=identifiers");
    let served = shops.exported("served", &["--format", "jsonl"], Some(&gateway));
    served.assert_exit(0);
    served.assert_output("exported profiles: 2, damaged ones left out: 0");
    gateway.stop().assert_exit(0);
    let before = files(&shops.home.data_dir());
    shops.exported("stopped", &["--format", "jsonl"], None).assert_exit(0);
    assert_eq!(files(&shops.home.data_dir()), before);
    let text = shops.text("served");
    assert_eq!(shops.text("stopped"), text);
    let mut shown = shown["data"].as_array().unwrap().clone();
    shown.iter_mut().for_each(|profile| drop(profile.as_object_mut().unwrap().remove("links")));
    assert_eq!(lines(&text), shown);
    assert!(text.contains("\"longitude\":7.40"), "{text}");
    // No copy of the store is left, and no unfinished file.
    let names = fs::read_dir(shops.home.directory()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, ["data", "gateway.toml", "served", "stopped"]);
}

#[test]
fn a_table_has_a_column_for_each_attribute_and_no_formula() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    shops.exported("table", &["--format", "csv"], Some(&gateway)).assert_exit(0);
    gateway.stop().assert_exit(0);
    let text = shops.text("table");
    let (header, rows) = text.split_once("\r\n").unwrap();
    assert_eq!(
        header,
        "id,email,phone_number,external_id,anonymous_ids,secondary_emails,first_name,last_name,\
         organization,title,image,locale,address1,address2,city,country,region,zip,timezone,ip,\
         latitude,longitude,properties,created,updated"
    );
    let ann = "ann@example.com,+15005550006,7,\"[\"\"tab\"\"]\",,\
               \"'=HYPERLINK(\"\"http://x\"\")\",\"O, \"\"N\"\"\n\",,,,,,,Bern,,,,,,-46.5,7.40,\
               \"{\"\"@x\"\":{\"\"=\"\":null},\"\"plan\"\":\"\"gold\"\",\"\"sizes\"\":[1,2.5]}\",";
    assert!(rows.contains(ann), "{rows}");
    assert!(rows.contains(",,,,\"[\"\"-2+3\"\"]\",,,"), "{rows}");
}

#[test]
fn a_file_of_an_export_is_its_owners_alone_and_replaced_only_on_request() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    gateway.stop().assert_exit(0);
    shops.exported("out", &["--format", "csv"], None).assert_exit(0);
    let mode = fs::metadata(shops.file("out")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = shops.text("out");
    let refused = shops.exported("out", &["--format", "jsonl"], None);
    refused.assert_exit(1);
    refused.assert_output("exists: name another file, or add --overwrite");
    assert_eq!(shops.text("out"), before);
    shops.exported("out", &["--format", "jsonl", "--overwrite"], None).assert_exit(0);
    assert_eq!(lines(&shops.text("out")).len(), 2);
    let mut command = shops.command(&["export", "--company", "ZZZ999", "--format", "csv"], None);
    let unknown = finish(command.args(["--output", "-"]));
    unknown.assert_exit(1);
    unknown.assert_output("the store has no data of company ZZZ999");
}

#[test]
fn an_export_since_a_time_has_what_was_updated_then_or_later() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    gateway.stop().assert_exit(0);
    shops.exported("all", &["--format", "jsonl"], None).assert_exit(0);
    let all = lines(&shops.text("all"));
    let time = |profile: &Value| profile["attributes"]["updated"].as_str().unwrap().to_owned();
    let newest = all.iter().max_by_key(|profile| time(profile)).unwrap();
    let since = ["--format", "jsonl", "--since", &time(newest)];
    shops.exported("some", &since, None).assert_exit(0);
    assert_eq!(lines(&shops.text("some")), std::slice::from_ref(newest));
    let since = ["--format", "jsonl", "--since", "2999-01-01T00:00:00Z"];
    shops.exported("none", &since, None).assert_exit(0);
    assert_eq!(shops.text("none"), "");
}

#[test]
fn commands_reach_a_gateway_by_a_unix_socket_and_over_tls_with_a_certificate_they_trust() {
    let shops = TwoShops::new();
    let issued = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([name.to_owned()]).unwrap();
        (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let ((certificate, key), (other, _)) = (issued("localhost"), issued("localhost"));
    for (name, text) in [("cert.pem", &certificate), ("key.pem", &key), ("other.pem", &other)] {
        fs::write(shops.file(name), text).unwrap();
    }
    let socket = format!("unix:{}", shops.file("admin.sock").display());
    let mut command = shops.home.command(&["serve", "--listen", "127.0.0.1:0", "--admin-listen"]);
    command.arg(format!("127.0.0.1:0,https://127.0.0.1:0,{socket}"));
    command.arg("--tls-certificate").arg(shops.file("cert.pem"));
    command.arg("--tls-key").arg(shops.file("key.pem"));
    command.arg("--config").arg(shops.home.config()).arg("--data-dir").arg(shops.home.data_dir());
    let gateway = Serving::start(command);
    fill(&gateway);
    let line: Value = serde_json::from_str(&gateway.logged(r#""message":"serving""#)).unwrap();
    let listeners = line["admin_listen"].as_str().unwrap();
    let port = listeners.split("https://127.0.0.1:").nth(1).unwrap().split(',').next().unwrap();
    let run = |url: &str, trusted: Option<&str>| {
        let mut command = shops.home.command(&["stats", "--admin-url", url]);
        command.env("GATEWAY_ADMIN_KEY", &shops.admin_key);
        if let Some(name) = trusted {
            command.arg("--admin-certificate").arg(shops.file(name));
        }
        finish(&mut command)
    };
    let encrypted = format!("https://localhost:{port}");
    for (url, trusted) in [(&socket, None), (&encrypted, Some("cert.pem"))] {
        let counted = run(url, trusted);
        counted.assert_exit(0);
        counted.assert_output("company ABC123: profiles: 2, ");
    }
    for (url, trusted, told) in [
        (&encrypted, None, "name a file with its certificate by --admin-certificate"),
        (&encrypted, Some("other.pem"), "cannot be reached"),
        (&encrypted, Some("key.pem"), "must be a file with certificates in PEM"),
        (&format!("{socket}.missing"), None, "cannot be reached"),
    ] {
        let refused = run(url, trusted);
        refused.assert_exit(1);
        refused.assert_output(told);
    }
    gateway.stop().assert_exit(0);
}
