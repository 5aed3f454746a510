export { Client } from './client.js';
export { PromptTooLarge, PromptUnavailable, VariablesMissing } from './errors.js';
export { current, logFields, middleware, run, winstonFormat } from './stamp.js';
