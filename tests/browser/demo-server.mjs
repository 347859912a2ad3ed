// Serves the demo for its tests: with the fake in place of the package, or with the package itself.
//
// node tests/browser/demo-server.mjs [--package]   serves until it is ended

import { createReadStream } from "node:fs";
import { fileURLToPath } from "node:url";
import { securityHeaders, serve } from "../../pkg/scripts/serve.mjs";

const FAKE = fileURLToPath(new URL("fake-oneflow.js", import.meta.url));
const ASSETS = fileURLToPath(new URL("../../assets/", import.meta.url));

/**
 * @param options.fake whether the fake stands in for the package
 * @returns the address, `requests` (the paths asked for so far) and `close`
 */
export async function serveDemo({ fake = true, port = 0 } = {}) {
  const requests = [];
  const handle = (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    requests.push(pathname);
    if (!fake || pathname !== "/oneflow-web/index.js") return false;
    response.writeHead(200, { ...securityHeaders(), "content-type": "text/javascript" });
    createReadStream(FAKE).pipe(response);
    return true;
  };
  const mounts = fake ? [["/oneflow-web/assets/", ASSETS]] : [];
  return { ...(await serve({ port, handle, mounts })), requests };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serveDemo({ fake: !process.argv.includes("--package"), port: 8090 });
  console.log(url);
}
