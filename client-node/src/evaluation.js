// Evaluate a release for a key: pure, and the same in every language.

import { createHash } from 'node:crypto';

const BUCKETS = 100_000n;

/** The bucket of a key in a rollout: the first eight bytes of SHA-256 of `"v1" NUL salt NUL key`, scaled. */
export function bucket(salt, key) {
  const digest = createHash('sha256').update(`v1\0${salt}\0${key}`, 'utf8').digest();
  return Number((digest.readBigUInt64BE(0) * BUCKETS) >> 64n);
}

/** Choose the version that one key gets: `{ version, arm, reason, rollout, bucket }`. */
export function decide(release, key, attributes = {}) {
  const { split } = release;
  const rollout = split ? split.rollout : null;
  for (const { when, version, arm } of release.targets) {
    if (when.every((condition) => holds(condition, attributes))) {
      return { version, arm, reason: 'TARGETING_MATCH', rollout, bucket: null };
    }
  }
  const { version, arm } = release.default;
  if (!split) return { version, arm, reason: 'STATIC', rollout: null, bucket: null };
  const position = bucket(split.salt, key);
  const slot = split.slots.find(({ start, size }) => start <= position && position < start + size);
  return { version: slot?.version ?? version, arm: slot?.arm ?? arm, reason: 'SPLIT', rollout, bucket: position };
}

function holds(condition, attributes) {
  const value = Object.hasOwn(attributes, condition.attribute) ? attributes[condition.attribute] : null;
  const elements = Array.isArray(value) || value instanceof Set ? [...value] : [value];
  return elements.some((element) => element != null && condition.in.map(String).includes(asText(element)));
}

/** Write a value as audiences have it: whole numbers in decimal, however large. */
function asText(value) {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value).toString() : String(value);
}
