// The errors that the SDK throws when the gateway refuses a call.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const {
  created, email, externalId, keys, phoneNumber, profile, profiles, profilesWith, refused,
} = require('./gateway');

test('a request without a key is refused', async () => {
  const { code } = await refused(profilesWith('').getProfiles(), 401);
  assert.equal(code, 'not_authenticated');
});

test('an unknown key is refused', async () => {
  const { code } = await refused(profilesWith(keys.unknown).getProfiles(), 401);
  assert.equal(code, 'authentication_failed');
});

test('a key permits exactly what its scopes name', async () => {
  const reader = profilesWith(keys.readOnly);
  const { response } = await reader.getProfiles({ pageSize: 1 });
  assert.equal(response.status, 200);
  const { code } = await refused(reader.createProfile(profile({ email: email('unscoped') })), 403);
  assert.equal(code, 'permission_denied');
});

test('a profile that does not exist is not found', async () => {
  const id = '01JNBDY0000000000000000000';
  const { code } = await refused(profiles.getProfile(id), 404);
  assert.equal(code, 'not_found');
  await refused(profiles.updateProfile(id, profile({ title: 'T' }, { id })), 404);
});

async function duplicate(asked, id) {
  const error = await refused(asked, 409);
  assert.deepEqual(
    [error.code, error.detail, error.meta.duplicate_profile_id],
    ['duplicate_profile', 'A profile already exists with one of these identifiers.', id],
  );
}

test('create refuses an identifier that is taken, and names the profile', async () => {
  const taken = { email: email('taken'), phoneNumber: phoneNumber(), externalId: externalId('taken') };
  const id = await created(taken);
  for (const [name, value] of Object.entries(taken)) {
    await duplicate(profiles.createProfile(profile({ [name]: value })), id);
  }
});

test('create or update refuses to merge two profiles', async () => {
  const [address, phone] = [email('a'), phoneNumber()];
  const a = await created({ externalId: externalId('a'), email: address });
  const b = await created({ externalId: externalId('b'), phoneNumber: phone });
  await duplicate(
    profiles.createOrUpdateProfile(profile({ email: address, phoneNumber: phone, firstName: 'Neither' })),
    b,
  );
  for (const id of [a, b]) {
    const { body } = await profiles.getProfile(id);
    assert.equal(body.data.attributes.firstName ?? null, null);
  }
});

for (const [what, attributes, pointer, detail] of [
  ['an address', { email: 'no address' }, '/data/attributes/email', 'Invalid email address'],
  [
    'a phone number', { phoneNumber: '555' }, '/data/attributes/phone_number',
    'Invalid phone number format (Example of a valid format: +12345678901)',
  ],
]) {
  test(`${what} that is invalid is refused with its pointer`, async () => {
    for (const send of ['createProfile', 'createOrUpdateProfile']) {
      const error = await refused(profiles[send](profile(attributes)), 400);
      assert.deepEqual(
        [error.code, error.title, error.detail, error.source.pointer],
        ['invalid', 'Invalid input.', detail, pointer],
      );
    }
  });
}
