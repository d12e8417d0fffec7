/** Reads a chunk: node chunk.mjs TABLES < {quality_index, rows, columns, payload}. Prints its symbols, or the error. */

import { readFile } from "node:fs/promises";
import { stdin } from "node:process";

import { decodeSymbols } from "../../web/src/symbols.js";
import { Tables } from "../../web/src/tables.js";

const tables = await Tables.read(new Uint8Array(await readFile(process.argv[2])));
let text = "";
for await (const part of stdin) text += part;
const found = JSON.parse(text).map(({ quality_index: level, rows, columns, payload }) => {
  try {
    const { z, y } = decodeSymbols(tables, level, rows, columns, new Uint8Array(Buffer.from(payload, "hex")));
    return { z: [...z], y: [...y] };
  } catch (error) {
    return { error: error.name };
  }
});
console.log(JSON.stringify(found));
