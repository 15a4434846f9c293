"""Many profiles: filters, orders, pages."""

import json
import re
from urllib.parse import parse_qs, urlsplit

from gateway import (
    PROFILES, Case, attributes_of, created, email, external_id, from_client, phone_number,
)
from klaviyo_api.filter_builder import FilterBuilder

SIZE = 3
FIELDS = ("id", "created", "updated", "email")


class Person:
    def __init__(self, name):
        # The builder of the SDK removes all white space from a filter, so this has none.
        self.external_id = external_id(f'"{name}",é\\\'')
        self.email = email(name)
        self.phone_number = phone_number()
        self.id = created(
            email=self.email, phone_number=self.phone_number, external_id=self.external_id
        )

    def at(self, field):
        return getattr(attributes_of(self.id), field)


def ids_of(page):
    return sorted(one.id for one in page.data)


def asked(filter):
    return ids_of(PROFILES.get_profiles(filter=filter, page_size=100))


def built(method, field, value):
    builder = FilterBuilder()
    getattr(builder, method)(field, value)
    return builder.build()


def cursor_of(link):
    return parse_qs(urlsplit(link).query)["page[cursor]"][0]


def walk(sort, cursor=lambda link: link):
    """All profiles, page by page. `cursor` makes the cursor from the link to a page. Only the
    cursor is passed on, as the SDK does."""
    found = []
    page = PROFILES.get_profiles(sort=sort, page_size=SIZE)
    while True:
        assert len(page.data) <= SIZE
        found += page.data
        if not page.links.next:
            return found
        page = PROFILES.get_profiles(page_cursor=cursor(page.links.next))


def key(profile, field):
    return profile.id if field == "id" else getattr(profile.attributes, field)


class Listing(Case):
    @classmethod
    def setUpClass(cls):
        cls.ours = [Person(name) for name in ("m", "c", "x", "a+b", "k", "q", "z")]

    def test_equals_finds_the_profile_that_it_names(self):
        for field in ("id", "email", "phone_number", "external_id"):
            for one in (self.ours[0], self.ours[3]):
                with self.subTest(field):
                    self.assertEqual(asked(built("equals", field, getattr(one, field))), [one.id])

    def test_any_finds_all_profiles_that_it_names(self):
        some = [self.ours[1], self.ours[3], self.ours[5]]
        for field in ("id", "email", "phone_number"):
            with self.subTest(field):
                found = asked(built("any", field, [getattr(one, field) for one in some]))
                self.assertEqual(found, sorted(one.id for one in some))

    # The builder of the SDK writes a list as Python prints it. Quotes of both kinds break that.
    def test_any_finds_all_external_ids_that_it_names(self):
        some = [self.ours[1], self.ours[3]]
        wanted = json.dumps([one.external_id for one in some])
        self.assertEqual(asked(f"any(external_id,{wanted})"), sorted(one.id for one in some))

    def test_kx_finds_the_profile_of_a_token(self):
        one = self.ours[2]
        # A page that names a device gets a token for it.
        named = {"email": one.email, "anonymous_id": f"tab-{one.id}"}
        answer = json.loads(from_client(named, **{"X-Klaviyo-Onsite": "1"}))
        self.assertEqual(asked(built("equals", "_kx", answer["meta"]["exchange_id"])), [one.id])

    def test_a_filter_that_no_profile_matches_finds_none(self):
        self.assertEqual(asked(built("equals", "email", email("stranger"))), [])

    def test_times_are_bounded_on_both_sides_exclusively(self):
        for field in ("created", "updated"):
            with self.subTest(field):
                times = {one.id: one.at(field) for one in self.ours}
                after, before = times[self.ours[1].id], times[self.ours[5].id]
                filter = FilterBuilder()
                filter.greater_than(field, after)
                filter.less_than(field, before)
                found = [id for id in asked(filter.build()) if id in times]
                self.assertEqual(found, sorted(id for id in times if after < times[id] < before))

    def test_conditions_with_a_comma_between_them_must_all_hold(self):
        first, last = self.ours[0], self.ours[6]
        filter = FilterBuilder()
        filter.any("email", [first.email, last.email])
        filter.greater_than("created", first.at("created"))
        expected = [last.id] if first.at("created") < last.at("created") else []
        self.assertEqual(asked(filter.build()), expected)

    def each_once(self, found):
        ids = [one.id for one in found]
        self.assertEqual(len(set(ids)), len(ids), "a profile is on two pages")
        self.assertLessEqual({one.id for one in self.ours}, set(ids), "a profile is on no page")

    def test_pages_have_every_profile_once_in_order(self):
        for field in FIELDS:
            for sort in (field, f"-{field}"):
                with self.subTest(sort):
                    found = walk(sort)
                    self.each_once(found)
                    keys = [key(one, field) for one in found if key(one, field) is not None]
                    self.assertEqual(keys, sorted(keys, reverse=sort.startswith("-")))

    def test_a_bare_cursor_gives_the_same_page_as_its_link(self):
        links = walk("-created")
        cursors = walk("-created", cursor_of)
        self.each_once(cursors)
        self.assertEqual([one.id for one in cursors], [one.id for one in links])

    # From a link that begins with https the SDK sends `=` and the cursor. It sends one with http
    # whole.
    def test_a_link_can_be_followed_with_either_scheme(self):
        first = PROFILES.get_profiles(sort="email", page_size=SIZE)
        plain, secure = (
            PROFILES.get_profiles(page_cursor=re.sub("^https?:", scheme, first.links.next))
            for scheme in ("http:", "https:")
        )
        self.assertEqual(ids_of(plain), ids_of(secure))
        self.assertNotEqual(ids_of(plain), ids_of(first))

    def test_a_page_has_20_profiles_by_default(self):
        self.assertLessEqual(len(PROFILES.get_profiles().data), 20)

    def test_a_list_has_only_the_requested_fields(self):
        one = self.ours[0]
        page = PROFILES.get_profiles(filter=built("equals", "id", one.id), fields_profile=["email"])
        self.assertEqual([data["attributes"] for data in page["data"]], [{"email": one.email}])

    def test_what_cannot_be_asked_is_refused_by_name(self):
        for options, parameter in (
            ({"filter": "equals(email"}, "filter"),
            ({"filter": 'equals(first_name,"A")'}, "filter"),
            ({"sort": "first_name"}, "sort"),
            ({"page_cursor": "made-up"}, "page[cursor]"),
        ):
            with self.subTest(options):
                error = self.refused(400, PROFILES.get_profiles, **options)
                self.assertEqual(error.first["code"], "invalid")
                self.assertEqual(error.first["source"]["parameter"], parameter)
