"""Checks answers of the gateway against the schemas that the original has published, revision by
revision. The schemas are not part of this repository: see compat/README.md.

    check.py DIRECTORY

DIRECTORY has an OpenAPI document for each revision, as a file `*.json`. Each names its revision in
`info.version`. Prints every answer that a document does not allow, and the number of answers that
were checked. Exits with 0 if all differences are known, and with 1 otherwise.
"""

import datetime
import json
import os
import pathlib
import re
import secrets
import sys
import urllib.error
import urllib.request

URL, KEY, COMPANY = (os.environ[name] for name in ("COMPAT_URL", "COMPAT_KEY", "COMPAT_COMPANY"))
RUN = secrets.token_hex(5)
UNKNOWN_ID = "01JNBDY0000000000000000000"

# Where the gateway differs on purpose: a part of a fault, the first revision without it, and the
# reason.
KNOWN = [
    (r"/links/(next|prev): null$", None, "clients look for null on the last page"),
    (
        r"/attributes/.*: null$",
        "2024-02-15",
        "the original answered null before its schemas said so",
    ),
    (
        r"/relationships/(profiles|import-errors)/(data|links/self): is missing$",
        "2024-05-15",
        "the ids of up to 10,000 profiles are shown page by page",
    ),
    (
        r"^/included/\d+",
        "2025-04-15",
        "push tokens are included in every revision, and in the original since 2025-04-15",
    ),
]


