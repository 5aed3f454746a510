// What an app does with Langfuse's JavaScript client; what it got is printed as JSON, as by langfuse_app.py.
//
//     LANGFUSE_BASE_URL=... LANGFUSE_SECRET_KEY=... LANGFUSE_PUBLIC_KEY=... node langfuse_app.mjs ENVIRONMENT
//
// The secret key is an admin's token, as the app promotes a version, too.
import { LangfuseClient } from "@langfuse/client";

const label = process.argv[2];
const client = new LangfuseClient();
const get = (name, options) => client.prompt.get(name, { type: "chat", maxRetries: 0, ...options });

async function said(ask) {
  try {
    await ask();
    return "none";
  } catch (error) {
    return `${error.name}: ${error.body?.message ?? error.message}`;
  }
}

async function promote(version) {
  const { LANGFUSE_BASE_URL: url, LANGFUSE_SECRET_KEY: token } = process.env;
  const answer = await fetch(`${url}/v1/environments/${label}/rollouts/summarize/actions/promote`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ version }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

const rich = await get("kinds/rich", { label });
const missing = await get("nothing", { label, fallback: [{ role: "user", content: "Fall back on {{text}}" }] });
const text = await client.prompt.get("kinds/text", { label });
const projects = await client.api.projects.get();
if (projects.data.length !== 1) throw new Error("the keys are not known");
const found = {
  label: (await get("summarize", { label })).version,
  version: (await get("summarize", { version: 1001000 })).version,
  latest: (await get("summarize", { label: "latest" })).version,
  text: text.compile({ name: "Ada" }),
  config: rich.config,
  tags: rich.tags,
  compiled: rich.compile({ name: "kindly", text: "{{name}}" }, { history: [{ role: "assistant", content: "Hello" }] }),
  listed: (await client.api.prompts.list({ label, limit: 2 })).data.map((each) => each.name),
  fallback: [missing.isFallback, missing.compile({ text: "it" })],
  errors: {
    "unknown prompt": await said(() => get("nothing", { label })),
    "unknown label": await said(() => get("summarize", { label: "nope" })),
    "unknown version": await said(() => get("summarize", { version: 7 })),
    "a change": await said(() => client.prompt.create({ name: "summarize", prompt: "x", labels: [label] })),
  },
};
await promote("1.2.0");
found.kept = (await get("summarize", { label })).version;
found["asked again"] = (await get("summarize", { label, cacheTtlSeconds: 0 })).version;
process.stdout.write(JSON.stringify(found));
