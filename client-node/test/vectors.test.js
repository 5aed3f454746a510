import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { bucket, decide } from '../src/evaluation.js';
import { checkRelease, isNewer } from '../src/release.js';
import { render } from '../src/rendering.js';
import { current, logFields, mark, run, winstonFormat } from '../src/stamp.js';

const VECTORS = JSON.parse(readFileSync(new URL('../../tests/vectors/bucketing.json', import.meta.url)));
const DOCUMENT = {
  variables: [{ name: 'text', required: true }, { name: 'tone', required: false, default: 'neutral' }],
  messages: [{ role: 'user', content: '{{tone}}: {{ text }} \\{{text}} {{x!}} $& {{text}}' }],
};

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

test('a template is replaced once', () => {
  assert.equal(render('p@1', DOCUMENT, { text: '{{tone}}', other: 1 })[0].content, 'neutral: {{tone}} {{text}} {{x!}} $& {{tone}}');
  assert.throws(() => render('p@1', DOCUMENT, { text: null }), { name: 'VariablesMissing', missing: ['text'] });
});

test('what is not rendered is refused', () => {
  const rich = { ...DOCUMENT, edition: 2, portable: true, messages: [{ role: 'user', template: '{{text}}' }] };
  assert.equal(render('p@1', rich, { text: 'x' })[0].content, 'x');
  for (const change of [{ portable: false }, { messages: [{ placeholder: 'history', optional: true }] }]) {
    assert.throws(() => render('p@1', { ...rich, ...change }, { text: 'x' }), { name: 'NotRenderable' });
  }
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
