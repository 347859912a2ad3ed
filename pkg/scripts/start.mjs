// npm start: builds what is missing, serves the demo and prints the address.
//
// PORT (default 8080; the next free one where it is taken) and HOST (default this machine only).

import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { Complaint, main } from "./command.mjs";
import { MODELS } from "./paths.mjs";
import { serve } from "./serve.mjs";

await main(async () => {
  if (!existsSync(join(MODELS, "storyworld", "manifest.json"))) {
    throw new Complaint(
      "There is no model in pkg/models/storyworld: check the file out again, or train one with `oneflow train`.",
    );
  }
  await build();
  const { url } = await serveOnFreePort(Number(process.env.PORT ?? 8080));
  console.log(`\noneflow-web is at ${url} (Ctrl+C ends it)`);
});

async function serveOnFreePort(wanted) {
  const host = process.env.HOST ?? "127.0.0.1";
  for (let port = wanted; port < wanted + 20; port++) {
    try {
      return await serve({ port, host });
    } catch (error) {
      if (error.code !== "EADDRINUSE") throw error;
    }
  }
  return await serve({ port: 0, host });
}
