import { readFileSync } from "node:fs";
import { ComfyUIClient } from "comfy-ui-client";

const [url, workflow] = process.argv.slice(2);
const prompt = JSON.parse(readFileSync(workflow));
prompt["3"].inputs.seed = 21;
const client = new ComfyUIClient(url.replace("http://", ""), "me");
await client.connect();
const images = await client.getImages(prompt);
for (const [node, pictures] of Object.entries(images)) console.log(node, pictures[0].blob.size, "bytes");
await client.disconnect();
