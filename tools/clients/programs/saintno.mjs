import { readFileSync } from "node:fs";
import { CallWrapper, ComfyApi, PromptBuilder } from "@saintno/comfyui-sdk";

const [url, workflow] = process.argv.slice(2);
const api = await new ComfyApi(url).init().waitForReady();
const builder = new PromptBuilder(JSON.parse(readFileSync(workflow)), ["seed"], ["images"])
  .setInputNode("seed", "3.inputs.seed")
  .setOutputNode("images", "9")
  .input("seed", 20);
const result = await new CallWrapper(api, builder).onFailed((error) => console.error(error)).run();
const blob = await api.getImage(result.images.images[0]);
console.log(blob.size, "bytes");
process.exit(blob.size ? 0 : 1);
