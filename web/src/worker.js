/** The thread that decodes. Requests come as messages with an `id`, and are answered by messages with the same. */

import { Engine } from "./engine.js";
import { toPlain } from "./errors.js";

/** @type {Engine} */
let engine; // made by the first message, which says where things are
const stopped = new Set();

async function answer({ id, kind, bytes, wish }) {
  if (kind === "inspect") return { result: engine.inspect(bytes), transfer: [] };
  const check = () => {
    if (stopped.has(id)) throw new DOMException("The operation was aborted.", "AbortError");
  };
  const onProgress = (share) => postMessage({ id, progress: share });
  if (kind === "png") return { result: await engine.png(bytes, { ...wish, check, onProgress }), transfer: [] };
  const result = await engine.decode(bytes, { ...wish, check, onProgress });
  return { result, transfer: [result.data.buffer] };
}

addEventListener("message", async ({ data }) => {
  if (data.kind === "init") {
    engine = new Engine(data.settings);
  } else if (data.kind === "stop") {
    stopped.add(data.id);
  } else {
    try {
      const { result, transfer } = await answer(data);
      postMessage({ id: data.id, result }, transfer);
    } catch (error) {
      postMessage({ id: data.id, error: toPlain(error) });
    } finally {
      stopped.delete(data.id);
    }
  }
});
