// Many profiles: filters, orders, pages.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { FilterBuilder } = require('klaviyo-api');
const {
  attributesOf, created, email, externalId, fromClient, phoneNumber, profiles, refused,
} = require('./gateway');

const SIZE = 3;
const ours = [];

test.before(async () => {
  for (const name of ['m', 'c', 'x', 'a+b', 'k', 'q', 'z']) {
    const attributes = { email: email(name), phoneNumber: phoneNumber(), externalId: externalId(`"${name}", é\\'`) };
    const id = await created(attributes);
    ours.push({ id, ...attributes, ...(await times(id)) });
  }
});

async function times(id) {
  const { created: birth, updated } = await attributesOf(id);
  return { birth, updated };
}

const idsOf = (answer) => answer.body.data.map(({ id }) => id);
const asked = async (filter, options) =>
  idsOf(await profiles.getProfiles({ filter, pageSize: 100, ...options })).sort();
const idsWhere = (holds) => ours.filter(holds).map(({ id }) => id).sort();
const equals = (field, value) => new FilterBuilder().equals(field, value).build();
const any = (field, values) => new FilterBuilder().any(field, values).build();

for (const [field, name] of [
  ['id', 'id'], ['email', 'email'], ['phone_number', 'phoneNumber'], ['external_id', 'externalId'],
]) {
  test(`equals(${field}) finds the profile that it names`, async () => {
    for (const one of [ours[0], ours[3]]) {
      assert.deepEqual(await asked(equals(field, one[name])), [one.id]);
    }
  });

  test(`any(${field}) finds all profiles that it names`, async () => {
    const some = [ours[1], ours[3], ours[5]];
    assert.deepEqual(await asked(any(field, some.map((one) => one[name]))), some.map(({ id }) => id).sort());
  });
}

test('equals(_kx) finds the profile of a token', async () => {
  // A page that names a device gets a token for it.
  const named = { email: ours[2].email, anonymous_id: `tab-${ours[2].id}` };
  const answer = await fromClient(named, { 'X-Klaviyo-Onsite': '1' });
  const { meta } = await answer.json();
  assert.deepEqual(await asked(equals('_kx', meta.exchange_id)), [ours[2].id]);
});

test('a filter that no profile matches finds none', async () => {
  assert.deepEqual(await asked(equals('email', email('stranger'))), []);
});

for (const [field, name] of [['created', 'birth'], ['updated', 'updated']]) {
  test(`${field} is bounded on both sides, exclusively`, async () => {
    for (const one of ours) Object.assign(one, await times(one.id));
    const [after, before] = [ours[1][name], ours[5][name]];
    const filter = new FilterBuilder().greaterThan(field, after).lessThan(field, before).build();
    const found = await asked(filter);
    const within = idsWhere((one) => one[name] > after && one[name] < before);
    assert.deepEqual(found.filter((id) => ours.some((one) => one.id === id)), within);
  });
}

test('conditions with a comma between them must all hold', async () => {
  const [first, last] = [ours[0], ours[6]];
  const both = [first.email, last.email];
  const bounded = new FilterBuilder().any('email', both).greaterThan('created', first.birth).build();
  assert.deepEqual(await asked(bounded), idsWhere((one) => both.includes(one.email) && one.birth > first.birth));
});

// All profiles, page by page. `cursor` makes the cursor from the link to a page. Only the cursor is
// passed on, as the SDK does.
async function walk(sort, cursor = (link) => link) {
  const found = [];
  let page = await profiles.getProfiles({ sort, pageSize: SIZE });
  while (true) {
    found.push(...page.body.data);
    assert(page.body.data.length <= SIZE);
    const link = page.body.links.next;
    if (!link) return found;
    page = await profiles.getProfiles({ pageCursor: cursor(link) });
  }
}

const bare = (link) => new URL(link).searchParams.get('page[cursor]');

function eachOnce(found) {
  const ids = found.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, 'a profile is on two pages');
  for (const { id } of ours) assert(ids.includes(id), 'a profile is on no page');
}

const keyOf = { id: ({ id }) => id };
for (const name of ['created', 'updated', 'email']) keyOf[name] = ({ attributes }) => attributes[name];

for (const field of ['id', 'created', 'updated', 'email']) {
  for (const sort of [field, `-${field}`]) {
    test(`pages sorted by ${sort} have every profile once, in order`, async () => {
      const found = await walk(sort);
      eachOnce(found);
      const keys = found.map(keyOf[field]).filter((key) => key != null);
      if (sort.startsWith('-')) keys.reverse();
      keys.reduce((a, b) => (assert(a <= b, `${a} before ${b}`), b));
    });
  }
}

test('a bare cursor gives the same page as its link', async () => {
  const byLinks = await walk('-created');
  const byCursors = await walk('-created', bare);
  eachOnce(byCursors);
  assert.deepEqual(byCursors.map(({ id }) => id), byLinks.map(({ id }) => id));
});

// The SDK takes the cursor from a link that begins with https, and sends one with http whole.
test('a link can be followed with either scheme', async () => {
  const first = await profiles.getProfiles({ sort: 'email', pageSize: SIZE });
  const { next } = first.body.links;
  const plain = await profiles.getProfiles({ pageCursor: next.replace(/^https?:/, 'http:') });
  const secure = await profiles.getProfiles({ pageCursor: next.replace(/^https?:/, 'https:') });
  assert.deepEqual(idsOf(plain), idsOf(secure));
  assert.notDeepEqual(idsOf(plain), idsOf(first));
});

test('a page has 20 profiles by default, and at most 100', async () => {
  const { body } = await profiles.getProfiles();
  assert(body.data.length <= 20);
  await profiles.getProfiles({ pageSize: 100 });
  for (const pageSize of [0, 101]) {
    const { code, source } = await refused(profiles.getProfiles({ pageSize }), 400);
    assert.deepEqual([code, source.parameter], ['invalid', 'page[size]']);
  }
});

test('a list has only the requested fields', async () => {
  const [one] = ours;
  const { response } = await profiles.getProfiles({ filter: equals('id', one.id), fieldsProfile: ['email'] });
  assert.deepEqual(response.data.data[0].attributes, { email: one.email });
});

for (const [what, options, parameter] of [
  ['a filter that is none', { filter: 'equals(email' }, 'filter'],
  ['a field that cannot be filtered', { filter: 'equals(first_name,"A")' }, 'filter'],
  ['an order there is not', { sort: 'first_name' }, 'sort'],
  ['a cursor that was never given out', { pageCursor: 'made-up' }, 'page[cursor]'],
]) {
  test(`${what} is refused by name`, async () => {
    const { code, source } = await refused(profiles.getProfiles(options), 400);
    assert.deepEqual([code, source.parameter], ['invalid', parameter]);
  });
}
