// Manual merges of two profiles.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { created, email, externalId, merge, phoneNumber, profiles, refused } = require('./gateway');

const UNKNOWN_ID = '01JNBDY0000000000000000000';

test('a merge is complete when it is answered, and the old id finds the survivor', async () => {
  const destination = await created({ email: email('kept'), firstName: 'Kept', properties: { a: 1 } });
  const phone = phoneNumber();
  const source = await created({ phoneNumber: phone, firstName: 'Gone', lastName: 'Added', properties: { a: 2, b: 3 } });
  const { response, body } = await merge(destination, source);
  assert.equal(response.status, 201);
  assert.deepEqual([body.data.type, body.data.id], ['profile', destination]);

  const { body: { data } } = await profiles.getProfile(source);
  assert.equal(data.id, destination);
  const { firstName, lastName, phoneNumber: held, properties } = data.attributes;
  assert.deepEqual([firstName, lastName, held, properties], ['Kept', 'Added', phone, { a: 1, b: 3 }]);
});

test('every id of a chain of merges finds the last survivor', async () => {
  const ids = [];
  for (const name of ['one', 'two', 'three']) ids.push(await created({ externalId: externalId(name) }));
  const [one, two, three] = ids;
  await merge(two, one);
  await merge(three, two);
  for (const id of ids) {
    const { body } = await profiles.getProfile(id);
    assert.equal(body.data.id, three);
  }
});

test('a profile that does not exist cannot be merged', async () => {
  const id = await created({ email: email('alone') });
  await refused(merge(id, UNKNOWN_ID), 404);
  await refused(merge(UNKNOWN_ID, id), 404);
});

test('a profile merged into itself stays as it is', async () => {
  const id = await created({ email: email('itself'), firstName: 'A' });
  const before = await profiles.getProfile(id);
  const { response } = await merge(id, id);
  assert.equal(response.status, 201);
  const after = await profiles.getProfile(id);
  assert.deepEqual(after.body, before.body);
});
