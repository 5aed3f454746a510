// Which prompt this piece of work uses, for its log lines.

import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage();

/** Begin a piece of work, such as a request, with an empty stamp. */
export function run(work) {
  return storage.run({ prompt: null }, work);
}

/** Express' and Connect's middleware: each request begins with an empty stamp. */
export function middleware(_request, _response, next) {
  run(next);
}

/** Return the prompt that was got last in this context, or null. */
export function current() {
  return storage.getStore()?.prompt ?? null;
}

/** Mark this context: its log lines are those of a prompt. */
export function mark(prompt) {
  const cell = storage.getStore();
  if (cell) cell.prompt = prompt;
  else storage.enterWith({ prompt });
}

/** The fields of a log line: pino's `mixin`. */
export function logFields() {
  const prompt = current();
  if (!prompt) return {};
  return {
    prompt: `${prompt}`,
    prompt_name: prompt.name,
    prompt_version: prompt.version,
    prompt_arm: prompt.arm,
  };
}

/** A format of winston, to combine with others; what a line has already stays. */
export function winstonFormat() {
  return { transform: (info) => Object.assign(info, { ...logFields(), ...info }) };
}
