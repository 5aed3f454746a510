/** A value of a caller, which audiences are compared with; of a list any element. */
export type Attribute = string | number | bigint | boolean | null | Attribute[] | Set<Attribute>;

/** A message as OpenAI has it: `content` is a text, or a list of parts; in a fallback they may have variables. */
export interface Message {
  role: string;
  content: any;
  [field: string]: any;
}

/** The place of messages that the app gives when it renders, in a fallback. */
export interface Placeholder {
  placeholder: string;
  optional?: boolean;
}

/** Arguments of OpenAI's `chat.completions.create`; `model` is absent if the prompt names none. */
export interface OpenAIRequest {
  model: string;
  messages: any[];
  [parameter: string]: any;
}

export type Fallback = string | (Message | Placeholder)[];

export interface GetOptions {
  /** What stays on one version, such as a user's id. None: a random one for this call. */
  key?: string | number | bigint | null;
  attributes?: Record<string, Attribute>;
  /** Used if nothing is known of the prompt: one message of the user, messages, or what returns either. */
  fallback?: Fallback | (() => Fallback);
  /** Whether log lines of this context name the prompt from here on; true if left out. */
  stamp?: boolean;
}

export interface Prompt {
  readonly name: string;
  readonly version: string;
  readonly number: number | null;
  readonly commit: string | null;
  readonly digest: string | null;
  readonly arm: string;
  readonly reason: 'STATIC' | 'TARGETING_MATCH' | 'SPLIT' | 'FALLBACK';
  readonly rollout: string | null;
  readonly bucket: number | null;
  readonly source: 'live' | 'snapshot' | 'fallback';
  readonly model: string;
  readonly parameters: Record<string, unknown>;
  /** What the model may call, in OpenAI's shape. */
  readonly tools: any[];
  readonly toolChoice: any;
  /** The format of the answer as OpenAI's API takes it; null for text. */
  readonly responseFormat: any;
  readonly document: Record<string, any>;
  /** Throws VariablesMissing, PromptTooLarge, and TypeError for a value that cannot be written as text. */
  messages(variables?: Record<string, unknown>): Message[];
  /** The texts of all messages, joined by a blank line; throws as `messages`. */
  text(variables?: Record<string, unknown>): string;
  /** For `openai.chat.completions.create(prompt.openai({ ... }))`; throws as `messages`. */
  openai(variables?: Record<string, unknown>): OpenAIRequest;
  /** `summarize@1.3.0` */
  toString(): string;
}

export interface ClientOptions {
  /** Default: PROMPTSTAGE_URL, else http://127.0.0.1:8000 */
  url?: string;
  /** Default: PROMPTSTAGE_TOKEN */
  token?: string;
  /** Default: PROMPTSTAGE_ENVIRONMENT, else production */
  environment?: string;
  /** The names to follow from the start. */
  prompts?: string[];
  /** Where releases are kept for a start without the registry. Default: PROMPTSTAGE_SNAPSHOT_DIR, else the cache folder. */
  snapshotDir?: string;
}

export class Client {
  constructor(options?: ClientOptions);
  /** At once, from memory. Throws PromptUnavailable if nothing is known of it and there is no fallback. */
  get(name: string, options?: GetOptions): Prompt;
  /** As `get`; waits up to `timeout` milliseconds (2000) for a name that nothing is known of. */
  aget(name: string, options?: GetOptions & { timeout?: number }): Promise<Prompt>;
  /** Wait until the registry has confirmed all names; return whether it has. */
  ready(timeout?: number): Promise<boolean>;
  status(): {
    problem: string | null;
    randomKeys: number;
    prompts: Record<string, { source: string; position: string }>;
  };
  /** End the stream; what is held stays. */
  close(): void;
}

export class PromptUnavailable extends Error {}
export class VariablesMissing extends Error {
  readonly missing: string[];
  /** Of a name in a section, the item that lacks it: `items[1].authors[0]`; else empty. */
  readonly place: string;
}
/** The values would make more than 1 MiB of text. */
export class PromptTooLarge extends Error {}

/** The prompt that was got last in this context, or null. */
export function current(): Prompt | null;
/** Begin a piece of work, such as a request, with an empty stamp. */
export function run<T>(work: () => T): T;
/** Express' and Connect's middleware: each request begins with an empty stamp. */
export function middleware(request: unknown, response: unknown, next: () => void): void;
/** The fields of a log line: pino's `mixin`. */
export function logFields(): { prompt?: string; prompt_name?: string; prompt_version?: string; prompt_arm?: string };
/** A format of winston, to combine with others. */
export function winstonFormat(): { transform(info: any): any };
