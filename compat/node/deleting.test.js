// Erasure, and the rate limit that is low enough to be exceeded here.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const {
  created, deletion, email, externalId, privacyWithoutRetry, merge, phoneNumber, privacy, profiles, refused,
} = require('./gateway');

const gone = (id) => refused(profiles.getProfile(id), 404);

test('a profile is erased by id, by address, or by phone number', async () => {
  const [address, phone] = [email('erased'), phoneNumber()];
  const ids = [
    await created({ externalId: externalId('erased') }),
    await created({ email: address }),
    await created({ phoneNumber: phone }),
  ];
  const wanted = [
    { id: ids[0], attributes: {} },
    { attributes: { email: address } },
    { attributes: { phoneNumber: phone } },
  ];
  for (const data of wanted) {
    const { response } = await privacy.requestProfileDeletion(deletion(data));
    assert.equal(response.status, 202);
  }
  for (const id of ids) await gone(id);
  const { body } = await profiles.getProfiles({ filter: `equals(email,"${address}")` });
  assert.deepEqual(body.data, []);
});

test('a merged profile is erased with its survivor', async () => {
  const destination = await created({ email: email('survivor') });
  const source = await created({ phoneNumber: phoneNumber() });
  await merge(destination, source);
  await privacy.requestProfileDeletion(deletion({ id: destination, attributes: {} }));
  await gone(destination);
  await gone(source);
});

test('the address of an erased profile creates a new profile', async () => {
  const address = email('anew');
  const old = await created({ email: address, firstName: 'Old' });
  await privacy.requestProfileDeletion(deletion({ attributes: { email: address } }));
  const { response, body } = await profiles.createOrUpdateProfile({
    data: { type: 'profile', attributes: { email: address } },
  });
  assert.equal(response.status, 201);
  assert.notEqual(body.data.id, old);
  assert.equal(body.data.attributes.firstName ?? null, null);
});

test('two identifiers at once are refused', async () => {
  const data = { attributes: { email: email('two'), phoneNumber: phoneNumber() } };
  await refused(privacy.requestProfileDeletion(deletion(data)), 400);
});

test('a request over the rate limit is told when to retry', async () => {
  const asked = await Promise.allSettled(
    Array.from({ length: 8 }, () =>
      privacyWithoutRetry.requestProfileDeletion(deletion({ attributes: { email: email('stranger') } }))),
  );
  const throttled = asked.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
  assert(throttled.length > 0, 'more than 3 a second were let through');
  const { code, headers } = await refused(Promise.reject(throttled[0]), 429);
  assert.equal(code, 'throttled');
  assert.match(headers['retry-after'], /^[1-9]\d*$/);
  assert.equal(headers['ratelimit-limit'], undefined);
});

test('the SDK waits as long as `Retry-After` says, and succeeds', async () => {
  const addresses = Array.from({ length: 5 }, () => email('patient'));
  const ids = await Promise.all(addresses.map((address) => created({ email: address })));
  const began = Date.now();
  const asked = await Promise.all(
    addresses.map((address) => privacy.requestProfileDeletion(deletion({ attributes: { email: address } }))),
  );
  assert(asked.every(({ response }) => response.status === 202));
  assert(Date.now() - began >= 1000, 'five in less than a second, where three are allowed');
  for (const id of ids) await gone(id);
});
