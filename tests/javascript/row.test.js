import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { complaint, identity } = await script("row");

test("services of one key in two dialects are two", () => {
  const [one, other] = ["chap", "runspec"].map((dialect) => identity({ dialect, key: "a", version: "1" }));
  assert.notEqual(one, other);
  assert.equal(one, identity({ dialect: "chap", key: "a" }));
});

test("a status needs another word where its dialect or the service has one", () => {
  assert.equal(complaint({ status: "up", health: "healthy", reported: null }), null);
  assert.equal(complaint({ status: "up", health: "healthy", reported: "degraded" }), "says degraded");
  assert.equal(complaint({ status: "down", health: "unreachable", reported: "healthy" }), "unreachable");
  assert.equal(complaint({ status: "degraded", health: "degraded", reported: null }), null);
});
