"""Creates profiles and bulk imports, and writes their ids into the dictionaries of schemathesis.
Without them, nearly every request would be about a profile that does not exist.

    people.py DIRECTORY
"""

import json
import os
import pathlib
import sys
import time
import urllib.request

PEOPLE = 40
IMPORTS = 4


def sent(path, data):
    """The data of the answer to a document with this data."""
    request = urllib.request.Request(
        os.environ["COMPAT_URL"] + path,
        data=json.dumps({"data": data}).encode(),
        headers={
            "Authorization": f"Klaviyo-API-Key {os.environ['COMPAT_KEY']}",
            "Content-Type": "application/vnd.api+json",
            "revision": "2026-10-15",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]


def person(number):
    email = f"person{number}@example.com"
    attributes = {"email": email, "first_name": "A", "properties": {"n": number}}
    return {"type": "profile", "attributes": attributes}


def bulk_import(number):
    rows = [person(number), {"type": "profile", "attributes": {"email": "no address"}}]
    attributes = {"profiles": {"data": rows}}
    return {"type": "profile-bulk-import-job", "attributes": attributes}


def write(path, ids):
    path.write_text("".join(f'"{id}"\n' for id in ids))


def main(directory):
    people = [sent("/api/profiles", person(number))["id"] for number in range(PEOPLE)]
    imports = [
        sent("/api/profile-bulk-import-jobs", bulk_import(number))["id"]
        for number in range(IMPORTS)
    ]
    write(directory / "people.dict", people)
    write(directory / "updated_profile.dict", people[:1])
    write(directory / "imports.dict", imports)
    # The rate limits of this second are exhausted.
    time.sleep(1)


main(pathlib.Path(sys.argv[1]))
