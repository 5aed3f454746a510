// Keep releases fresh: one stream for all names, and a question whenever that ends.

import { events, readJson, send } from './http.js';

const EDITION = 2;
const SILENCE_MS = 12_000; // a heartbeat comes every 5 s, so two may be lost
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000; // where no stream can be had, this is how often it asks
const NAMES_AT_ONCE = 1000; // the registry's bound

export class Follower {
  #place;
  #token;
  #names = new Map(); // each with the position that is held, or null
  #take;
  #note;
  #abort = null; // ends the stream, to open it with more names
  #closed = false;
  #running = false;
  #wake = () => {};

  /** `take` is called with each release; `note` with an Error, or null when the registry has answered. */
  constructor({ url, environment, token, take, note }) {
    this.#place = `${url}/v1/environments/${encodeURIComponent(environment)}`;
    this.#token = token;
    this.#take = take;
    this.#note = note;
  }

  /** Follow names, from the positions that are held. */
  follow(names) {
    const fresh = [...names].filter(([name]) => !this.#names.has(name));
    for (const [name, position] of fresh) this.#names.set(name, position);
    if (!fresh.length) return;
    if (!this.#running) {
      this.#running = true;
      setImmediate(() => this.#run()); // names of the same moment share the first stream
    } else this.#again();
  }

  /** Note the position of a release that was taken. */
  hold(release) {
    this.#names.set(release.prompt, `${release.epoch}.${release.seq}`);
  }

  /** End the stream, and ask no more. */
  close() {
    this.#closed = true;
    this.#again();
  }

  #again() {
    this.#abort?.abort();
    this.#wake();
  }

  async #run() {
    let pause = FIRST_PAUSE_MS;
    while (!this.#closed) {
      const asked = this.#names.size;
      const began = Date.now();
      try {
        await this.#stream();
      } catch (error) {
        if (!this.#closed && asked === this.#names.size) await this.#ask(error);
      }
      if (Date.now() - began > SILENCE_MS || asked !== this.#names.size) pause = FIRST_PAUSE_MS;
      if (!this.#closed && asked === this.#names.size) await this.#rest(pause * (0.5 + Math.random()));
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  #rest(ms) {
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, ms).unref();
    });
  }

  /** Read the stream until it ends. Throws if it cannot be had. */
  async #stream() {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const body = JSON.stringify({ names: Object.fromEntries(this.#names), edition: EDITION });
    const options = { token: this.#token, method: 'POST', body, signal, timeout: SILENCE_MS };
    const response = await send(`${this.#place}/stream`, options);
    if (response.statusCode !== 200) throw await refusal(response);
    for await (const [event, data] of events(response)) {
      if (event === 'release') this.#offer(data);
      else this.#note(null);
    }
  }

  #offer(data) {
    try {
      this.#take(JSON.parse(data));
    } catch (error) {
      this.#note(error); // the last good one stays
    }
  }

  /** Ask for the releases once, as a proxy may keep streams back. */
  async #ask(failed) {
    try {
      const names = [...this.#names.keys()];
      for (let first = 0; first < names.length; first += NAMES_AT_ONCE) {
        const some = names.slice(first, first + NAMES_AT_ONCE).map(encodeURIComponent).join(',');
        const url = `${this.#place}/releases?edition=${EDITION}&names=${some}`;
        const response = await send(url, { token: this.#token, timeout: SILENCE_MS });
        if (response.statusCode !== 200) throw await refusal(response);
        for (const release of (await readJson(response)).releases) this.#offer(JSON.stringify(release));
      }
      this.#note(null);
    } catch (error) {
      this.#note(error ?? failed);
    }
  }
}

async function refusal(response) {
  const problem = await readJson(response).catch(() => ({}));
  const moved = response.headers.location?.split('/v1/')[0]; // the token is not sent there
  const where = moved ? `; it points to ${moved}: is that the registry's url?` : '';
  return new Error(problem.detail ?? `the registry answers ${response.statusCode}${where}`);
}
