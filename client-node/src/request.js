// The arguments of OpenAI's chat completions.

const WORDS = /[\s-]+|(?<=[a-z0-9])(?=[A-Z])/g;
const RENAMED = {
  max_tokens: 'max_completion_tokens', // the models that reason refuse the old name
  max_output_tokens: 'max_completion_tokens',
  stop_sequences: 'stop',
};
const WRAPPED = ['description', 'schema', 'strict'];
const SCHEMA_NAME = 64; // characters that OpenAI's API takes

/** Return an object of the caller's own; `model` is absent if the prompt names none. */
export function makeRequest(name, document, messages) {
  const { model, parameters, tools = [], tool_choice: choice } = document;
  const format = responseFormat(name, document);
  const request = {};
  for (const [key, value] of Object.entries(parameters)) {
    const snake = key.trim().replace(WORDS, '_').toLowerCase();
    if (value !== null) request[RENAMED[snake] ?? snake] = structuredClone(value);
  }
  if (model) request.model = model.slice(model.indexOf('/') + 1) || model; // without the publisher
  request.messages = messages;
  if (format) request.response_format = format;
  if (tools.length) request.tools = structuredClone(tools);
  if (choice != null) request.tool_choice = structuredClone(choice);
  return request;
}

/**
 * Return the format of the answer; null for text. A prompt's schema may be a bare JSON Schema, or
 * `{ name, description, schema, strict }` around one, alone or in a whole `response_format`.
 */
export function responseFormat(name, document) {
  const { response_format: type, json_schema: given } = document;
  if (!type || type === 'text') return null;
  if (type !== 'json_schema') return { type };
  let schema = isObject(given?.json_schema) ? given.json_schema : (given ?? {});
  if (!isObject(schema.schema)) schema = { schema };
  const written = { name: String(schema.name ?? name).replace(/[^a-zA-Z0-9_-]+/g, '_').slice(0, SCHEMA_NAME) };
  for (const key of WRAPPED) if (schema[key] != null) written[key] = structuredClone(schema[key]);
  return { type, json_schema: written };
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
