// What an app in TypeScript writes; the compiler checks it, and that a mistake is one.

import { Client, VariablesMissing, logFields, run } from '@promptstage/client';
import OpenAI from 'openai';

const client = new Client({ prompts: ['summarize'] });
const prompt = client.get('summarize', {
  key: 'user-42',
  attributes: { tenant: ['acme', 7] },
  fallback: () => [{ placeholder: 'history' }, { role: 'user', content: [{ type: 'text', text: '{{text}}' }] }],
});
export const messages: { role: string; content: string }[] = prompt.messages({ text: 1 });


export async function answer(openai: OpenAI): Promise<string | null> {
  const answered = await openai.chat.completions.create(prompt.openai({ text: 1, history: [] }));
  return answered.choices[0].message.content;
}

export async function version(): Promise<string | undefined> {
  const found = await client.aget('summarize', { timeout: 5 });
  return (await client.ready(5)) ? found.version : run(() => logFields().prompt_arm);
}

try {
  prompt.text();
} catch (error) {
  if (error instanceof VariablesMissing) error.missing.map((name: string) => name);
}
// @ts-expect-error an option that there is not
client.get('summarize', { keys: 1 });
