"""Whatever the public endpoints accept, the company's own programs can read back."""

import json
import os
import urllib.request
from decimal import Decimal
from urllib.parse import quote

import orjson
from gateway import (
    FULL_KEY,
    PROFILES,
    URL,
    Case,
    email,
    external_id,
    from_client_raw,
    from_server_raw,
)

DIRECTORY = os.path.join(os.path.dirname(__file__), "..")

# Three parsers of three kinds: the usual one, one that refuses what is no plain JSON or beyond a
# double, and one that keeps every digit.
PARSERS = {
    "json": json.loads,
    "orjson": orjson.loads,
    "json with decimals": lambda text: json.loads(text, parse_float=Decimal),
}


def odd(file):
    """The lines of a file. RUN stands for what is new each time."""
    with open(os.path.join(DIRECTORY, file), encoding="utf-8") as lines:
        return [line.strip().replace("RUN", external_id("odd")) for line in lines]


def canonical(address):
    """An address as the gateway shows it."""
    mailbox, domain = address.split("@")
    return f"{mailbox.lower()}@{domain.encode('idna').decode()}".lower()


def page(path, filter):
    request = urllib.request.Request(
        f"{URL}{path}?page[size]=100&filter={quote(filter)}",
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
    """A coordinate in a string is answered as a number, and a device is not shown."""
    sent = {**sent, "email": canonical(sent["email"])}
    sent.pop("anonymous_id", None)
    latitude = sent.get("location", {}).get("latitude")
    if isinstance(latitude, str):
        return {**sent, "location": {"latitude": float(latitude)}}
    return sent


class Oddities(Case):
    @classmethod
    def setUpClass(cls):
        cls.sent = {}
        for line in odd("oddities.jsonl"):
            own = json.loads(line).get("email")
            address = own or email("odd")
            attributes = line if own else '{"email":"%s",%s' % (address, line[1:])
            cls.sent[canonical(address)] = attributes
            from_client_raw('{"data":{"type":"profile","attributes":%s}}' % attributes)
        cls.filter = f"any(email,{json.dumps(list(cls.sent))})"

    def test_a_page_of_all_that_is_accepted_is_read_by_every_parser_as_it_was_sent(self):
        text = page("/api/profiles", self.filter)
        for name, parse in PARSERS.items():
            read = {one["attributes"]["email"]: one["attributes"] for one in parse(text)["data"]}
            self.assertEqual(read.keys(), self.sent.keys())
            for address, attributes in self.sent.items():
                with self.subTest(parser=name, attributes=attributes[:100]):
                    wanted = expected(parse(attributes))
                    self.assertEqual(shown(wanted, read[address]), wanted)

    def test_the_sdk_reads_such_a_page(self):
        page = PROFILES.get_profiles(filter=self.filter, page_size=100)
        read = {one.attributes.email: one.attributes.to_dict() for one in page.data}
        self.assertEqual(read.keys(), self.sent.keys())
        for address, attributes in self.sent.items():
            with self.subTest(attributes=attributes[:100]):
                sent = json.loads(attributes)
                for name in ("properties", "external_id"):
                    if name in sent:
                        self.assertEqual(read[address][name], sent[name])

    def test_odd_identifiers_find_their_profiles(self):
        for address, attributes in self.sent.items():
            sent = json.loads(attributes)
            for name in ("anonymous_id", "external_id"):
                if name in sent:
                    with self.subTest(identifier=sent[name]):
                        value = json.dumps(sent[name], ensure_ascii=False)
                        found = PROFILES.get_profiles(filter=f"equals({name},{value})").data
                        self.assertEqual([one.attributes.email for one in found], [address])

    def test_a_page_of_push_tokens_of_odd_devices_is_read_by_every_parser_as_it_was_sent(self):
        owner = email("odd")
        devices = {external_id("token"): line for line in odd("odd-devices.jsonl")}
        for token, device in devices.items():
            from_server_raw(
                "/api/push-tokens",
                '{"data":{"type":"push-token","attributes":{"token":"%s","platform":"ios",'
                '"vendor":"apns","device_metadata":%s,"profile":{"data":{"type":"profile",'
                '"attributes":{"email":"%s"}}}}}}' % (token, device, owner),
            )
        id = PROFILES.get_profiles(filter=f'equals(email,"{owner}")').data[0].id
        of_owner = f'equals(profile.id,"{id}")'
        text = page("/api/push-tokens", of_owner)
        pages = {name: parse(text)["data"] for name, parse in PARSERS.items()}
        by_sdk = PROFILES.get_push_tokens(filter=of_owner, page_size=100)
        pages["the SDK"] = [{"attributes": one.attributes.to_dict()} for one in by_sdk.data]
        for name, tokens in pages.items():
            read = {one["attributes"]["token"]: one["attributes"]["metadata"] for one in tokens}
            self.assertEqual(read.keys(), devices.keys())
            for token, device in devices.items():
                with self.subTest(reader=name, device=device[:100]):
                    wanted = json.loads(device)
                    self.assertEqual(shown(wanted, read[token]), wanted)
