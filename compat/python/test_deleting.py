"""Erasure, and the rate limit that is low enough to be exceeded here."""

import time
from concurrent.futures import ThreadPoolExecutor

from gateway import (
    PROFILES, Case, client, created, delete, email, external_id, merge, phone_number,
)
from openapi_client.exceptions import ApiException


class Deleting(Case):
    def gone(self, id):
        self.refused(404, PROFILES.get_profile, id)

    def test_a_profile_is_erased_by_id_by_address_or_by_phone_number(self):
        address, phone = email("erased"), phone_number()
        ids = [
            created(external_id=external_id("erased")),
            created(email=address),
            created(phone_number=phone),
        ]
        delete(id=ids[0])
        delete(attributes={"email": address})
        delete(attributes={"phone_number": phone})
        for id in ids:
            self.gone(id)
        self.assertEqual(PROFILES.get_profiles(filter=f'equals(email,"{address}")').data, [])

    def test_a_merged_profile_is_erased_with_its_survivor(self):
        destination, source = created(email=email("survivor")), created(phone_number=phone_number())
        merge(destination, source)
        delete(id=destination)
        self.gone(destination)
        self.gone(source)

    def test_the_address_of_an_erased_profile_creates_a_new_profile(self):
        address = email("anew")
        old = created(email=address, first_name="Old")
        delete(attributes={"email": address})
        new = created(email=address)
        self.assertNotEqual(new, old)
        self.assertIsNone(PROFILES.get_profile(new).data.attributes.first_name)

    def test_two_identifiers_at_once_are_refused(self):
        both = {"email": email("two"), "phone_number": phone_number()}
        self.refused(400, delete, attributes=both)

    def test_a_request_over_the_rate_limit_is_told_when_to_retry(self):
        without_retry = client(max_retries=1).Data_Privacy

        def ask(_):
            try:
                delete(without_retry, attributes={"email": email("stranger")})
            except ApiException as error:
                return error

        with ThreadPoolExecutor(8) as pool:
            throttled = [error for error in pool.map(ask, range(8)) if error]
        self.assertTrue(throttled, "more than 3 a second were let through")
        for error in throttled:
            self.assertEqual((error.status, error.data.errors[0].code), (429, "throttled"))
            self.assertGreaterEqual(int(error.headers["Retry-After"]), 1)
            self.assertNotIn("RateLimit-Limit", error.headers)

    def test_the_sdk_waits_as_long_as_retry_after_says_and_succeeds(self):
        addresses = [email("patient") for _ in range(5)]
        ids = [created(email=address) for address in addresses]
        began = time.monotonic()
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda address: delete(attributes={"email": address}), addresses))
        self.assertGreaterEqual(time.monotonic() - began, 1, "five in less than a second, where three are allowed")
        for id in ids:
            self.gone(id)
