// What `get` returns.

import { render } from './rendering.js';

export class Prompt {
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }

  /** The prompt of a version that was chosen from a release. */
  static of(release, decision, source) {
    const { number, commit, digest, document } = release.versions[decision.version];
    return new Prompt({ name: release.prompt, ...decision, number, commit, digest, document, source });
  }

  /** The prompt of an app's fallback: a text (one message of the user), or messages. */
  static fallback(name, given) {
    const content = typeof given === 'function' ? given() : given;
    const messages = typeof content === 'string' ? [{ role: 'user', content }] : content;
    const document = { messages, variables: [], model: '', parameters: {} };
    const none = { number: null, commit: null, digest: null, rollout: null, bucket: null };
    return new Prompt({
      name, ...none, version: 'fallback', arm: 'fallback', reason: 'FALLBACK', document, source: 'fallback',
    });
  }

  get model() {
    return this.document.model;
  }

  get parameters() {
    return this.document.parameters;
  }

  /** Return the messages with the values in their places. */
  messages(variables) {
    return render(`${this}`, this.document, variables);
  }

  /** Return the contents of all messages, joined by a blank line. */
  text(variables) {
    return this.messages(variables).map(({ content }) => content).join('\n\n');
  }

  toString() {
    return `${this.name}@${this.version}`;
  }
}
