// Render a document: `{{ name }}` is replaced once, `\{{` is a literal `{{`.

import { NotRenderable, VariablesMissing } from './errors.js';

const TOKEN = /\\(\{\{)|\{\{ *([A-Za-z_][A-Za-z0-9_.-]*) *\}\}/g;

/** Return a document's messages with the values in their places; `prompt` names it in errors. */
export function render(prompt, document, given = {}) {
  const texts = document.messages.map((message) => ({ role: message.role, text: textOf(prompt, document, message) }));
  const { values, missing } = valuesOf(document, given, texts);
  if (missing.length) throw new VariablesMissing(prompt, missing);
  const put = (_whole, escaped, name) => escaped ?? values.get(name);
  return texts.map(({ role, text }) => ({ role, content: text.replace(TOKEN, put) }));
}

/** Return a text for every placeholder; one that nothing declares, as in a fallback, is required. */
function valuesOf(document, given, texts) {
  const declared = new Set(document.variables.map(({ name }) => name));
  const found = texts.flatMap(({ text }) => [...text.matchAll(TOKEN)].map(([, , name]) => name));
  const undeclared = new Set(found.filter((name) => name && !declared.has(name)));
  const wanted = [...document.variables, ...[...undeclared].map((name) => ({ name, required: true }))];
  const values = new Map();
  const missing = [];
  for (const { name, required, default: fallback } of wanted) {
    const value = (Object.hasOwn(given, name) ? given[name] : null) ?? (required ? null : fallback);
    if (value != null) values.set(name, String(value));
    else if (required) missing.push(name);
    else values.set(name, '');
  }
  return { values, missing };
}

function textOf(prompt, document, message) {
  const text = (document.edition ?? 1) === 1 ? message.content : document.portable ? message.template : null;
  if (typeof text === 'string') return text;
  throw new NotRenderable(
    `${prompt} has sections, content parts or places of messages, which this client does not render; ` +
      'its document has all of them',
  );
}
