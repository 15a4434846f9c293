// Whatever the public endpoints accept, the company's own programs can read back.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { domainToASCII } = require('node:url');
const {
  email,
  externalId,
  fromClientRaw,
  fromServerRaw,
  keys,
  profiles,
  url,
} = require('./gateway');

// The lines of a file. RUN stands for what is new each time.
function odd(file) {
  const lines = readFileSync(join(__dirname, '..', file), 'utf8').trim().split('\n');
  return lines.map((line) => line.replaceAll('RUN', externalId('odd')));
}

// An address as the gateway shows it.
function canonical(address) {
  const [mailbox, domain] = address.split('@');
  return `${mailbox.toLowerCase()}@${domainToASCII(domain)}`;
}

const sent = new Map(
  odd('oddities.jsonl').map((line) => {
    const { email: own } = JSON.parse(line);
    if (own) return [canonical(own), line];
    const address = email('odd');
    return [address, `{"email":"${address}",${line.slice(1)}`];
  }),
);
const filter = `any(email,${JSON.stringify([...sent.keys()])})`;

test.before(async () => {
  for (const attributes of sent.values()) {
    await fromClientRaw(`{"data":{"type":"profile","attributes":${attributes}}}`);
  }
});

const asked = async (path) => {
  const headers = { authorization: `Klaviyo-API-Key ${keys.full}`, revision: '2026-07-15' };
  const answer = await fetch(`${url}${path}`, { headers });
  return JSON.parse(await answer.text()).data;
};

// Of the attributes of an answer, those that were sent. A coordinate in a string is answered as a
// number, and a device is not shown.
function expected(text) {
  const { anonymous_id: device, location, email: address, ...others } = JSON.parse(text);
  const shown = { email: canonical(address), ...others };
  return location ? { ...shown, location: { latitude: Number(location.latitude) } } : shown;
}

test('a page of all that is accepted is read as it was sent', async () => {
  const data = await asked(`/api/profiles?page[size]=100&filter=${encodeURIComponent(filter)}`);
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
    const { properties, external_id: id } = JSON.parse(sent.get(attributes.email));
    if (properties) assert.deepEqual(attributes.properties, properties);
    if (id) assert.equal(attributes.externalId, id);
  }
});

test('odd identifiers find their profiles', async () => {
  for (const [address, text] of sent) {
    const { anonymous_id: device, external_id: id } = JSON.parse(text);
    for (const [name, value] of Object.entries({ anonymous_id: device, external_id: id })) {
      if (value === undefined) continue;
      const { body } = await profiles.getProfiles({ filter: `equals(${name},${JSON.stringify(value)})` });
      assert.deepEqual(body.data.map((one) => one.attributes.email), [address]);
    }
  }
});

test('a page of push tokens of odd devices is read as it was sent', async () => {
  const owner = email('odd');
  const devices = new Map(odd('odd-devices.jsonl').map((line) => [externalId('token'), line]));
  for (const [token, device] of devices) {
    const attributes = `{"token":"${token}","platform":"ios","vendor":"apns",
      "device_metadata":${device},
      "profile":{"data":{"type":"profile","attributes":{"email":"${owner}"}}}}`;
    await fromServerRaw('/api/push-tokens', `{"data":{"type":"push-token","attributes":${attributes}}}`);
  }
  const [{ id }] = await asked(`/api/profiles?filter=equals(email,"${owner}")`);
  const ofOwner = `equals(profile.id,"${id}")`;
  const check = (data, metadataOf) => {
    assert.equal(data.length, devices.size);
    for (const { attributes } of data) {
      const wanted = JSON.parse(devices.get(attributes.token));
      const read = metadataOf(attributes);
      for (const [name, value] of Object.entries(wanted)) assert.equal(read[name], value);
    }
  };
  const query = `page[size]=100&filter=${encodeURIComponent(ofOwner)}`;
  check(await asked(`/api/push-tokens?${query}`), (attributes) => attributes.metadata);
  const { body } = await profiles.getPushTokens({ filter: ofOwner, pageSize: 100 });
  const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  check(body.data, ({ metadata }) =>
    Object.fromEntries(Object.entries(metadata).map(([name, value]) => [snake(name), value])),
  );
});
