/**
 * The thread that decodes. Requests come as messages with an `id`, and are answered by messages with the same, one after
 * the other.
 */

import { Engine } from "./engine.js";
import { toPlain } from "./errors.js";
import { turn } from "./turn.js";

/** @type {Engine} */
let engine; // made by the first message, which says where things are
let last = Promise.resolve();
const waiting = new Set();

async function answer({ id, kind, bytes, wish }) {
  const pause = async () => {
    await turn();
    if (!waiting.has(id)) throw new DOMException("The operation was aborted.", "AbortError");
  };
  await pause();
  if (kind === "inspect") return { result: engine.inspect(bytes), transfer: [] };
  const onProgress = (share) => postMessage({ id, progress: share });
  const wishes = { ...wish, pause, onProgress };
  if (kind === "png") return { result: await engine.png(bytes, wishes), transfer: [] };
  const result = await engine.decode(bytes, wishes);
  return { result, transfer: [result.data.buffer] };
}

async function respond(request) {
  const { id } = request;
  try {
    const { result, transfer } = await answer(request);
    postMessage({ id, result }, { transfer });
  } catch (error) {
    postMessage({ id, error: toPlain(error) });
  } finally {
    waiting.delete(id);
  }
}

addEventListener("message", ({ data }) => {
  if (data.kind === "init") {
    engine = new Engine(data.settings);
  } else if (data.kind === "stop") {
    waiting.delete(data.id);
  } else {
    waiting.add(data.id);
    // What a file says of itself takes no time, and need not wait for others.
    if (data.kind === "inspect") respond(data);
    else last = last.then(() => respond(data));
  }
});
