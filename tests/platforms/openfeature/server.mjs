// An app that asks OpenFeature's provider for servers, and says what it got, as one line of JSON a question.
//
//     node server.mjs URL TOKEN < questions

import { createInterface } from 'node:readline';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';

const AT_ONCE = 8;
const [baseUrl, token] = process.argv.slice(2);
const headers = [['Authorization', `Bearer ${token}`]];
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
const client = OpenFeature.getClient();

async function answer({ kind = 'Object', key, context }) {
  const fallback = kind === 'Object' ? {} : 'default';
  return client[`get${kind}Details`](key, fallback, context);
}

const questions = [];
for await (const line of createInterface({ input: process.stdin })) questions.push(JSON.parse(line));
for (let first = 0; first < questions.length; first += AT_ONCE) {
  const found = await Promise.all(questions.slice(first, first + AT_ONCE).map(answer));
  for (const one of found) console.log(JSON.stringify(one));
}
