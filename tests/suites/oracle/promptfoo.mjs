// Judges what standard input holds by promptfoo, and writes its verdicts; `__main__.py` beside it runs it.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const root = process.argv[2];
const from = createRequire(path.join(root, "package.json"));
const about = JSON.parse(fs.readFileSync(path.join(root, "node_modules/promptfoo/package.json"), "utf-8"));
const entry = path.join(root, "node_modules/promptfoo", about.exports["."].import);
const { default: promptfoo } = await import(pathToFileURL(entry).href);
const { runAssertion, runAssertions } = promptfoo.assertions;
const { pairs, cases } = JSON.parse(await text(process.stdin));

const judge = (reply) => ({ id: () => "judge", callApi: async () => ({ output: reply }) });
const given = (pair) => ({
  provider: { id: () => "tried", config: { tools: pair.tools }, callApi: async () => ({}) },
  test: { vars: pair.vars ?? {}, options: { provider: judge(pair.reply ?? "") } },
  providerResponse: { output: pair.output, cost: pair.cost ?? undefined },
  latencyMs: pair.latency ?? undefined,
});

async function verdict(ask) {
  try {
    const { pass, score, metadata, reason } = await ask();
    if (metadata?.graderError || reason?.startsWith("Invalid regex")) return { error: reason.split("\n")[0].slice(0, 80) };
    return { pass, score };
  } catch (error) {
    return { error: String(error.message).split("\n")[0].slice(0, 80) };
  }
}

const verdicts = [];
for (const pair of pairs) verdicts.push(await verdict(() => runAssertion({ assertion: pair.assertion, ...given(pair) })));
const scores = [];
for (const one of cases) {
  const about = given(one);
  about.test = { ...about.test, assert: one.assert, threshold: one.threshold ?? undefined };
  scores.push(await verdict(() => runAssertions(about)));
}
process.stdout.write(JSON.stringify({ version: about.version, pairs: verdicts, cases: scores }));
process.exit(0);
