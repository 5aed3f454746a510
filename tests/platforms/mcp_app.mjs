// What an app does with MCP's JavaScript SDKs; what it got is printed as JSON.
//
//     node mcp_app.mjs sdk|client URL TOKEN        the SDK of before 2026, or the one of today
//
const [, , kind, address, token] = process.argv;
const url = new URL(address);
const requestInit = { headers: { Authorization: `Bearer ${token}` } };

async function connected() {
  const info = { name: "app", version: "1" };
  if (kind === "sdk") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const client = new Client(info);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
    return client;
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const client = new Client(info, { versionNegotiation: { mode: "auto" } });
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  return client;
}

const client = await connected();
const { prompts } = await client.listPrompts();
const rendered = await client.getPrompt({ name: prompts[0].name, arguments: { text: "my parcel" } });
let refused = "";
try {
  await client.getPrompt({ name: prompts[0].name });
} catch (error) {
  refused = `${error.code} ${error.message}`;
}
const spoken = client.getNegotiatedProtocolVersion?.() ?? client.transport?.protocolVersion;
const completed = await client.complete({
  ref: { type: "ref/prompt", name: prompts[0].name },
  argument: { name: "text", value: "" },
});
await client.close();
console.log(
  JSON.stringify({
    names: prompts.map((prompt) => prompt.name),
    messages: rendered.messages.map(({ role, content }) => [role, content.text]),
    version: rendered._meta["dev.promptstage/version"],
    completed: completed.completion.values,
    refused,
    spoken,
  }),
);
process.exit(0);
