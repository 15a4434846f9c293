"""The published connectors read this gateway: they are set up, read everything, and read on."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
URL, KEY, UNKNOWN_KEY = (
    os.environ[name] for name in ("COMPAT_URL", "COMPAT_KEY", "COMPAT_UNKNOWN_KEY")
)
AIRBYTE, TAP = os.environ["COMPAT_AIRBYTE"], os.environ["COMPAT_TAP"]
PEOPLE = 250
# New addresses each time, so that the suite can run again on the same data.
RUN = secrets.token_hex(5)


def imported(people):
    """Imports people and returns nothing; the import is complete when it is answered."""
    rows = [{"type": "profile", "attributes": attributes} for attributes in people]
    job = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": rows}}}
    request = urllib.request.Request(
        f"{URL}/api/profile-bulk-import-jobs",
        data=json.dumps({"data": job}).encode(),
        headers={
            "Authorization": f"Klaviyo-API-Key {KEY}",
            "Revision": "2026-07-15",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 202, answer.status


def address(number):
    return f"reader{number}.{RUN}@example.com"


def own(found):
    """Of the profiles that were read, those of this run."""
    return [one for one in found if f".{RUN}@" in (one["attributes"]["email"] or "")]


class Connector(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def written(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
        return path

    def config(self, key=KEY):
        return self.written("config.json", {"api_key": key, "start_date": "2020-01-01T00:00:00Z"})

    def ran(self, python, script, *arguments):
        done = subprocess.run(
            [python, os.path.join(HERE, script), *arguments],
            capture_output=True, text=True, timeout=200, check=False, cwd=self.directory,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return done, [json.loads(line) for line in lines if line.endswith("}")]


class Airbyte(Connector):
    def messages(self, *arguments):
        done, messages = self.ran(AIRBYTE, "run_airbyte.py", *arguments)
        self.assertTrue(messages, done.stderr[-2000:])
        return messages

    def status(self, key):
        messages = self.messages("check", "--config", self.config(key))
        return [one["connectionStatus"]["status"] for one in messages if one["type"] == "CONNECTION_STATUS"]

    def test_a_connection_is_tested(self):
        self.assertEqual(self.status(KEY), ["SUCCEEDED"])
        self.assertEqual(self.status(UNKNOWN_KEY), ["FAILED"])

    def catalog(self):
        catalogs = [one for one in self.messages("discover", "--config", self.config()) if one["type"] == "CATALOG"]
        streams = {one["name"]: one for one in catalogs[0]["catalog"]["streams"]}
        configured = {
            "stream": streams["profiles"],
            "sync_mode": "incremental",
            "destination_sync_mode": "append_dedup",
        }
        return self.written("catalog.json", {"streams": [configured]})

    def read(self, catalog, state=None):
        """The profiles that a run reads, and the state that it leaves."""
        with_state = ["--state", self.written("state.json", state)] if state else []
        messages = self.messages("read", "--config", self.config(), "--catalog", catalog, *with_state)
        failures = [one["trace"] for one in messages if one["type"] == "TRACE" and one["trace"]["type"] == "ERROR"]
        self.assertEqual(failures, [])
        found = [one["record"]["data"] for one in messages if one["type"] == "RECORD"]
        return found, [one["state"] for one in messages if one["type"] == "STATE"][-1:]

    def test_profiles_are_read_once_and_then_only_what_changed(self):
        imported({"email": address(number), "properties": {"n": number}} for number in range(PEOPLE))
        # The state of the connector has no fraction of a second, so it reads its last second again.
        # The times of an import may be ahead of the clock, each row with a millisecond of its own.
        time.sleep(1.1 + PEOPLE / 1000)
        imported([{"email": address("-last")}])
        catalog = self.catalog()
        found, state = self.read(catalog)
        self.assertEqual(len({one["id"] for one in found}), len(found))
        found = own(found)
        emails = [one["attributes"]["email"] for one in found]
        expected = [address(number) for number in [*range(PEOPLE), "-last"]]
        self.assertEqual(sorted(emails), sorted(expected))

        time.sleep(1.1)
        imported([{"email": address(7), "first_name": "Ann"}, {"email": address("-new")}])
        found, _ = self.read(catalog, state)
        found = own(found)
        emails = [one["attributes"]["email"] for one in found]
        self.assertEqual(emails, [address("-last"), address(7), address("-new")])
        self.assertEqual(found[1]["attributes"]["first_name"], "Ann")


class Tap(Connector):
    def test_streams_are_discovered_and_read_and_a_wrong_key_is_noticed(self):
        done, _ = self.ran(TAP, "run_tap.py", "--config", self.config(), "--discover")
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        catalog = json.loads(done.stdout)
        names = [stream["stream"] for stream in catalog["streams"]]
        self.assertEqual(names, ["global_exclusions", "lists", "campaigns"])
        # The gateway has no campaigns, and answers 404 for them.
        streams = [stream for stream in catalog["streams"] if stream["stream"] != "campaigns"]
        for stream in streams:
            for entry in stream["metadata"]:
                if entry["breadcrumb"] == []:
                    entry["metadata"]["selected"] = True
        path = self.written("catalog.json", {"streams": streams})
        done, messages = self.ran(TAP, "run_tap.py", "--config", self.config(), "--catalog", path)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        # No profile is suppressed, and there are no lists.
        self.assertEqual([one["type"] for one in messages], ["SCHEMA", "SCHEMA"])

        done, _ = self.ran(TAP, "run_tap.py", "--config", self.config(UNKNOWN_KEY), "--discover")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("401", done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
