import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { marked } = await script("attention");

test("the icon has the number, as long as it can be read", () => {
  assert.match(marked(7), />7<\/text>/);
  assert.match(marked(1202), />!<\/text>/);
});
