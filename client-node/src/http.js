// Requests to the registry. Their sockets do not keep a process alive that has nothing else to do.

import http from 'node:http';
import https from 'node:https';

const MAX_BYTES = 64 << 20; // of an answer: thousands of releases

/** Send a request; resolves with the response once its headers are here. */
export function send(url, { token, method = 'GET', body, signal, timeout }) {
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
  const { request } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, signal, timeout, agent: false });
    sent.on('socket', (socket) => socket.unref());
    sent.on('timeout', () => sent.destroy(new Error(`no word from the registry for ${timeout} ms`)));
    sent.on('error', reject);
    sent.on('response', resolve);
    sent.end(body);
  });
}

/** Read a whole answer as JSON. */
export async function readJson(response) {
  const chunks = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/** Yield `[event, data]` of a stream of server-sent events. */
export async function* events(response) {
  let left = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    const whole = (left + chunk).split('\n\n');
    left = whole.pop();
    if (left.length > MAX_BYTES) throw new Error('the event is too long');
    for (const event of whole) {
      const fields = new Map(event.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
      yield [fields.get('event'), fields.get('data')];
    }
  }
}
