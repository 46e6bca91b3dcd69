import { readFileSync } from "node:fs";
import WebSocket from "ws";
import { Client } from "@stable-canvas/comfyui-client";

const [url, workflow] = process.argv.slice(2);
const prompt = JSON.parse(readFileSync(workflow));
prompt["3"].inputs.seed = 19;
const client = new Client({ api_host: url.replace("http://", ""), WebSocket, fetch });
await client.connect();
const steps = [];
const result = await client.enqueue(prompt, { progress: ({ value, max }) => steps.push(`${value}/${max}`) });
console.log(steps.at(-1), result.images.length, "pictures;", (await client.getSamplers()).length, "samplers");
client.close();
