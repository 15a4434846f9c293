// The gateway under test, called by the official SDK. Only the base URL of the SDK is changed.
'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const {
  ApiKeySession,
  DataPrivacyApi,
  ProfilesApi,
  RetryWithExponentialBackoff,
} = require('klaviyo-api');

const url = demanded('COMPAT_URL');
const company = demanded('COMPAT_COMPANY');
const keys = {
  full: demanded('COMPAT_KEY'),
  readOnly: demanded('COMPAT_READ_KEY'),
  unknown: demanded('COMPAT_UNKNOWN_KEY'),
};

function demanded(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; compat/README.md says to what`);
  return value;
}

function at(api) {
  api.basePath = url;
  return api;
}

const profilesWith = (key) => at(new ProfilesApi(new ApiKeySession(key)));
const profiles = profilesWith(keys.full);
const privacy = at(new DataPrivacyApi(new ApiKeySession(keys.full)));

// A client that does not retry after 429.
const privacyWithoutRetry = at(
  new DataPrivacyApi(
    new ApiKeySession(keys.full, new RetryWithExponentialBackoff({ numRetries: 1 })),
  ),
);

// New identifiers each time, so that the suite can run again on the same data.
const run = randomBytes(5).toString('hex');
let made = 0;
const email = (name) => `${name}.${run}.${(made += 1)}@example.com`;
const externalId = (name) => `${name}-${run}-${(made += 1)}`;
const phoneNumber = () => `+1${randomBytes(6).readUIntBE(0, 6) % 9_000_000_000 + 1_000_000_000}`;

const profile = (attributes, more = {}) => ({ data: { type: 'profile', attributes, ...more } });

// Creates a profile and returns its id.
async function created(attributes) {
  const { body } = await profiles.createProfile(profile(attributes));
  return body.data.id;
}

async function attributesOf(id) {
  const { body } = await profiles.getProfile(id);
  return body.data.attributes;
}

const merge = (destination, source) =>
  profiles.mergeProfiles({
    data: {
      type: 'profile-merge',
      id: destination,
      relationships: { profiles: { data: [{ type: 'profile', id: source }] } },
    },
  });

const deletion = (data) => ({
  data: {
    type: 'data-privacy-deletion-job',
    attributes: { profile: { data: { type: 'profile', ...data } } },
  },
});

// The first error of a refused call, which must be complete.
async function refused(asked, status) {
  const error = await asked.then(
    ({ response }) => assert.fail(`answered ${response.status}, not ${status}`),
    (thrown) => thrown,
  );
  assert.equal(error.response?.status, status, String(error.stack));
  const { errors } = error.response.data;
  for (const one of errors) {
    assert.deepEqual(
      Object.keys(one),
      ['id', 'status', 'code', 'title', 'detail', 'source', 'links', 'meta'],
    );
    assert.equal(one.status, status);
    assert.equal(typeof one.source.pointer, 'string');
  }
  return { ...errors[0], headers: error.response.headers };
}

// A browser's request, which no method of the SDK sends.
const fromClient = (attributes, headers) =>
  fromClientRaw(JSON.stringify(profile(attributes)), headers);

// The same, with this text as its body.
async function fromClientRaw(body, headers = {}) {
  const response = await fetch(`${url}/client/profiles?company_id=${company}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', revision: '2026-07-15', ...headers },
    body,
  });
  assert.equal(response.status, 202);
  return response;
}

// A server's request, with this text as its body.
async function fromServerRaw(path, body) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Klaviyo-API-Key ${keys.full}`,
      'content-type': 'application/json',
      revision: '2026-07-15',
    },
    body,
  });
  assert.equal(response.status, 202);
}

module.exports = {
  attributesOf,
  created,
  deletion,
  email,
  externalId,
  fromClient,
  fromClientRaw,
  fromServerRaw,
  privacyWithoutRetry,
  keys,
  url,
  merge,
  phoneNumber,
  privacy,
  profile,
  profiles,
  profilesWith,
  refused,
};
