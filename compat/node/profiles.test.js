// One profile: create, get, update, create or update.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const {
  attributesOf, created, email, externalId, fromClient, phoneNumber, profile, profiles,
} = require('./gateway');

const patch = (id, attributes, meta) =>
  profiles.updateProfile(id, profile(attributes, { id, ...(meta && { meta }) }));

test('a created profile is returned, at once and when it is read', async () => {
  const sent = {
    email: email('whole'),
    phoneNumber: phoneNumber(),
    externalId: externalId('whole'),
    firstName: 'Sarah',
    lastName: 'Mason',
    organization: 'Example',
    locale: 'en-US',
    title: 'Engineer',
    image: 'https://example.com/sarah.png',
    location: {
      address1: '89 E 42nd St', address2: '1st floor', city: 'New York', country: 'United States',
      region: 'NY', zip: '10017', timezone: 'America/New_York', ip: '203.0.113.7',
      latitude: 40.7527, longitude: -73.9772,
    },
    properties: { pets: ['cat', 'dog'], favouriteColour: 'blue', nested: { aB: [1, 2.5, null] } },
  };
  const { response, body } = await profiles.createProfile(profile(sent));
  assert.equal(response.status, 201);
  const read = await profiles.getProfile(body.data.id);
  assert.equal(read.response.status, 200);
  for (const { data } of [body, read.body]) {
    assert.equal(data.type, 'profile');
    assert.match(data.links.self, new RegExp(`/api/profiles/${data.id}/?$`));
    for (const [name, value] of Object.entries(sent)) {
      assert.deepEqual({ ...data.attributes[name] }, { ...value }, name);
    }
    assert(Math.abs(data.attributes.created - Date.now()) < 60_000);
    assert(data.attributes.updated >= data.attributes.created);
  }
});

test('an update changes what it names and leaves the rest', async () => {
  const id = await created({ email: email('patched'), firstName: 'A', lastName: 'B', properties: { a: 1, b: 2 } });
  const { response, body } = await patch(id, { firstName: 'C', properties: { b: 3 } });
  assert.equal(response.status, 200);
  assert.equal(body.data.id, id);
  const { firstName, lastName, properties } = await attributesOf(id);
  assert.deepEqual([firstName, lastName, properties], ['C', 'B', { a: 1, b: 3 }]);
});

test('null clears an attribute, a part of the location, and an identifier', async () => {
  const id = await created({
    email: email('cleared'), phoneNumber: phoneNumber(), title: 'T', location: { city: 'Oslo', zip: '0150' },
  });
  await patch(id, { title: null, phoneNumber: null, location: { city: null } });
  const { title, phoneNumber: phone, location } = await attributesOf(id);
  assert.deepEqual([title ?? null, phone ?? null, location.city ?? null, location.zip], [null, null, null, '0150']);
});

test('values are appended to properties and removed again', async () => {
  const id = await created({ email: email('listed'), properties: { sizes: ['S', 'M'], one: 'a' } });
  await patch(id, {}, { patchProperties: { append: { sizes: 'L', one: ['b', 'c'] }, unappend: { sizes: ['S'] } } });
  const { properties } = await attributesOf(id);
  assert.deepEqual(properties, { sizes: ['M', 'L'], one: ['a', 'b', 'c'] });
});

// The serializer of 23.0.0 throws on `patchProperties.unset`, so users have to write this.
test('a property is unset by name', async () => {
  const id = await created({ email: email('unset'), properties: { a: 1, b: 2, c: 3 } });
  await patch(id, { properties: { $unset: ['a', 'b'] } });
  const { properties } = await attributesOf(id);
  assert.deepEqual(properties, { c: 3 });
});

test('create or update says 201 once, and 200 from then on', async () => {
  const address = email('upserted');
  const first = await profiles.createOrUpdateProfile(profile({ email: address, firstName: 'A' }));
  const second = await profiles.createOrUpdateProfile(profile({ email: address, lastName: 'B' }));
  assert.deepEqual([first.response.status, second.response.status], [201, 200]);
  assert.equal(second.body.data.id, first.body.data.id);
  const { firstName, lastName } = second.body.data.attributes;
  assert.deepEqual([firstName, lastName], ['A', 'B']);
});

test('create or update by phone number replaces the address', async () => {
  const phone = phoneNumber();
  const id = await created({ email: email('before'), phoneNumber: phone });
  const address = email('after');
  const { response, body } = await profiles.createOrUpdateProfile(profile({ email: address, phoneNumber: phone }));
  assert.equal(response.status, 200);
  assert.deepEqual([body.data.id, body.data.attributes.email], [id, address]);
});

test('create or update by id replaces address and phone number', async () => {
  const id = await created({ email: email('before'), phoneNumber: phoneNumber() });
  const changed = { email: email('after'), phoneNumber: phoneNumber() };
  const { response } = await profiles.createOrUpdateProfile(profile(changed, { id }));
  assert.equal(response.status, 200);
  const { email: address, phoneNumber: phone } = await attributesOf(id);
  assert.deepEqual({ email: address, phoneNumber: phone }, changed);
});

test('only the requested fields are returned', async () => {
  const address = email('sparse');
  const id = await created({ email: address, firstName: 'A', location: { city: 'Oslo', zip: '0150' } });
  const { response } = await profiles.getProfile(id, { fieldsProfile: ['email', 'location.city'] });
  assert.deepEqual(response.data.data.attributes, { email: address, location: { city: 'Oslo' } });
});

test('additional fields can be requested', async () => {
  const id = await created({ email: email('additional') });
  const { response } = await profiles.getProfile(id, { additionalFieldsProfile: ['subscriptions', 'predictive_analytics'] });
  assert.equal(response.status, 200);
});

test('a profile that a client sends can be read at once', async () => {
  const address = email('client');
  await fromClient({ email: address, first_name: 'Sarah', properties: { seen: true } });
  const { body } = await profiles.getProfiles({ filter: `equals(email,"${address}")` });
  assert.equal(body.data.length, 1);
  const [{ attributes }] = body.data;
  assert.deepEqual([attributes.firstName, attributes.properties], ['Sarah', { seen: true }]);
});

test('an answer has the rest of the rate limit', async () => {
  const { response } = await profiles.getProfiles({ pageSize: 1 });
  assert.equal(response.headers['ratelimit-limit'], '750');
  assert.match(response.headers['ratelimit-remaining'], /^\d+$/);
  assert.match(response.headers['ratelimit-reset'], /^\d+$/);
});
