import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { details, happened, moment, plural, span } = await script("text");

test("a span is told in its largest unit and the next smaller one", () => {
  const told = [
    [-5, "0s"],
    [0.9, "0s"],
    [59, "59s"],
    [60, "1m 0s"],
    [3599, "59m 59s"],
    [3600, "1h 0m"],
    [12_059, "3h 20m"],
    [90_000, "1d 1h"],
  ];
  for (const [seconds, words] of told) assert.equal(span(seconds), words);
});

test("numbers have the right noun", () => {
  assert.equal(plural(1, "service", "services"), "1 service");
  assert.equal(plural(0, "service", "services"), "0 services");
});

test("kinds of events are words, known to this version or not", () => {
  assert.equal(happened("expired"), "lease expired");
  assert.equal(happened("account_created"), "account created");
});

test("details tell what changed into what, and leave out what is not there", () => {
  assert.equal(details(null), "");
  assert.equal(details({ old: "1", new: "2" }), "version: 1 → 2");
  assert.equal(details({ old_address: null, new_address: "http://b" }), "address: none → http://b");
  assert.equal(details({ leases: 3, ended_at: 60, cause: null }), `leases: 3, ended at: ${moment(60)}`);
});
