"""Manual merges of two profiles."""

from gateway import (
    UNKNOWN_ID, PROFILES, Case, created, email, external_id, merge, phone_number,
)


class Merging(Case):
    def test_a_merge_is_complete_when_answered_and_the_old_id_finds_the_survivor(self):
        phone = phone_number()
        destination = created(email=email("kept"), first_name="Kept", properties={"a": 1})
        source = created(
            phone_number=phone, first_name="Gone", last_name="Added", properties={"a": 2, "b": 3}
        )
        self.assertEqual(merge(destination, source).data.id, destination)
        data = PROFILES.get_profile(source).data
        self.assertEqual(data.id, destination)
        read = data.attributes
        self.assertEqual(
            (read.first_name, read.last_name, read.phone_number, read.properties),
            ("Kept", "Added", phone, {"a": 1, "b": 3}),
        )

    def test_every_id_of_a_chain_of_merges_finds_the_last_survivor(self):
        one, two, three = (created(external_id=external_id(name)) for name in ("one", "two", "three"))
        merge(two, one)
        merge(three, two)
        for id in (one, two, three):
            self.assertEqual(PROFILES.get_profile(id).data.id, three)

    def test_a_profile_that_does_not_exist_cannot_be_merged(self):
        id = created(email=email("alone"))
        self.refused(404, merge, id, UNKNOWN_ID)
        self.refused(404, merge, UNKNOWN_ID, id)

    def test_a_profile_merged_into_itself_stays_as_it_is(self):
        id = created(email=email("itself"), first_name="A")
        before = PROFILES.get_profile(id)
        self.assertEqual(merge(id, id).data.id, id)
        self.assertEqual(PROFILES.get_profile(id), before)
