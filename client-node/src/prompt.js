// What `get` returns.

import { compile, render } from './rendering.js';
import { makeRequest, responseFormat } from './request.js';

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
    const document = { messages, variables: [], model: '', parameters: {}, response_format: 'text' };
    compile(document); // a mistake shows at once
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

  /** What the model may call, in OpenAI's shape. */
  get tools() {
    return this.document.tools ?? [];
  }

  get toolChoice() {
    return this.document.tool_choice ?? null;
  }

  /** The format of the answer as OpenAI's API takes it; null for text. */
  get responseFormat() {
    return responseFormat(this.name, this.document);
  }

  /** Return the messages with the values in their places. */
  messages(variables) {
    return render(`${this}`, this.document, variables);
  }

  /** Return the texts of all contents, joined by a blank line. */
  text(variables) {
    const contents = this.messages(variables).flatMap(({ content }) => content ?? []);
    const texts = contents.map((part) => (typeof part === 'string' ? part : part.text));
    return texts.filter((text) => typeof text === 'string').join('\n\n');
  }

  /** Return the arguments of OpenAI's `chat.completions.create`: model, messages, parameters, tools. */
  openai(variables) {
    return makeRequest(this.name, this.document, this.messages(variables));
  }

  toString() {
    return `${this.name}@${this.version}`;
  }
}
