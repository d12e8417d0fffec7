/** Prints the SHA-256 of the symbols of files: node symbols.mjs TABLES FILE... It runs no network and no browser. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

import { Chunks } from "../../web/src/chunks.js";
import { Container } from "../../web/src/container.js";
import { Tables } from "../../web/src/tables.js";

const [, , tablesPath, ...paths] = process.argv;
const tables = await Tables.read(new Uint8Array(await readFile(tablesPath)));
for (const path of paths) {
  const container = new Container(new Uint8Array(await readFile(path)));
  const { rows, columns } = container;
  const chunks = new Chunks(container);
  chunks.tables = tables;
  const { z, y } = await chunks.symbols({ top: 0, bottom: rows, left: 0, right: columns });
  const hash = createHash("sha256");
  for (const values of [z, y]) hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  console.log(JSON.stringify({ symbols: hash.digest("hex"), count: z.length + y.length }));
}
