// Converse and ConverseStream with the AWS SDK for JavaScript v3:
// npm install @aws-sdk/client-bedrock-runtime
//
// The environment that localbedrock prints makes the SDK talk to it; without it, the
// same program talks to AWS.
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";

const input = {
  modelId: "amazon.nova-lite-v1:0",
  messages: [{ role: "user", content: [{ text: "Who are you?" }] }],
};

const client = new BedrockRuntimeClient({});

const answer = await client.send(new ConverseCommand(input));
console.log(answer.output.message.content[0].text);

const { stream } = await client.send(new ConverseStreamCommand(input));
for await (const event of stream) {
  process.stdout.write(event.contentBlockDelta?.delta.text ?? "");
  if (event.messageStop) console.log(`\n(${event.messageStop.stopReason})`);
}
client.destroy();
