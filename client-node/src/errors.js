// The errors that `get` and rendering throw, and no others.

/** Nothing is known of a prompt, and no fallback was given. */
export class PromptUnavailable extends Error {
  name = 'PromptUnavailable';
}

/** Variables that a prompt requires were not given; `missing` names them all. */
export class VariablesMissing extends Error {
  name = 'VariablesMissing';

  constructor(prompt, missing) {
    super(`${prompt} needs ${missing.join(', ')}`);
    this.missing = missing;
  }
}

/** A prompt has what this client does not render: sections, content parts, or places of messages. */
export class NotRenderable extends Error {
  name = 'NotRenderable';
}
