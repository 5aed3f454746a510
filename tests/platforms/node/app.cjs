// Do what was recorded: node app.cjs node-vercel-tool MODEL_URL KEY
//
// The lines of docs/platforms.md stand before these: `resolve`, `served` and `provider` are theirs.

const [, , name, address, key] = process.argv;
const [, platform, kind] = name.split("-");
const TEXT = `[${kind}] Customer: my parcel never came.`;
const SHARED = { baseURL: `${address}/v1`, apiKey: "sk-test", maxRetries: 0 };

const platforms = {
  async otel(model) {
    const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");
    new OpenAIInstrumentation().setTracerProvider(provider);
    await openai(model);
  },
  async openinference(model) {
    const { OpenAIInstrumentation } = require("@arizeai/openinference-instrumentation-openai");
    const instrumentation = new OpenAIInstrumentation();
    instrumentation.setTracerProvider(provider);
    instrumentation.manuallyInstrument(require("openai").OpenAI);
    await openai(model);
  },
  async vercel(model, prompt) {
    const { generateText, stepCountIs, streamText, tool } = require("ai");
    const { z } = require("zod");
    const { createOpenAI } = require("@ai-sdk/openai");
    const metadata = { promptstagePrompt: `${prompt.name}@${prompt.version}` };
    const request = {
      model: createOpenAI(SHARED).chat(model),
      prompt: TEXT,
      maxRetries: 0,
      experimental_telemetry: { isEnabled: true, metadata },
    };
    if (kind === "stream") {
      for await (const _ of streamText(request).textStream);
      return;
    }
    const inputSchema = z.object({ order: z.string() });
    const get_order = tool({ description: "Look an order up", inputSchema, execute: async () => "sent" });
    await generateText({ ...request, ...(kind === "tool" && { tools: { get_order }, stopWhen: stepCountIs(2) }) });
  },
};

async function openai(model) {
  const { OpenAI } = require("openai");
  const request = { model, max_tokens: 300, messages: [{ role: "user", content: TEXT }] };
  if (kind === "stream") {
    const stream = { stream: true, stream_options: { include_usage: true } };
    for await (const _ of await new OpenAI(SHARED).chat.completions.create({ ...request, ...stream }));
    return;
  }
  const parameters = { type: "object", properties: { order: { type: "string" } }, required: ["order"] };
  const tools = [{ type: "function", function: { name: "get_order", description: "Look an order up", parameters } }];
  await new OpenAI(SHARED).chat.completions.create({ ...request, ...(kind === "tool" && { tools }) });
}

async function main() {
  const prompt = await resolve("summarize", key);
  const model = prompt.arm === "canary" ? "gpt-4.1" : "gpt-4.1-mini";
  await served.run(prompt, () => platforms[platform](model, prompt)).catch((error) => {
    if (kind !== "429") throw error; // then the app saw it, and the spans say it
  });
  await provider.shutdown();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
