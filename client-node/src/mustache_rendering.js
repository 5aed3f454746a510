// Render texts in Mustache. Strict: an unknown name is an error with its place, never an empty text. A value is put in
// once, and never read as a template.

import { PromptTooLarge, VariablesMissing } from './errors.js';
import { split } from './mustache.js';
import { asText, at, isFalse, isList, isMapping } from './values.js';

const MOST_BYTES = 1 << 20; // of all texts in UTF-8: more than any model takes
const MOST_NODES = 100_000; // texts and tags that one rendering goes through, some 0.05 s
const JSON_NODES = 4; // for how many of them a value counts that is written as JSON

/** Return the texts of parsed templates; `uses` are those of all. Throws VariablesMissing, PromptTooLarge, TypeError. */
export function renderMustache(prompt, { templates, uses, variables }, given) {
  const rendering = new Rendering(prompt, valuesFor(prompt, uses, variables, given));
  const texts = templates.map((nodes) => rendering.text(nodes));
  if (texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) > MOST_BYTES) throw tooLarge(prompt);
  return texts;
}

/** Return the variables by name: the given ones and the defaults. */
function valuesFor(prompt, uses, variables, given) {
  const declared = new Set(variables.map(({ name }) => name));
  const optional = new Map(variables.filter((v) => !v.required).map((v) => [v.name, v.default ?? '']));
  const values = new Map(Object.entries(given).filter(([, value]) => value != null));
  for (const [name, value] of optional) {
    if (find(values, name) == null) values.set(name, value);
  }
  for (const { name } of uses) { // `user.name`, where `user` is optional and was not given
    const [first] = split(name);
    if (!declared.has(name) && optional.has(first) && given[first] == null && !values.has(name)) values.set(name, '');
  }
  const required = variables.filter((variable) => variable.required);
  const wanted = [...required, ...uses.filter((use) => use.isOuter && !declared.has(use.name))];
  const missing = new Set(wanted.map(({ name }) => name).filter((name) => find(values, name) == null));
  if (!missing.size) return values;
  const told = [...missing].filter((name) => !name.includes('.') || !missing.has(split(name)[0]));
  throw new VariablesMissing(prompt, told);
}

/** Look a name up among the variables: first the whole name, then its parts. Return undefined if it is not there. */
function find(values, name, parts = split(name)) {
  return values.get(name) ?? (parts.length > 1 ? walk(values, parts) : undefined);
}

function walk(mapping, parts) {
  return parts.reduce((value, part) => (isMapping(value) ? at(value, part) : undefined), mapping);
}

/** A name inside a section is unknown; `places` are the sections from the inside out. */
class Lacking extends Error {
  places = [];
}

/** One rendering of all texts: the values in scope, and what is left of the bounds. */
class Rendering {
  #prompt;
  #values;
  #items = []; // mappings of the open sections
  #item = null; // the one of the innermost section
  #characters = MOST_BYTES;
  #nodes = MOST_NODES;
  #measured = new Set(); // values that are known to be small enough

  constructor(prompt, values) {
    this.#prompt = prompt;
    this.#values = values;
  }

  text(nodes) {
    const written = [];
    try {
      this.#write(nodes, written);
    } catch (error) {
      if (!(error instanceof Lacking)) throw error;
      const place = error.places.reverse().join('.').replaceAll('.[', '[');
      throw new VariablesMissing(this.#prompt, [error.message], place);
    }
    return written.join('');
  }

  #write(nodes, written) {
    this.#nodes -= nodes.length + 1;
    if (this.#nodes < 0) {
      throw new PromptTooLarge(
        `${this.#prompt} has more than ${MOST_NODES} texts and tags with these values; give shorter lists`,
      );
    }
    for (const node of nodes) {
      if (typeof node !== 'string' && node.inner) {
        const value = this.#lookUp(node);
        if (isFalse(value) === node.inverted) this.#section(node, value, written);
        continue;
      }
      const text = typeof node === 'string' ? node : this.#value(node);
      written.push(text);
      this.#characters -= text.length;
      if (this.#characters < 0) throw tooLarge(this.#prompt);
    }
  }

  #section(section, value, written) {
    const isMany = !section.inverted && isList(value);
    const outer = this.#item;
    let index = 0;
    try {
      for (const item of isMany ? value : [value]) {
        if (section.inverted) this.#write(section.inner, written);
        else this.#inside(item ?? null, section.inner, written);
        index += 1;
      }
    } catch (error) {
      const name = section.parts.length ? section.name : '';
      if (error instanceof Lacking) error.places.push(isMany ? `${name}[${index}]` : name);
      throw error;
    }
    this.#item = outer;
  }

  #inside(item, nodes, written) {
    const hasNames = isMapping(item);
    this.#item = item;
    if (hasNames) this.#items.push(item);
    this.#write(nodes, written);
    if (hasNames) this.#items.pop();
  }

  #value(tag) {
    const value = this.#lookUp(tag);
    if (typeof value === 'string') return value;
    if (value === undefined) throw new Lacking(tag.name);
    if (!['number', 'bigint', 'boolean'].includes(typeof value)) this.#measure(value);
    try {
      return asText(value);
    } catch (error) { // RangeError: nested without end
      throw new TypeError(
        `${tag.name} of ${this.#prompt} cannot be written as text: ${error.message}; give a text, or plain lists and objects`,
      );
    }
  }

  #measure(value) {
    this.#nodes -= JSON_NODES;
    if (!this.#measured.has(value) && isTooLarge(value)) throw tooLarge(this.#prompt);
    this.#measured.add(value);
  }

  #lookUp({ name, parts }) {
    if (!parts.length) return this.#item;
    const holder = this.#items.findLast((item) => at(item, parts[0]) !== undefined);
    return holder ? walk(holder, parts) : find(this.#values, name, parts);
  }
}

/** Tell whether the JSON of a value is too large in any case, before it takes time and memory. */
function isTooLarge(value) {
  let left = MOST_BYTES;
  const waiting = [value];
  while (waiting.length && left >= 0) {
    const one = waiting.pop();
    if (typeof one === 'string') left -= one.length;
    else if (isList(one) || isMapping(one)) {
      const items = isList(one) || one instanceof Map ? [...one.values()] : Object.values(one);
      left -= 2 * items.length; // a digit and a comma each
      if (left >= 0) for (const item of items) if (typeof item !== 'number') waiting.push(item);
    }
  }
  return left < 0;
}

function tooLarge(prompt) {
  return new PromptTooLarge(`${prompt} has more than 1 MiB of text with these values; give shorter ones, or fewer`);
}
