"""One profile: create, get, update, create or update."""

import datetime

from gateway import (
    PROFILES, Case, attributes_of, created, email, external_id, from_client, phone_number, profile,
)
from openapi_client.models import ProfileUpsertQuery


def patch(id, attributes, **meta):
    more = {"meta": meta} if meta else {}
    return PROFILES.update_profile(id, profile(attributes, id=id, **more))


class OneProfile(Case):
    def test_a_created_profile_is_returned_at_once_and_when_it_is_read(self):
        sent = {
            "email": email("whole"),
            "phone_number": phone_number(),
            "external_id": external_id("whole"),
            "first_name": "Sarah",
            "last_name": "Mason",
            "organization": "Example",
            "locale": "en-US",
            "title": "Engineer",
            "image": "https://example.com/sarah.png",
            "location": {
                "address1": "89 E 42nd St", "address2": "1st floor", "city": "New York",
                "country": "United States", "region": "NY", "zip": "10017",
                "timezone": "America/New_York", "ip": "203.0.113.7",
                "latitude": 40.7527, "longitude": -73.9772,
            },
            "properties": {"pets": ["cat", "dog"], "fooBar": "x", "nested": {"aB": [1, 2.5, None]}},
        }
        answered = PROFILES.create_profile(profile(sent)).data
        for data in (answered, PROFILES.get_profile(answered.id).data):
            self.assertEqual(data.id, answered.id)
            self.assertRegex(data.links.var_self, f"/api/profiles/{data.id}/?$")
            attributes = data.attributes.to_dict()
            for name, value in sent.items():
                self.assertEqual(attributes[name], value, name)
            age = datetime.datetime.now(datetime.timezone.utc) - data.attributes.created
            self.assertLess(abs(age), datetime.timedelta(minutes=1))
            self.assertGreaterEqual(data.attributes.updated, data.attributes.created)

    def test_every_digit_of_a_whole_number_is_kept(self):
        number = 12345678901234567890123
        id = created(email=email("digits"), properties={"number": number})
        self.assertEqual(attributes_of(id).properties, {"number": number})

    def test_an_update_changes_what_it_names_and_leaves_the_rest(self):
        id = created(email=email("patched"), first_name="A", last_name="B", properties={"a": 1, "b": 2})
        self.assertEqual(patch(id, {"first_name": "C", "properties": {"b": 3}}).data.id, id)
        read = attributes_of(id)
        self.assertEqual((read.first_name, read.last_name, read.properties), ("C", "B", {"a": 1, "b": 3}))

    def test_null_clears_an_attribute_a_part_of_the_location_and_an_identifier(self):
        id = created(
            email=email("cleared"), phone_number=phone_number(), title="T",
            location={"city": "Oslo", "zip": "0150"},
        )
        patch(id, {"title": None, "phone_number": None, "location": {"city": None}})
        read = attributes_of(id)
        self.assertEqual((read.title, read.phone_number), (None, None))
        self.assertEqual((read.location.city, read.location.zip), (None, "0150"))

    def test_values_are_appended_to_properties_and_removed_and_names_unset(self):
        id = created(
            email=email("listed"), properties={"sizes": ["S", "M"], "one": "a", "x": 1, "y": 2, "z": 3},
        )
        patch(id, {}, patch_properties={
            "append": {"sizes": "L", "one": ["b", "c"]}, "unappend": {"sizes": ["S"]}, "unset": ["x", "y"],
        })
        expected = {"sizes": ["M", "L"], "one": ["a", "b", "c"], "z": 3}
        self.assertEqual(attributes_of(id).properties, expected)
        patch(id, {}, patch_properties={"unset": "z"})
        self.assertNotIn("z", attributes_of(id).properties)

    def test_a_second_address_finds_the_profile_until_it_is_removed(self):
        second = email("second")
        id = created(email=email("first"))
        patch(id, {}, patch_identifiers={"append": {"email": [second]}})
        found = PROFILES.get_profiles(filter=f'equals(email,"{second}")').data
        self.assertEqual([one.id for one in found], [id])
        patch(id, {}, patch_identifiers={"unappend": {"email": [second]}})
        self.assertEqual(PROFILES.get_profiles(filter=f'equals(email,"{second}")').data, [])

    def test_create_or_update_says_201_once_and_200_from_then_on(self):
        address = email("upserted")
        ask = PROFILES.create_or_update_profile_with_http_info
        first = ask(profile({"email": address, "first_name": "A"}))
        second = ask(profile({"email": address, "last_name": "B"}))
        self.assertEqual((first.status_code, second.status_code), (201, 200))
        data = second.data.data
        self.assertEqual(data.id, first.data.data.id)
        self.assertEqual((data.attributes.first_name, data.attributes.last_name), ("A", "B"))

    def test_create_or_update_by_phone_number_replaces_the_address(self):
        phone = phone_number()
        id = created(email=email("before"), phone_number=phone)
        address = email("after")
        data = PROFILES.create_or_update_profile(profile({"email": address, "phone_number": phone})).data
        self.assertEqual((data.id, data.attributes.email), (id, address))

    def test_create_or_update_by_id_replaces_address_and_phone_number(self):
        id = created(email=email("before"), phone_number=phone_number())
        changed = {"email": email("after"), "phone_number": phone_number()}
        PROFILES.create_or_update_profile(profile(changed, id=id))
        read = attributes_of(id)
        self.assertEqual({"email": read.email, "phone_number": read.phone_number}, changed)

    def test_a_model_with_null_for_every_absent_value_is_accepted(self):
        address = email("model")
        query = ProfileUpsertQuery.from_dict(
            profile({"email": address, "first_name": "A"}, meta={"patch_properties": {"append": {"a": 1}}})
        )
        data = PROFILES.create_or_update_profile(query).data
        self.assertEqual((data.attributes.email, data.attributes.first_name), (address, "A"))
        self.assertEqual(data.attributes.properties, {"a": [1]})

    def test_only_the_requested_fields_are_returned(self):
        address = email("sparse")
        id = created(email=address, first_name="A", location={"city": "Oslo", "zip": "0150"})
        answer = PROFILES.get_profile(id, fields_profile=["email", "location.city"])
        self.assertEqual(
            answer["data"]["attributes"], {"email": address, "location": {"city": "Oslo"}}
        )

    def test_additional_fields_can_be_requested(self):
        id = created(email=email("additional"))
        fields = ["subscriptions", "predictive_analytics"]
        self.assertEqual(PROFILES.get_profile(id, additional_fields_profile=fields).data.id, id)

    def test_a_profile_that_a_client_sends_can_be_read_at_once(self):
        address = email("client")
        from_client({"email": address, "first_name": "Sarah", "properties": {"seen": True}})
        [one] = PROFILES.get_profiles(filter=f'equals(email,"{address}")').data
        self.assertEqual((one.attributes.first_name, one.attributes.properties), ("Sarah", {"seen": True}))
