// Serves the demo and the package, as start.mjs and the browser tests need it:
//
// /             www/
// /oneflow-web/ pkg/dist/
// /models/      pkg/models/ (the package finds its model by ../models/, seen from itself)

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { DIST, MODELS, WWW } from "./paths.mjs";

/** What a page needs to run oneflow-web, and nothing else. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "style-src 'self'",
].join("; ");

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

const MOUNTS = [
  ["/oneflow-web/", DIST],
  ["/models/", MODELS],
  ["/", WWW],
];

/**
 * Starts a server and resolves when it listens.
 *
 * @param options.port the port; 0 is any
 * @param options.host the address to listen on
 * @param options.mounts more folders by path, before the usual ones
 * @param options.handle is asked first; what returns true is answered
 */
export async function serve({ port = 0, host = "127.0.0.1", mounts = [], handle } = {}) {
  const folders = [...mounts, ...MOUNTS];
  const server = createServer((request, response) => {
    if (handle?.(request, response)) return;
    answer(folders, request, response).catch(() => end(response, 500, "internal error"));
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const { port: actual } = server.address();
  return {
    url: `http://${host === "127.0.0.1" ? "localhost" : host}:${actual}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

async function answer(folders, request, response) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return end(response, 405, "method not allowed");
  }
  const path = safePath(request.url);
  const mount = path === null ? undefined : folders.find(([prefix]) => path.startsWith(prefix));
  if (!mount) return end(response, 400, "bad request");
  const [prefix, folder] = mount;
  const file = join(folder, path.slice(prefix.length) + (path.endsWith("/") ? "index.html" : ""));
  const info = await stat(file).catch(() => null);
  if (!info?.isFile()) return end(response, 404, "not found");
  const tag = `"${info.size}-${info.mtimeMs}"`;
  const headers = {
    ...securityHeaders(),
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "cache-control": "no-cache",
    etag: tag,
  };
  if (request.headers["if-none-match"] === tag) return response.writeHead(304, headers).end();
  response.writeHead(200, { ...headers, "content-length": info.size });
  if (request.method === "HEAD") return response.end();
  createReadStream(file)
    .on("error", () => response.destroy())
    .pipe(response);
}

export function securityHeaders() {
  return {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
}

function end(response, status, text) {
  if (response.headersSent) return response.destroy();
  response.writeHead(status, { ...securityHeaders(), "content-type": "text/plain" }).end(text);
}

/** The path without its query; null where it leaves the folder. */
function safePath(url) {
  try {
    const path = decodeURIComponent(new URL(url, "http://localhost").pathname);
    if (path.includes("\0") || path.includes("\\")) return null;
    return path.split("/").includes("..") ? null : path;
  } catch {
    return null;
  }
}
