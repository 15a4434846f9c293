// Many profiles in one request.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { attributesOf, created, email, externalId, profiles, refused } = require('./gateway');

const job = (rows) => ({
  data: {
    type: 'profile-bulk-import-job',
    attributes: { profiles: { data: rows.map((attributes) => ({ type: 'profile', attributes })) } },
  },
});

const importing = (rows) => profiles.bulkImportProfiles(job(rows));

test('the valid rows are imported, and the invalid one is reported', async () => {
  const known = await created({ externalId: externalId('known'), firstName: 'Old' });
  const { externalId: held } = await attributesOf(known);
  const rows = [
    { email: email('new'), properties: { fooBar: 1 } },
    { email: 'no address', firstName: 'Bad' },
    { externalId: held, firstName: 'New' },
  ];
  const { response, body } = await importing(rows);
  assert.equal(response.status, 202);
  const { id, attributes } = body.data;
  const { status, totalCount, completedCount, failedCount, createdAt } = attributes;
  assert.deepEqual([status, totalCount, completedCount, failedCount], ['complete', 3, 2, 1]);
  assert(createdAt instanceof Date && !Number.isNaN(createdAt.getTime()));

  const read = await profiles.getBulkImportProfilesJob(id);
  assert.deepEqual(read.body.data.attributes, attributes);

  const imported = await profiles.getProfilesForBulkImportProfilesJob(id);
  assert.equal(imported.body.data.length, 2);
  assert.equal(imported.body.data.find((one) => one.id === known).attributes.firstName, 'New');
  const fresh = imported.body.data.find((one) => one.id !== known);
  assert.deepEqual([fresh.attributes.email, fresh.attributes.properties], [rows[0].email, { fooBar: 1 }]);

  const told = await profiles.getErrorsForBulkImportProfilesJob(id);
  assert.equal(told.body.data.length, 1);
  const [{ attributes: fault }] = told.body.data;
  assert.deepEqual([fault.code, fault.title, fault.detail], ['invalid', 'Invalid input.', 'Invalid email address']);
  assert.equal(fault.source.pointer, '/data/attributes/profiles/data/1/attributes/email');
});

test('jobs are listed newest first, page by page', async () => {
  const ids = [];
  for (const name of ['one', 'two', 'three']) {
    const { body } = await importing([{ email: email(name) }]);
    ids.unshift(body.data.id);
  }
  const found = [];
  let pageCursor;
  while (true) {
    const { body } = await profiles.getBulkImportProfilesJobs({ sort: '-created_at', pageSize: 2, pageCursor });
    found.push(...body.data.map(({ id }) => id));
    if (found.length >= ids.length || !body.links.next) break;
    pageCursor = body.links.next;
  }
  assert.deepEqual(found.slice(0, ids.length), ids);
});

test('jobs are filtered by their status', async () => {
  const { body } = await importing([{ email: email('complete') }]);
  const complete = await profiles.getBulkImportProfilesJobs({ filter: 'equals(status,"complete")', sort: '-created_at' });
  assert.equal(complete.body.data[0].id, body.data.id);
  const queued = await profiles.getBulkImportProfilesJobs({ filter: 'any(status,["queued","processing"])' });
  assert.deepEqual(queued.body.data, []);
});

test('the profiles of a job are listed page by page', async () => {
  const { body } = await importing(['a', 'b', 'c'].map((name) => ({ email: email(name) })));
  const first = await profiles.getProfilesForBulkImportProfilesJob(body.data.id, { pageSize: 2 });
  const rest = await profiles.getProfilesForBulkImportProfilesJob(body.data.id, {
    pageSize: 2, pageCursor: first.body.links.next,
  });
  assert.deepEqual([first.body.data.length, rest.body.data.length], [2, 1]);
  const ids = [...first.body.data, ...rest.body.data].map(({ id }) => id);
  assert.equal(new Set(ids).size, 3);
});

test('a job that does not exist is not found', async () => {
  await refused(profiles.getBulkImportProfilesJob('01JNBDY0000000000000000000'), 404);
});
