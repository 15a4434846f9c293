// Whatever the public endpoint accepts, the company's own programs can read back.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { email, fromClientRaw, keys, profiles, url } = require('./gateway');

const lines = readFileSync(join(__dirname, '..', 'oddities.jsonl'), 'utf8').trim().split('\n');
const sent = new Map(lines.map((line) => [email('odd'), line]));
const filter = `any(email,${JSON.stringify([...sent.keys()])})`;

test.before(async () => {
  for (const [address, attributes] of sent) {
    const all = `{"email":"${address}",${attributes.slice(1)}`;
    await fromClientRaw(`{"data":{"type":"profile","attributes":${all}}}`);
  }
});

// Of the attributes of an answer, those that were sent. A coordinate in a string is answered as a
// number.
function expected(text) {
  const { location, ...others } = JSON.parse(text);
  return location ? { location: { latitude: Number(location.latitude) } } : others;
}

test('a page of all that is accepted is read as it was sent', async () => {
  const query = `page[size]=100&filter=${encodeURIComponent(filter)}`;
  const headers = { authorization: `Klaviyo-API-Key ${keys.full}`, revision: '2026-07-15' };
  const answer = await fetch(`${url}/api/profiles?${query}`, { headers });
  const { data } = JSON.parse(await answer.text());
  assert.equal(data.length, sent.size);
  for (const { attributes } of data) {
    const wanted = expected(sent.get(attributes.email));
    const read = Object.fromEntries(Object.keys(wanted).map((name) => [name, attributes[name]]));
    if (wanted.location) read.location = { latitude: attributes.location.latitude };
    assert.deepEqual(read, wanted);
  }
});

test('the SDK reads such a page', async () => {
  const { body } = await profiles.getProfiles({ filter, pageSize: 100 });
  assert.equal(body.data.length, sent.size);
  for (const { attributes } of body.data) {
    const { properties } = JSON.parse(sent.get(attributes.email));
    if (properties) assert.deepEqual(attributes.properties, properties);
  }
});
