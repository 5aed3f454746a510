// The errors that `get` and rendering throw, besides TypeError for a value that cannot be written as text.

/** Nothing is known of a prompt, and no fallback was given. */
export class PromptUnavailable extends Error {
  name = 'PromptUnavailable';
}

/** Variables that a prompt requires were not given; `missing` names them all, `place` the item of a list that lacks one. */
export class VariablesMissing extends Error {
  name = 'VariablesMissing';

  constructor(prompt, missing, place = '') {
    const remedy = place ? ` in ${place}; add it there, or pass a value for it` : '; pass a value for each';
    super(`${prompt} needs ${missing.join(', ')}${remedy}`);
    this.missing = missing;
    this.place = place;
  }
}

/** The values would make a text of a prompt that is larger than any model takes. */
export class PromptTooLarge extends Error {
  name = 'PromptTooLarge';
}
