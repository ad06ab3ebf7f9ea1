import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { hostOf, valuesOf } = await script("completion");

test("the host of an address, whatever its form", () => {
  const hosts = { "web-01": "web-01", "web:80": "web", "http://web:80/x": "web", "https://[::1]:8/": "[::1]", "": "" };
  for (const [address, host] of Object.entries(hosts)) assert.equal(hostOf(address), host);
  assert.equal(hostOf(null), "");
});

test("each value is offered once", () => {
  const services = ["http://b:1", "http://a:1", "b"].map((address) => ({ name: "x", version: null, address }));
  assert.deepEqual(valuesOf(services), { name: ["x"], version: [], host: ["a", "b"] });
});
