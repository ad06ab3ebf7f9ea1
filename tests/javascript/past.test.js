import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { at, compared, summary } = await script("past");

const then = (key, members = {}) => ({ dialect: "chap", key, name: key, version: "1", address: null, since: 5, ...members });
const now = (key, members = {}) => ({ dialect: "chap", key, name: key, version: "1", address: null, status: "up", health: "healthy", registered_at: 5, expires_at: 99, ...members });

test("a moment is a time in either of its forms", () => {
  assert.equal(at(new URLSearchParams({ at: "1700000000.5" })), 1700000000.5);
  assert.equal(at(new URLSearchParams({ at: "2023-11-14T22:13:20Z" })), 1700000000);
  assert.ok(Number.isNaN(at(new URLSearchParams({ at: "yesterday" }))));
});

test("services of then and now are compared, differences first", () => {
  const before = ["same", "gone", "down", "moved", "again"].map((key) => then(key));
  const after = [
    now("same"),
    now("down", { status: "down", health: "unreachable" }),
    now("moved", { address: "http://b" }),
    now("again", { registered_at: 11 }),
    now("new"),
    now("came and went", { status: "down", health: "lapsed" }),
  ];
  const rows = compared(before, after, 10);
  assert.deepEqual(
    rows.map(({ change, ...row }) => [change, (row.before ?? row.after).key]),
    [["ended", "gone"], ["ended", "down"], ["new", "new"], ["changed", "moved"], ["registered again", "again"], ["same", "same"]],
  );
  assert.equal(summary(rows), "Since then 2 ended, 1 is new, 1 changed, 1 registered again.");
  assert.equal(summary(compared([then("same")], [now("same")], 10)), "Nothing is different now.");
});
