import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { bucket, decide } from '../src/evaluation.js';
import { Prompt } from '../src/prompt.js';
import { checkRelease, isNewer } from '../src/release.js';
import { render } from '../src/rendering.js';
import { current, logFields, mark, run, winstonFormat } from '../src/stamp.js';

const [VECTORS, RENDERED] = ['bucketing', 'rendering'].map((name) =>
  JSON.parse(readFileSync(new URL(`../../tests/vectors/${name}.json`, import.meta.url))),
);
const DOCUMENT = { variables: [], messages: [{ role: 'user', content: '{{text}}' }] };

function release(percent, salt) {
  const size = Math.round(percent * 1000);
  const measured = Math.min(size, 100_000 - size);
  const slots = [
    { arm: 'canary', version: '1.1.0', start: 0, size },
    { arm: 'control', version: '1.0.0', start: 100_000 - measured, size: measured },
  ];
  return {
    environment: 'production', prompt: 'p', epoch: 1, seq: 1,
    targets: [{ when: [{ attribute: 'tenant', in: ['acme', '7', 'true'] }], version: '1.1.0', arm: 'canary' }],
    split: { rollout: 'r-1', algo: 'v1', salt, slots },
    default: { version: '1.0.0', arm: 'stable' },
    versions: { '1.0.0': { document: DOCUMENT }, '1.1.0': { document: DOCUMENT } },
  };
}

test('buckets and arms are those of the shared vectors', () => {
  assert.ok(VECTORS.length > 100);
  for (const vector of VECTORS) {
    assert.equal(bucket(vector.salt, vector.key), vector.bucket);
    for (const [percent, arm] of Object.entries(vector.arms)) {
      assert.equal(decide(release(Number(percent), vector.salt), vector.key).arm, arm);
    }
  }
});

test('an audience is compared as text', () => {
  const reason = (tenant) => decide(release(0, 's'), 'k', { tenant }).reason;
  for (const tenant of ['acme', 7, 7n, true, ['x', 'acme'], new Set([7])]) assert.equal(reason(tenant), 'TARGETING_MATCH');
  for (const tenant of [null, undefined, 'Acme', {}, [], 'constructor']) assert.equal(reason(tenant), 'SPLIT');
});

test('what cannot be decided is refused', () => {
  assert.ok(checkRelease(release(1, 's')));
  for (const change of [
    { epoch: '1' }, { split: { algo: 'v2', slots: [] } }, { default: { version: '9.0.0', arm: 'stable' } }, { versions: {} },
    { versions: { '1.0.0': { document: { edition: 3 } }, '1.1.0': { document: DOCUMENT } } },
  ]) {
    assert.throws(() => checkRelease({ ...release(1, 's'), ...change }));
  }
});

test('a journal of the future gives way to one of the present', () => {
  const now = Math.floor(Date.now() / 1000);
  const at = (epoch, seq = 1) => ({ epoch, seq });
  assert.ok(isNewer(at(now, 2), at(now, 1)) && isNewer(at(now), at(now - 1, 9)));
  assert.ok(isNewer(at(now), at(now + 1_000_000)) && !isNewer(at(now + 1_000_000), at(now)));
});

test('texts are those of the shared vectors', () => {
  assert.ok(RENDERED.length > 200);
  for (const { what, document, given, messages, ...expected } of RENDERED) {
    if (messages) assert.deepEqual(render('a', document, given), messages, what);
    else assert.throws(() => render('a', document, given), (error) => fails(error, expected), what);
  }
});

function fails({ name, missing, place }, expected) {
  assert.deepEqual({ error: name, ...(missing && { missing, place }) }, expected);
  return true;
}

