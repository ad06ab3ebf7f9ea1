import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { identity, reason, toolsShown } = await script("row");
const { shortTime } = await script("text");

test("services of one key in two dialects are two", () => {
  const [one, other] = ["chap", "runspec"].map((dialect) => identity({ dialect, key: "a", version: "1" }));
  assert.notEqual(one, other);
  assert.equal(one, identity({ dialect: "chap", key: "a" }));
});

test("a status has its reason where there is more to say", () => {
  assert.equal(reason({ status: "up", health: "healthy", reported: null, expires_at: 9 }), null);
  assert.equal(reason({ status: "up", health: "healthy", reported: "degraded", expires_at: 9 }), "says degraded");
  const at = Date.now() / 1000 - 60;
  assert.equal(reason({ status: "down", health: "unreachable", reported: "healthy", expires_at: at }), `expired ${shortTime(at)}`);
  const gone = { status: "gone", health: "gone", reported: null, ended: { kind: "deregistered", at } };
  assert.equal(reason(gone), `deregistered ${shortTime(at)}`);
});

test("the tool that was searched for is shown first", () => {
  const names = ["restart", "rotate", "disk-usage"];
  assert.deepEqual(toolsShown(names, ["", ""]).map(({ name, hit }) => [name, hit]), [["restart", false], ["rotate", false]]);
  assert.deepEqual(toolsShown(names, ["DISK"]).map(({ name, hit }) => [name, hit]), [["disk-usage", true], ["restart", false]]);
});
