// An app that a test drives: a line of JSON in, a line out.
//
//     node node_app.mjs URL TOKEN ENVIRONMENT SNAPSHOTS

import { createInterface } from 'node:readline';

import { Client, logFields, run } from '../../client-node/src/index.js';

const [url, token, environment, snapshotDir] = process.argv.slice(2);
const client = new Client({ url, token, environment, snapshotDir, prompts: ['summarize'] });

function shown(prompt) {
  const { name, version, arm, reason, rollout, bucket, source, number, digest } = prompt;
  return { name, version, arm, reason, rollout, bucket, source, number, digest };
}

const acts = {
  ready: (timeout) => client.ready(timeout),
  get: (name, options) => shown(client.get(name, options)),
  aget: async (name, options) => shown(await client.aget(name, options)),
  arms: (name, keys) => keys.map((key) => client.get(name, { key }).arm),
  text: (name, variables) => client.get(name).text(variables),
  openai: (name, variables) => client.get(name).openai(variables),
  log: (name) => run(() => (client.get(name), logFields())),
  status: () => client.status(),
  nanoseconds(name, times) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < times; i += 1) client.get(name, { key: `user-${i}` });
    return Number(process.hrtime.bigint() - began) / times;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [act, ...args] = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: await acts[act](...args) }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.name, message: error.message }));
  }
}
client.close();
