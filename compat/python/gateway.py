"""The gateway under test, called by the official SDK. Only the base URL of the SDK is changed."""

import itertools
import json
import os
import secrets
import unittest
import urllib.request

from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException


def _demanded(name):
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set; compat/README.md says to what")
    return value


URL = _demanded("COMPAT_URL")
COMPANY = _demanded("COMPAT_COMPANY")
FULL_KEY = _demanded("COMPAT_KEY")
READ_KEY = _demanded("COMPAT_READ_KEY")
UNKNOWN_KEY = _demanded("COMPAT_UNKNOWN_KEY")

# A valid id of no profile.
UNKNOWN_ID = "01JNBDY0000000000000000000"


def client(key=FULL_KEY, **settings):
    return KlaviyoAPI(key, test_host=URL, **settings)


_CLIENT = client()
PROFILES = _CLIENT.Profiles
PRIVACY = _CLIENT.Data_Privacy

# New identifiers each time, so that the suite can run again on the same data.
_RUN = secrets.token_hex(5)
_MADE = itertools.count(1)


def email(name):
    return f"{name}.{_RUN}.{next(_MADE)}@example.com"


def external_id(name):
    return f"{name}-{_RUN}-{next(_MADE)}"


def phone_number():
    return f"+1{1_000_000_000 + secrets.randbelow(9_000_000_000)}"


def profile(attributes, **more):
    return {"data": {"type": "profile", "attributes": attributes, **more}}


def created(**attributes):
    """Creates a profile and returns its id."""
    return PROFILES.create_profile(profile(attributes)).data.id


def attributes_of(id):
    return PROFILES.get_profile(id).data.attributes


def merge(destination, source):
    profiles = {"data": [{"type": "profile", "id": source}]}
    relationships = {"profiles": profiles}
    return PROFILES.merge_profiles(
        {"data": {"type": "profile-merge", "id": destination, "relationships": relationships}}
    )


def delete(privacy=PRIVACY, **who):
    person = {"type": "profile", "attributes": {}, **who}
    attributes = {"profile": {"data": person}}
    return privacy.request_profile_deletion(
        {"data": {"type": "data-privacy-deletion-job", "attributes": attributes}}
    )


def from_client(attributes, **headers):
    """A browser's request, which no method of the SDK sends."""
    return from_client_raw(json.dumps(profile(attributes)), **headers)


def from_client_raw(body, **headers):
    """The same, with this text as its body."""
    request = urllib.request.Request(
        f"{URL}/client/profiles?company_id={COMPANY}",
        data=body.encode(),
        headers={"Content-Type": "application/json", "Revision": "2026-07-15", **headers},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 202, answer.status
        return answer.read()


def from_server_raw(path, body):
    """A server's request, with this text as its body."""
    request = urllib.request.Request(
        URL + path,
        data=body.encode(),
        headers={
            "Authorization": f"Klaviyo-API-Key {FULL_KEY}",
            "Content-Type": "application/json",
            "Revision": "2026-07-15",
        },
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 202, answer.status


class Case(unittest.TestCase):
    def refused(self, status, method, *args, **kwargs):
        """The error that the SDK throws for a refused call, which must be complete."""
        with self.assertRaises(ApiException) as caught:
            method(*args, **kwargs)
        error = caught.exception
        self.assertEqual(error.status, status, error)
        # The SDK could read it as its own type of errors.
        self.assertTrue(error.data.errors)
        error.first = json.loads(error.body)["errors"][0]
        self.assertEqual(
            list(error.first),
            ["id", "status", "code", "title", "detail", "source", "links", "meta"],
        )
        self.assertEqual(error.first["status"], status)
        self.assertEqual(error.data.errors[0].code, error.first["code"])
        return error
