import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { lapseText } = await script("strip");
const { described, runs } = await script("chart");

const LAPSE = { dialect: "chap", began_at: 1700000000, ended_at: 1700000040, services: 1202, live_before: 1290, recovered: 0, absences: [] };

test("a mass lapse says what lapsed, and whether the gateway was there", () => {
  const [title, text, href] = lapseText(LAPSE);
  assert.match(title, /^1,202 of 1,290 chap services lapsed within 40 s, from .* on\.$/);
  assert.equal(text, "The gateway and its database were present all the time. 0 of them are live again.");
  assert.match(href, /kind=expired&dialect=chap&since=2023-11-14T22%3A13%3A19Z&until=2023-11-14T22%3A14%3A01Z$/);
  const away = (...causes) => lapseText({ ...LAPSE, recovered: 1, absences: causes.map((cause) => ({ since: 10, until: 322, cause })) })[1];
  assert.equal(away("gateway"), "Before that no gateway was running for 5m 12s. 1 of them is live again.");
  assert.match(away("database"), /^Before that the database could not be written for 5m 12s\./);
  assert.match(away("database", "gateway"), /^Before that no gateway was running, or the database could not be written for 10m 24s\./);
  const lasting = lapseText({ ...LAPSE, absences: [{ since: 10, until: null, cause: null }] })[1];
  assert.match(lasting, /^Before that no gateway was running\. /);
});

test("the chart has a gap where nothing is known, and says what it shows", () => {
  const found = runs([null, 5, 10, null, 0], 10);
  assert.equal(found.length, 2);
  assert.deepEqual(found[0].map(([x]) => x), [150, 300]);
  assert.ok(found[0][0][1] > found[0][1][1], "more services are higher up");
  assert.equal(described({ live: [null, 5, 10, 7], expired: [0, 0, 3, 1] }), "Live services over the last day: 5 to 10, now 7. 4 lapses.");
  assert.equal(described({ live: [null], expired: [2] }), "2 lapses within the last day");
});