def sent(method, path, revision, document=None):
    """The status and the body of an answer."""
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=None if document is None else json.dumps(document).encode(),
        headers={
            "Authorization": f"Klaviyo-API-Key {KEY}",
            "Content-Type": "application/json",
            "revision": revision,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Schemas:
    """The document of one revision."""

    def __init__(self, document):
        self.document = document
        self.revision = document["info"]["version"]
        self.paths = {plain(path): methods for path, methods in document["paths"].items()}

    def followed(self, schema):
        while "$ref" in schema:
            target = self.document
            for name in schema["$ref"].split("/")[1:]:
                target = target[name]
            schema = target
        return schema

    def of_answer(self, method, path, status):
        """The schema of an answer; None if the revision has no such endpoint or no body there."""
        operation = self.paths.get(plain(path), {}).get(method.lower())
        if operation is None:
            return None
        responses = operation["responses"]
        kinds = (str(status), f"{status // 100}XX", f"{status // 100}xx", "default")
        response = next((responses[kind] for kind in kinds if kind in responses), None)
        if response is None:
            return {"not": {}, "description": f"no answer {status}"}
        contents = self.followed(response).get("content", {})
        return next((content.get("schema") for content in contents.values()), None)

    def faults(self, schema, value, at=""):
        """What is wrong with a value: a list of places and reasons."""
        schema = self.followed(schema)
        if "not" in schema:
            return [f"{at}: {schema['description']}"]
        if value is None:
            if schema.get("nullable"):
                return []
            if "type" in schema:
                return [f"{at}: null"]
        for part in schema.get("allOf", []):
            if faults := self.faults(part, value, at):
                return faults
        for kind in ("oneOf", "anyOf"):
            if kind in schema:
                of_each = [self.faults(part, value, at) for part in schema[kind]]
                if all(of_each):
                    return min(of_each, key=len)
        if value is None:
            return []
        if "enum" in schema and value not in schema["enum"]:
            return [f"{at}: {value!r} is none of {schema['enum']}"]
        if not of_type(schema.get("type"), value):
            return [f"{at}: {value!r} is no {schema['type']}"]
        if schema.get("format") == "date-time" and not is_time(value):
            return [f"{at}: {value!r} is no time"]
        return self.faults_within(schema, value, at)

    def faults_within(self, schema, value, at):
        faults = []
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                faults += self.faults(schema["items"], item, f"{at}/{index}")
        if isinstance(value, dict):
            members = schema.get("properties", {})
            for name in schema.get("required", []):
                if name not in value:
                    faults.append(f"{at}/{name}: is missing")
            for name, member in value.items():
                if name in members:
                    faults += self.faults(members[name], member, f"{at}/{name}")
                elif schema.get("additionalProperties") is False:
                    faults.append(f"{at}/{name}: is not known")
        return faults


def plain(path):
    """A path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path).rstrip("/")


def of_type(kind, value):
    if kind in (None, "object", "array"):
        wanted = {None: object, "object": dict, "array": list}[kind]
    else:
        wanted = {"string": str, "boolean": bool, "integer": int, "number": (int, float)}[kind]
        if isinstance(value, bool) and kind != "boolean":
            return False
    return isinstance(value, wanted)


def is_time(text):
    try:
        datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return True


def known_difference(revision, fault):
    for part, until, reason in KNOWN:
        if re.search(part, fault) and (until is None or revision < until):
            return reason
    return None


def profile(name, **more):
    attributes = {
        "email": f"{name}.{RUN}@example.com",
        "first_name": "Ann",
        "location": {"city": "Bonn", "latitude": 50.7, "longitude": "7.1"},
        "properties": {"plan": "gold", "tags": ["a"]},
    }
    return {"type": "profile", "attributes": attributes, **more}


def conversation(revision):
    """Requests of every endpoint that the gateway shares with the original: method, template,
    path and document. Each is made from the answers before it."""
    answers = {}
    bulk = {"profiles": {"data": [profile(f"row.{revision}"), {"type": "profile",
            "attributes": {"email": "no address"}}]}}
    job = {"data": {"type": "profile-bulk-import-job", "attributes": bulk}}

    def ask(name, method, template, document=None, query="", only=None, **ids):
        """Asks, and keeps of the listed resources only those with these ids."""
        path = template.format(**ids) + query
        status, body = sent(method, path, revision, document)
        answer = answers[name] = json.loads(body) if body else None
        if only is not None and status == 200:
            answer["data"] = [one for one in answer["data"] if one["id"] in only]
        return method, template, path, status, answer

    person = {"data": profile(f"person.{revision}")}
    profiles, one = "/api/profiles", "/api/profiles/{id}"
    imports, imported = "/api/profile-bulk-import-jobs", "/api/profile-bulk-import-jobs/{id}"
    yield ask("made", "POST", profiles, person)
    id = answers["made"]["data"]["id"]
    yield ask("again", "POST", profiles, person)
    yield ask("other", "POST", profiles, {"data": profile(f"other.{revision}")})
    other = answers["other"]["data"]["id"]
    yield ask("one", "GET", one, id=id)
    additional = "?additional-fields[profile]=subscriptions,predictive_analytics"
    yield ask("more", "GET", one, query=additional, id=id)
    yield ask("none", "GET", one, id=UNKNOWN_ID)
    bare = {"type": "profile", "attributes": {"email": f"bare.{revision}.{RUN}@example.com"}}
    yield ask("without location", "POST", profiles, {"data": bare})
    emails = [f"{name}.{revision}.{RUN}@example.com" for name in ("person", "other", "bare")]
    own = "filter=any(email," + json.dumps(emails, separators=(",", ":")) + ")"
    yield ask("page", "GET", profiles, query=f"?{own}&page[size]=1")
    yield ask("pages", "GET", profiles, query=f"?{own}")
    yield ask("wrong", "GET", profiles, query="?filter=x")
    changes = {"type": "profile", "id": id, "attributes": {"title": "Dr"}}
    yield ask("changed", "PATCH", one, {"data": changes}, id=id)
    yield ask("imported", "POST", "/api/profile-import", {"data": profile(f"new.{revision}")})
    yield ask("updated", "POST", "/api/profile-import", {"data": profile(f"new.{revision}")})
    merge = {"type": "profile-merge", "id": id,
             "relationships": {"profiles": {"data": [{"type": "profile", "id": other}]}}}
    yield ask("merged", "POST", "/api/profile-merge", {"data": merge})
    yield ask("bulk", "POST", imports, job)
    bulk_id = answers["bulk"]["data"]["id"]
    yield ask("bulks", "GET", imports, only=[bulk_id])
    yield ask("bulk one", "GET", imported, id=bulk_id)
    for part in ("profiles", "relationships/profiles", "import-errors"):
        yield ask(part, "GET", f"{imported}/{part}", id=bulk_id)
    for part in ("accounts", "metrics", "lists", "events"):
        yield ask(part, "GET", f"/api/{part}")
    yield ask("account", "GET", "/api/accounts/{id}", id=COMPANY)
    yield from push_tokens(ask, answers, revision, id)
    erased = {"profile": {"data": {"type": "profile", "id": id, "attributes": {}}}}
    erasure = {"data": {"type": "data-privacy-deletion-job", "attributes": erased}}
    yield ask("erased", "POST", "/api/data-privacy-deletion-jobs", erasure)


def push_tokens(ask, answers, revision, id):
    """Requests about push tokens: one with all metadata, and one without any."""
    metadata = {
        "device_id": "b54d1d1b", "klaviyo_sdk": "swift", "sdk_version": "5.0.0",
        "device_model": "iPhone17,1", "os_name": "ios", "os_version": "26.0",
        "manufacturer": "Apple", "app_name": "Shop", "app_version": "2.1.0", "app_build": "210",
        "app_id": "com.example.shop", "environment": "release",
    }
    owner = {"data": {"type": "profile", "id": id, "attributes": {}}}
    tokens, one = "/api/push-tokens", "/api/push-tokens/{id}"
    for name, more in (("full", {"device_metadata": metadata}), ("bare", {})):
        attributes = {"token": f"{name}.{revision}.{RUN}", "platform": "ios", "vendor": "apns",
                      "enablement_status": "AUTHORIZED", "background": "AVAILABLE",
                      "profile": owner, **more}
        yield ask("token", "POST", tokens, {"data": {"type": "push-token", "attributes": attributes}})
    yield ask("tokens", "GET", tokens, query=f'?filter=equals(profile.id,"{id}")&include=profile')
    token = answers["tokens"]["data"][0]["id"]
    yield ask("token", "GET", one, id=token)
    yield ask("no token", "GET", one, id="0" * 32)
    for part in ("profile", "relationships/profile"):
        yield ask(part, "GET", f"{one}/{part}", id=token)
    for part in ("push-tokens", "relationships/push-tokens"):
        yield ask(part, "GET", f"/api/profiles/{{id}}/{part}", id=id)
    yield ask("with tokens", "GET", "/api/profiles/{id}", query="?include=push-tokens", id=id)
    yield ask("no token any more", "DELETE", one, id=token)


def main(directory):
    checked, wrong, known = 0, [], set()
    files = sorted(pathlib.Path(directory).glob("*.json"))
    documents = [Schemas(json.loads(file.read_text(encoding="utf-8"))) for file in files]
    if not documents:
        sys.exit(f"{directory} has no schemas")
    for schemas in sorted(documents, key=lambda one: one.revision):
        for method, template, path, status, answer in conversation(schemas.revision):
            schema = schemas.of_answer(method, template, status)
            if schema is None:
                continue
            checked += 1
            for fault in schemas.faults(schema, answer):
                reason = known_difference(schemas.revision, fault)
                if reason:
                    known.add(reason)
                else:
                    wrong.append(f"{schemas.revision} {method} {template} {status}{fault}")
    for fault in wrong:
        print(f"NOT ALLOWED: {fault}")
    for reason in sorted(known):
        print(f"known difference: {reason}")
    print(f"checked {checked} answers in {len(documents)} revisions, {len(wrong)} not allowed")
    sys.exit(1 if wrong else 0)


main(sys.argv[1])
