// Render a document: its messages, of text or content parts, with the values in place, and those that the app gives.

import { VariablesMissing } from './errors.js';
import { NAME, parse } from './mustache.js';
import { renderMustache } from './mustache_rendering.js';
import { asPlainText, isMapping } from './values.js';

const TOKEN = new RegExp(`\\\\(\\{\\{)|\\{\\{ *(${NAME}) *\\}\\}`, 'g'); // all that a template without a language knows
const compiled = new WeakMap(); // by document, which lives as long as its release

/** Prepare a document, once. Throws an Error that says what cannot be rendered. */
export function compile(document) {
  let found = compiled.get(document);
  if (!found) compiled.set(document, (found = prepare(document)));
  return found;
}

/** Return a document's messages; `prompt` names it in errors. Throws VariablesMissing, PromptTooLarge, TypeError. */
export function render(prompt, document, variables = {}) {
  const { messages } = compile(document);
  const given = Object.assign(Object.create(null), variables); // so that `constructor` is a name like any other
  const places = messages.filter((message) => 'placeholder' in message);
  const missing = places.filter((p) => !p.optional && given[p.placeholder] == null).map((p) => p.placeholder);
  const texts = textsOf(prompt, document, given, missing).values();
  return messages.flatMap((message) =>
    'placeholder' in message
      ? messagesFor(prompt, message.placeholder, given[message.placeholder])
      : [{ role: message.role, content: mapTexts(message.content, () => texts.next().value) }],
  );
}

function prepare(document) {
  const { edition = 1, language = null, messages, variables } = document;
  if (!Array.isArray(variables)) throw new TypeError('variables are a list');
  if (language !== null && language !== 'mustache') throw new Error(`templates in ${language} are not known here; upgrade`);
  const read = messages.map((message) => readMessage(message, edition));
  const templates = [];
  for (const { content = [] } of read) {
    mapTexts(content, (text) => templates.push(language ? parse(text) : parsePlain(text)));
  }
  const uses = new Map(templates.flatMap((t) => t.uses).map((use) => [`${use.isOuter} ${use.name}`, use]));
  return { messages: read, templates: templates.map(({ nodes }) => nodes), uses: [...uses.values()] };
}

function readMessage(message, edition) {
  if (typeof message?.placeholder === 'string') return { placeholder: message.placeholder, optional: !!message.optional };
  const content = message?.[edition > 1 ? 'template' : 'content'];
  const isContent = typeof content === 'string' || (Array.isArray(content) && content.every(isMapping));
  if (!isContent || typeof message.role !== 'string') throw new TypeError('a message is a role and a text or parts');
  return { role: message.role, content };
}

/** Copy a content with each of its texts replaced: itself, or those within its parts at any depth. */
function mapTexts(value, change) {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((inner) => mapTexts(inner, change));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapTexts(inner, change)]));
}

function textsOf(prompt, document, given, missing) {
  const { templates, uses } = compile(document);
  const renderTexts = document.language ? renderMustache : renderPlain;
  let texts;
  try {
    texts = renderTexts(prompt, { templates, uses, variables: document.variables }, given);
  } catch (error) {
    if (!missing.length || !(error instanceof VariablesMissing)) throw error;
    throw new VariablesMissing(prompt, [...error.missing, ...missing]);
  }
  if (missing.length) throw new VariablesMissing(prompt, missing);
  return texts;
}

/** Parse a text without a language: `{{ name }}` is replaced once, `\{{` is a literal `{{`. */
function parsePlain(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(TOKEN)) {
    const [whole, escaped, name] = found;
    nodes.push(text.slice(end, found.index), escaped ?? { name });
    end = found.index + whole.length;
  }
  nodes.push(text.slice(end));
  return { nodes, uses: nodes.filter((node) => typeof node !== 'string') };
}

function renderPlain(prompt, { templates, uses, variables }, given) {
  const declared = new Set(variables.map(({ name }) => name));
  const undeclared = uses.filter(({ name }) => !declared.has(name)); // as in a fallback: required
  const values = new Map();
  const missing = [];
  for (const { name, required, default: fallback } of [...variables, ...undeclared.map(requiredOne)]) {
    const value = given[name] ?? (required ? null : (fallback ?? ''));
    if (value === null) missing.push(name);
    else values.set(name, plainText(prompt, name, value));
  }
  if (missing.length) throw new VariablesMissing(prompt, missing);
  const put = (node) => (typeof node === 'string' ? node : values.get(node.name));
  return templates.map((nodes) => nodes.map(put).join(''));
}

function requiredOne({ name }) {
  return { name, required: true };
}

function plainText(prompt, name, value) {
  try {
    return asPlainText(value);
  } catch (error) {
    throw new TypeError(
      `${name} of ${prompt} cannot be written as text: ${error.message}; give a text, or let the prompt have \`template: mustache\``,
    );
  }
}

/** Return the messages that the app gives for a place, as they are. */
function messagesFor(prompt, name, messages) {
  if (messages == null) return [];
  const isMessages = Array.isArray(messages) && messages.every((message) => typeof message?.role === 'string');
  if (isMessages) return messages;
  throw new TypeError(`${name} of ${prompt} is a list of messages, [{ role: ..., content: ... }]`);
}
