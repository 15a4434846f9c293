"""The errors that the SDK throws when the gateway refuses a call."""

from gateway import (
    PROFILES, READ_KEY, UNKNOWN_ID, UNKNOWN_KEY, Case, client, created, email, external_id,
    phone_number, profile,
)


class Refusals(Case):
    def test_a_request_without_a_key_is_refused(self):
        error = self.refused(401, client("").Profiles.get_profiles)
        self.assertEqual(error.first["code"], "not_authenticated")

    def test_an_unknown_key_is_refused(self):
        error = self.refused(401, client(UNKNOWN_KEY).Profiles.get_profiles)
        self.assertEqual(error.first["code"], "authentication_failed")

    def test_a_key_permits_exactly_what_its_scopes_name(self):
        reader = client(READ_KEY).Profiles
        self.assertIsNotNone(reader.get_profiles(page_size=1).data)
        error = self.refused(403, reader.create_profile, profile({"email": email("unscoped")}))
        self.assertEqual(error.first["code"], "permission_denied")

    def test_a_profile_that_does_not_exist_is_not_found(self):
        self.assertEqual(self.refused(404, PROFILES.get_profile, UNKNOWN_ID).first["code"], "not_found")
        self.refused(404, PROFILES.update_profile, UNKNOWN_ID, profile({"title": "T"}, id=UNKNOWN_ID))

    def duplicate(self, id, method, attributes):
        error = self.refused(409, method, profile(attributes))
        self.assertEqual(error.first["code"], "duplicate_profile")
        self.assertEqual(error.first["meta"]["duplicate_profile_id"], id)

    def test_create_refuses_an_identifier_that_is_taken_and_names_the_profile(self):
        taken = {"email": email("taken"), "phone_number": phone_number(), "external_id": external_id("taken")}
        id = created(**taken)
        for name, value in taken.items():
            with self.subTest(name):
                self.duplicate(id, PROFILES.create_profile, {name: value})

    def test_create_or_update_refuses_to_merge_two_profiles(self):
        address, phone = email("a"), phone_number()
        a = created(external_id=external_id("a"), email=address)
        b = created(external_id=external_id("b"), phone_number=phone)
        both = {"email": address, "phone_number": phone, "first_name": "Neither"}
        self.duplicate(b, PROFILES.create_or_update_profile, both)
        for id in (a, b):
            self.assertIsNone(PROFILES.get_profile(id).data.attributes.first_name)

    def test_an_invalid_identifier_is_refused_with_its_pointer(self):
        for name, value in (("email", "no address"), ("phone_number", "555")):
            for method in (PROFILES.create_profile, PROFILES.create_or_update_profile):
                with self.subTest(name):
                    error = self.refused(400, method, profile({name: value}))
                    self.assertEqual(
                        (error.first["code"], error.data.errors[0].source.pointer),
                        ("invalid", f"/data/attributes/{name}"),
                    )
