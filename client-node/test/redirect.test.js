import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { Client } from '../src/index.js';

test('a redirect is told as the url to use, and not followed with the token', async () => {
  const server = createServer((request, response) => {
    response.writeHead(301, { location: `https://prompts.example.org/team${request.url}` }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  const client = new Client({ url, token: 't', snapshotDir: mkdtempSync(join(tmpdir(), 'promptstage-')) });
  await assert.rejects(client.aget('p', { timeout: 10_000 }), /301; it points to https:\/\/prompts\.example\.org\/team: is/);
  client.close();
  server.close();
});