test('values of the language are written, or refused', () => {
  const text = (document, v) => render('p@1', document, { v })[0].content;
  const mustache = mustacheOf('{{v}}{{#v}}{{/v}}');
  const plain = { variables: [], messages: [{ role: 'user', content: '{{v}}' }] };
  assert.equal(text(mustache, new Map([['a', new Set([1n, undefined])]])), '{"a":[1,null]}');
  assert.equal(text(mustache, { a: undefined, b: new URL('http://a/') }), '{"b":"http://a/"}');
  for (const document of [mustache, plain]) {
    assert.equal(text(document, 12345678901234567890n), '12345678901234567890');
    assert.equal(text(document, new URL('http://a/')), 'http://a/');
    assert.equal(text(document, NaN), 'nan');
    for (const value of [new (class A {})(), () => 'x', Symbol('x')]) assert.throws(() => text(document, value), TypeError);
  }
  for (const value of [[1], { a: 1 }, new Map()]) assert.throws(() => text(plain, value), /v of p@1 cannot be written as text/);
  const ring = [];
  ring.push(ring);
  assert.throws(() => text(mustache, ring), { name: 'PromptTooLarge' });
  let deep = [];
  for (let i = 0; i < 20_000; i += 1) deep = [deep];
  assert.throws(() => text(mustache, deep), /v of p@1 cannot be written as text/);
  assert.throws(() => render('p@1', mustacheOf('{{#v}}{{secret}}{{/v}}'), { v: new (class { secret = 1; })() }), { place: 'v' });
});

function mustacheOf(template) {
  return { edition: 2, language: 'mustache', variables: [], messages: [{ role: 'user', template }] };
}

test('what cannot be rendered is refused with its release', () => {
  const message = (content) => ({ ...mustacheOf('x'), messages: [content] });
  for (const document of [
    mustacheOf('{{#a}}'), mustacheOf('{{> shared/style.md}}'), mustacheOf(7), { ...mustacheOf('x'), language: 'jinja' },
    message({ role: 'user', content: 'x' }), message({ role: 'user', template: ['x'] }), message({ template: 'x' }),
    message({ placeholder: 1 }), message(null), {}, { ...mustacheOf('x'), variables: undefined },
  ]) {
    const sent = { ...release(1, 's'), versions: { '1.0.0': { document }, '1.1.0': { document } } };
    assert.throws(() => checkRelease(sent), /^Error: p@1.0.0 cannot be rendered here: /);
  }
});

test('a request has what OpenAI takes', () => {
  const document = {
    ...mustacheOf('{{v}}'), model: 'openai/gpt-5', parameters: { maxTokens: 7, topP: 1, stop: ['x'], seed: null },
    response_format: 'json_schema', json_schema: { type: 'object' }, tools: [{ type: 'function' }], tool_choice: 'auto',
  };
  const prompt = Prompt.of({ prompt: 'a/b', versions: { 1: { document } } }, { version: '1' }, 'live');
  assert.deepEqual(prompt.openai({ v: 'x' }), {
    max_completion_tokens: 7, top_p: 1, stop: ['x'], model: 'gpt-5', messages: [{ role: 'user', content: 'x' }],
    response_format: { type: 'json_schema', json_schema: { name: 'a_b', schema: { type: 'object' } } },
    tools: [{ type: 'function' }], tool_choice: 'auto',
  });
  prompt.openai({ v: 'x' }).tools.push('mine');
  assert.equal(prompt.tools.length, 1);
  assert.deepEqual(Prompt.fallback('a', 'Hi').openai(), { messages: [{ role: 'user', content: 'Hi' }] });
});

test('log lines name the prompt of their context', async () => {
  const prompt = { name: 'p', version: '1.0.0', arm: 'canary', toString: () => 'p@1.0.0' };
  await Promise.all([
    run(async () => {
      mark(prompt);
      await new Promise(setImmediate);
      assert.deepEqual(logFields(), { prompt: 'p@1.0.0', prompt_name: 'p', prompt_version: '1.0.0', prompt_arm: 'canary' });
      assert.equal(winstonFormat().transform({ message: 'x', prompt: 'mine' }).prompt, 'mine');
    }),
    run(async () => {
      await new Promise(setImmediate);
      assert.deepEqual([current(), logFields()], [null, {}]);
    }),
  ]);
});
