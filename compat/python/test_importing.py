"""Many profiles in one request."""

from gateway import UNKNOWN_ID, PROFILES, Case, created, email, external_id


def importing(rows):
    profiles = {"data": [{"type": "profile", "attributes": row} for row in rows]}
    return PROFILES.bulk_import_profiles(
        {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": profiles}}}
    ).data


class Importing(Case):
    def test_the_valid_rows_are_imported_and_the_invalid_one_is_reported(self):
        held = external_id("known")
        known = created(external_id=held, first_name="Old")
        fresh = email("new")
        job = importing([
            {"email": fresh, "properties": {"fooBar": 1}},
            {"email": "no address", "first_name": "Bad"},
            {"external_id": held, "first_name": "New"},
        ])
        counts = job.attributes
        self.assertEqual(
            (counts.status, counts.total_count, counts.completed_count, counts.failed_count),
            ("complete", 3, 2, 1),
        )
        self.assertEqual(PROFILES.get_bulk_import_profiles_job(job.id).data.attributes, counts)

        imported = PROFILES.get_profiles_for_bulk_import_profiles_job(job.id).data
        names = {one.id: one.attributes.first_name for one in imported}
        self.assertEqual(names[known], "New")
        self.assertEqual({one.attributes.email for one in imported if one.id != known}, {fresh})

        [told] = PROFILES.get_errors_for_bulk_import_profiles_job(job.id).data
        fault = told.attributes
        self.assertEqual(
            (fault.code, fault.title, fault.detail),
            ("invalid", "Invalid input.", "Invalid email address"),
        )
        self.assertEqual(fault.source.pointer, "/data/attributes/profiles/data/1/attributes/email")

    def test_jobs_are_listed_newest_first_page_by_page(self):
        ids = [importing([{"email": email(name)}]).id for name in ("one", "two", "three")]
        first = PROFILES.get_bulk_import_profiles_jobs(sort="-created_at", page_size=2)
        rest = PROFILES.get_bulk_import_profiles_jobs(
            sort="-created_at", page_size=2, page_cursor=first.links.next
        )
        found = [one.id for one in first.data + rest.data]
        self.assertEqual(found[:3], ids[::-1])

    def test_jobs_are_filtered_by_their_status(self):
        id = importing([{"email": email("complete")}]).id
        ask = PROFILES.get_bulk_import_profiles_jobs
        self.assertEqual(ask(filter="equals(status,'complete')", sort="-created_at").data[0].id, id)
        self.assertEqual(ask(filter="any(status,['queued','processing'])").data, [])

    def test_the_profiles_of_a_job_are_listed_page_by_page(self):
        id = importing([{"email": email(name)} for name in "abc"]).id
        ask = PROFILES.get_profiles_for_bulk_import_profiles_job
        first = ask(id, page_size=2)
        rest = ask(id, page_size=2, page_cursor=first.links.next)
        self.assertEqual((len(first.data), len(rest.data)), (2, 1))
        self.assertEqual(len({one.id for one in first.data + rest.data}), 3)

    def test_a_job_that_does_not_exist_is_not_found(self):
        self.refused(404, PROFILES.get_bulk_import_profiles_job, UNKNOWN_ID)
