"""What the SDK throws when the gateway says no."""

from gateway import (
    NOBODY, NOBODYS_KEY, PROFILES, READ_KEY, Case, client, created, email, external_id,
    phone_number, profile,
)


class Refusals(Case):
    def test_without_a_key_nobody_is_let_in(self):
        error = self.refused(401, client("").Profiles.get_profiles)
        self.assertEqual(error.first["code"], "not_authenticated")

    def test_a_key_of_nobody_is_refused(self):
        error = self.refused(401, client(NOBODYS_KEY).Profiles.get_profiles)
        self.assertEqual(error.first["code"], "authentication_failed")

    def test_a_key_opens_what_its_scopes_name_and_no_more(self):
        reader = client(READ_KEY).Profiles
        self.assertIsNotNone(reader.get_profiles(page_size=1).data)
        error = self.refused(403, reader.create_profile, profile({"email": email("unscoped")}))
        self.assertEqual(error.first["code"], "permission_denied")

    def test_a_profile_that_is_not_there_is_not_found(self):
        self.assertEqual(self.refused(404, PROFILES.get_profile, NOBODY).first["code"], "not_found")
        self.refused(404, PROFILES.update_profile, NOBODY, profile({"title": "T"}, id=NOBODY))

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

    def test_create_or_update_refuses_to_join_two_people(self):
        address, phone = email("a"), phone_number()
        a = created(external_id=external_id("a"), email=address)
        b = created(external_id=external_id("b"), phone_number=phone)
        both = {"email": address, "phone_number": phone, "first_name": "Neither"}
        self.duplicate(b, PROFILES.create_or_update_profile, both)
        for id in (a, b):
            self.assertIsNone(PROFILES.get_profile(id).data.attributes.first_name)

    def test_what_is_no_identifier_is_refused_where_it_stands(self):
        for name, value in (("email", "no address"), ("phone_number", "555")):
            for method in (PROFILES.create_profile, PROFILES.create_or_update_profile):
                with self.subTest(name):
                    error = self.refused(400, method, profile({name: value}))
                    self.assertEqual(
                        (error.first["code"], error.data.errors[0].source.pointer),
                        ("invalid", f"/data/attributes/{name}"),
                    )
