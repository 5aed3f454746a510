// Prompts of one environment: decided in this process, from releases that a stream keeps fresh.

import { randomBytes } from 'node:crypto';

import { PromptUnavailable } from './errors.js';
import { decide } from './evaluation.js';
import { Follower } from './follower.js';
import { Prompt } from './prompt.js';
import { checkRelease, isNewer } from './release.js';
import { Snapshot } from './snapshot.js';
import { mark } from './stamp.js';

const COLD_MS = 2000; // that `aget` waits for a name that nothing is known of
const STEP_MS = 5;

/** Return what is given or set, without the line break that a file of secrets ends with; else the default. */
const setting = (given, set, otherwise) => (given || set || '').trim() || otherwise;

export class Client {
  #held = new Map(); // by name: { release, source }
  #asked = new Set();
  #answered = false; // whether the registry has confirmed what it has of all names
  #problem = null;
  #randomKeys = 0;
  #snapshot;
  #follower;

  constructor({ url, token, environment, prompts = [], snapshotDir } = {}) {
    const { PROMPTSTAGE_URL, PROMPTSTAGE_TOKEN, PROMPTSTAGE_ENVIRONMENT, PROMPTSTAGE_SNAPSHOT_DIR } = process.env;
    const place = setting(url, PROMPTSTAGE_URL, 'http://127.0.0.1:8000').replace(/\/+$/, '');
    const where = setting(environment, PROMPTSTAGE_ENVIRONMENT, 'production');
    this.#snapshot = new Snapshot(snapshotDir ?? PROMPTSTAGE_SNAPSHOT_DIR, place, where);
    this.#follower = new Follower({
      url: place,
      environment: where,
      token: setting(token, PROMPTSTAGE_TOKEN, ''),
      take: (release) => this.#take(release),
      note: (error) => this.#note(error),
    });
    this.#follow(prompts);
  }

  /** Return a prompt at once. Throws PromptUnavailable if nothing is known of it and there is no fallback. */
  get(name, { key, attributes, fallback, stamp = true } = {}) {
    this.#follow([name]);
    const held = this.#held.get(name);
    if (!held && fallback === undefined) throw new PromptUnavailable(this.#whyNot(name));
    const prompt = held ? this.#decided(held, key, attributes) : Prompt.fallback(name, fallback);
    if (stamp) mark(prompt);
    return prompt;
  }

  /** Return a prompt; wait for the registry, but not for long, if nothing is known of it yet. */
  async aget(name, { timeout = COLD_MS, ...options } = {}) {
    this.#follow([name]);
    await this.#until(() => this.#held.has(name) || this.#answered || this.#problem, timeout);
    return this.get(name, options);
  }

  /** Wait until the registry has confirmed all names; return whether it has. */
  async ready(timeout = COLD_MS) {
    await this.#until(() => this.#answered, timeout);
    return this.#answered;
  }

  /** What is held, and what is wrong. */
  status() {
    const prompts = [...this.#held].map(([name, { release, source }]) => [
      name,
      { source, position: `${release.epoch}.${release.seq}` },
    ]);
    return {
      problem: this.#problem?.message ?? null,
      randomKeys: this.#randomKeys,
      prompts: Object.fromEntries(prompts),
    };
  }

  /** End the stream; what is held stays. */
  close() {
    this.#follower.close();
  }

  #follow(names) {
    const fresh = names.filter((name) => !this.#asked.has(name));
    for (const name of fresh) {
      this.#asked.add(name);
      const release = this.#snapshot.read(name);
      if (release) this.#held.set(name, { release, source: 'snapshot' });
    }
    if (!fresh.length) return;
    this.#answered = false;
    this.#problem = null;
    this.#follower.follow(new Map(fresh.map((name) => [name, null])));
  }

  #decided({ release, source }, key, attributes) {
    let given = key == null ? '' : String(key);
    if (given === '') {
      given = randomBytes(16).toString('hex'); // the unit is then this call
      this.#randomKeys += 1;
    }
    return Prompt.of(release, decide(release, given, attributes ?? {}), source);
  }

  #take(data) {
    const release = checkRelease(data);
    const held = this.#held.get(release.prompt);
    if (held && !isNewer(release, held.release) && isNewer(held.release, release)) return;
    this.#held.set(release.prompt, { release, source: 'live' });
    this.#follower.hold(release);
    this.#problem = null;
    if (isNewer(release, held?.release)) {
      this.#snapshot.write(release).catch((error) => (this.#problem = error));
    }
  }

  #note(error) {
    this.#problem = error;
    if (!error) this.#answered = true;
  }

  #whyNot(name) {
    if (this.#problem) return `${name} is not known here: ${this.#problem.message}`;
    if (!this.#answered) return `${name} is not here yet; await client.ready(), or client.aget(...)`;
    return `${name} has no release in this environment; promote a first version, or see that the name is right`;
  }

  async #until(look, timeout) {
    const deadline = Date.now() + timeout;
    while (!look() && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, STEP_MS)); // keeps the process alive, too
    }
  }
}
