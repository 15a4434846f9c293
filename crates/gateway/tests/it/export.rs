//! `gateway export`: the profiles of one company as lines of JSON and as a table.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

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
