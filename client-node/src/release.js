// Read a release as a registry sends it. What is accepted can always be decided, and rendered.

import { compile } from './rendering.js';

const EDITION = 2;
const DAY_SECONDS = 86_400; // no maintained clock is that far ahead

/** Check a release. Throws an Error that says what is wrong. */
export function checkRelease(data) {
  const { targets, split, versions } = data;
  if (typeof data.prompt !== 'string' || ![data.epoch, data.seq].every(Number.isSafeInteger)) {
    throw new Error('not a release');
  }
  if (split && split.algo !== 'v1') throw new Error(`bucketing ${split.algo} is not known here; upgrade`);
  const chosen = [data.default, ...targets, ...(split ? split.slots : [])];
  for (const { version, arm } of chosen) {
    const document = Object.hasOwn(versions, version) ? versions[version].document : null;
    if (!document || typeof arm !== 'string') throw new Error(`no document of ${version}`);
    if ((document.edition ?? 1) > EDITION) throw new Error(`a document of edition ${document.edition}; upgrade`);
    try {
      compile(document);
    } catch (error) {
      throw new Error(`${data.prompt}@${version} cannot be rendered here: ${error.message}`);
    }
  }
  for (const { when } of targets) {
    if (!when.every((condition) => Array.isArray(condition.in))) throw new Error('a target without values');
  }
  return data;
}

/** Tell whether the first of two releases is newer; an epoch that lies in the future ranks below all others. */
export function isNewer(one, other) {
  if (!other) return true;
  if (one.epoch === other.epoch) return one.seq > other.seq;
  const latest = Date.now() / 1000 + DAY_SECONDS;
  const [ahead, otherAhead] = [one.epoch > latest, other.epoch > latest];
  return ahead === otherAhead ? one.epoch > other.epoch : otherAhead;
}
