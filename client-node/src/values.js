// The values that an app gives: what is a list or a mapping, and each as text, written as the other clients do.

/** Tell whether a section repeats for each item of a value. */
export function isList(value) {
  return Array.isArray(value) || value instanceof Set;
}

/** Tell whether a value has names: a Map or a plain object; others are an app's own, and closed to a prompt. */
export function isMapping(value) {
  if (value === null || typeof value !== 'object') return false;
  if (value instanceof Map) return true;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null; // of another realm, too
  return isPlain && Object.prototype.toString.call(value) === '[object Object]';
}

/** Return what a mapping has by a name, or undefined. */
export function at(mapping, name) {
  if (mapping instanceof Map) return mapping.get(name);
  return Object.hasOwn(mapping, name) ? mapping[name] : undefined;
}

/** Tell whether a section of a value is left out; 0 is true. */
export function isFalse(value) {
  if (value === null || value === undefined || value === false || value === '') return true;
  if (isList(value) || value instanceof Map) return (value.length ?? value.size) === 0;
  return isMapping(value) && Object.keys(value).length === 0;
}

/** Write a value in Mustache: lists and mappings as compact JSON. Throws TypeError if that cannot be. */
export function asText(value) {
  if (typeof value === 'boolean') return String(value);
  return isList(value) || isMapping(value) ? asJson(value) : value === null ? '' : asPlainText(value);
}

/** Write a value where a template is `{{name}}` alone. Throws TypeError for a list or a mapping. */
export function asPlainText(value) {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'True' : 'False'; // as the first client did, in Python
  if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
  const isText = typeof value === 'object' && value.toString !== Object.prototype.toString && !isList(value);
  if (!isText || isMapping(value)) throw new TypeError('it is no text and no number');
  return String(value);
}

function asJson(value) {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
  if (isList(value)) return `[${Array.from(value, asJson).join(',')}]`;
  if (!isMapping(value)) return JSON.stringify(typeof value === 'boolean' ? value : asPlainText(value));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const given = entries.filter(([, inner]) => inner !== undefined);
  return `{${given.map(([name, inner]) => `${JSON.stringify(String(name))}:${asJson(inner)}`).join(',')}}`;
}

/** Write a number as Python does: all digits of a whole one, and 1e-05. */
function numberText(value) {
  if (Number.isInteger(value)) return BigInt(value).toString();
  if (typeof value === 'bigint') return value.toString();
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Math.abs(value) < 1e-4 ? value.toExponential().replace(/e-(\d)$/, 'e-0$1') : String(value);
}
