"""Whatever the public endpoint accepts, the company's own programs can read back."""

import json
import os
import urllib.request
from decimal import Decimal
from urllib.parse import quote

import orjson
from gateway import FULL_KEY, PROFILES, URL, Case, email, from_client_raw

ODDITIES = os.path.join(os.path.dirname(__file__), "..", "oddities.jsonl")

# Three parsers of three kinds: the usual one, one that refuses what is no plain JSON or beyond a
# double, and one that keeps every digit.
PARSERS = {
    "json": json.loads,
    "orjson": orjson.loads,
    "json with decimals": lambda text: json.loads(text, parse_float=Decimal),
}


def page(filter):
    request = urllib.request.Request(
        f"{URL}/api/profiles?page[size]=100&filter={quote(filter)}",
        headers={"Authorization": f"Klaviyo-API-Key {FULL_KEY}", "Revision": "2026-07-15"},
    )
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def shown(sent, attributes):
    """Of the attributes of an answer, those that were sent."""
    if isinstance(sent, dict) and isinstance(attributes, dict):
        return {name: shown(value, attributes.get(name)) for name, value in sent.items()}
    return attributes


def expected(sent):
    """A coordinate in a string is answered as a number."""
    latitude = sent.get("location", {}).get("latitude")
    if isinstance(latitude, str):
        return {"location": {"latitude": float(latitude)}}
    return sent


class Oddities(Case):
    @classmethod
    def setUpClass(cls):
        with open(ODDITIES, encoding="utf-8") as lines:
            cls.sent = {email("odd"): line.strip() for line in lines}
        for address, attributes in cls.sent.items():
            from_client_raw(
                '{"data":{"type":"profile","attributes":{"email":"%s",%s}}' % (address, attributes[1:])
            )
        cls.filter = f"any(email,{json.dumps(list(cls.sent))})"

    def test_a_page_of_all_that_is_accepted_is_read_by_every_parser_as_it_was_sent(self):
        text = page(self.filter)
        for name, parse in PARSERS.items():
            read = {one["attributes"]["email"]: one["attributes"] for one in parse(text)["data"]}
            self.assertEqual(read.keys(), self.sent.keys())
            for address, attributes in self.sent.items():
                with self.subTest(parser=name, attributes=attributes[:100]):
                    sent = parse(attributes)
                    self.assertEqual(shown(sent, read[address]), expected(sent))

    def test_the_sdk_reads_such_a_page(self):
        page = PROFILES.get_profiles(filter=self.filter, page_size=100)
        read = {one.attributes.email: one.attributes.to_dict() for one in page.data}
        self.assertEqual(read.keys(), self.sent.keys())
        for address, attributes in self.sent.items():
            with self.subTest(attributes=attributes[:100]):
                sent = json.loads(attributes)
                if "properties" in sent:
                    self.assertEqual(read[address]["properties"], sent["properties"])
