/**
 * A service worker with which plain `<img src="photo.lmc">`, CSS backgrounds and `fetch` work: it answers requests of its
 * own origin for `.lmc` files with PNG files.
 *
 * Who wants the file itself asks with `Accept: image/x-lmc`, or follows a link to it.
 */

import { Engine } from "./src/engine.js";

const SUFFIX = /\.lmc$/i;
const engine = new Engine({ threads: 1 });

function isMeant(request) {
  const { origin, pathname } = new URL(request.url);
  const wantsFile = request.mode === "navigate" || request.headers.get("Accept")?.includes("image/x-lmc");
  return request.method === "GET" && origin === location.origin && SUFFIX.test(pathname) && !wantsFile;
}

async function decoded(request) {
  const response = await fetch(request);
  if (!response.ok) return response;
  try {
    const png = await engine.png(new Uint8Array(await response.arrayBuffer()));
    return new Response(png, { headers: { "Content-Type": "image/png" } });
  } catch (error) {
    return new Response(`${error.name}: ${error.message}`, { status: 422, headers: { "Content-Type": "text/plain" } });
  }
}

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (isMeant(event.request)) event.respondWith(decoded(event.request));
});
