/**
 * A service worker with which plain `<img src="photo.lmc">`, CSS backgrounds and `fetch` work: it answers requests of its
 * own origin for `.lmc` files with PNG files.
 *
 * Who wants the file itself asks with `Accept: image/x-lmc`, or follows a link to it, or asks for a part of it.
 */

import { Engine } from "./src/engine.js";
import { turn } from "./src/turn.js";

const SUFFIX = /\.lmc$/i;
const KEPT_HEADERS = ["Cache-Control", "ETag", "Last-Modified", "Expires", "Date"];
const engine = new Engine({ threads: 1 });
let last = Promise.resolve();

function isMeant(request) {
  const { origin, pathname } = new URL(request.url);
  const wantsFile = request.headers.get("Accept")?.includes("image/x-lmc") || request.headers.has("Range");
  if (request.method !== "GET" || request.mode === "navigate" || wantsFile) return false;
  return origin === location.origin && SUFFIX.test(pathname);
}

async function png(request, bytes) {
  const pause = async () => {
    await turn();
    request.signal.throwIfAborted();
  };
  await pause();
  return engine.png(bytes, { pause });
}

async function decoded(request) {
  const response = await fetch(request);
  if (response.status !== 200) return response;
  try {
    const bytes = new Uint8Array(await response.arrayBuffer());
    const mine = last.then(() => png(request, bytes)); // one after the other, so that memory is bounded
    last = mine.then(() => undefined, () => undefined);
    const headers = { "Content-Type": "image/png" };
    for (const name of KEPT_HEADERS) if (response.headers.has(name)) headers[name] = response.headers.get(name);
    return new Response(await mine, { headers });
  } catch (error) {
    return new Response(`${error.name}: ${error.message}`, { status: 422, headers: { "Content-Type": "text/plain" } });
  }
}

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("message", (event) => {
  if (event.data === "claim") event.waitUntil(clients.claim()); // of a page that was loaded past it
});
addEventListener("fetch", (event) => {
  if (isMeant(event.request)) event.respondWith(decoded(event.request));
});
