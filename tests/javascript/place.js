// What the scripts need of a browser while they are loaded: where the page is, and nothing to show it in.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Older versions of Node take a script for a module only where a package.json says so; the page has none.
const scripts = mkdtempSync(join(tmpdir(), "page-"));
cpSync(fileURLToPath(new URL("../../registry_gateway/endpoints/page/scripts", import.meta.url)), scripts, { recursive: true });
writeFileSync(join(scripts, "package.json"), '{"type":"module"}');
process.on("exit", () => rmSync(scripts, { recursive: true }));

const kept = new Map();

globalThis.document = { documentElement: { dataset: { root: "/registry" } }, getElementById: () => null };
globalThis.location = { pathname: "/registry/", search: "" };
globalThis.sessionStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => kept.set(name, value),
  removeItem: (name) => kept.delete(name),
};

/** Load a script of the page. */
export function script(name) {
  return import(join(scripts, `${name}.js`));
}

/** Put the page somewhere else. */
export function open(pathname, search = "") {
  Object.assign(globalThis.location, { pathname, search });
}
