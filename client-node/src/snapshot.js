// The last good release of each name on disk, so that an app starts while the registry is gone.

import { createHash } from 'node:crypto';
import { constants, closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { checkRelease } from './release.js';

const DEFAULT_FOLDER = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'promptstage-node');

export class Snapshot {
  #folder;
  #written = 0;

  constructor(folder, url, environment) {
    const place = createHash('sha256').update(`${url}\0${environment}`).digest('hex').slice(0, 16);
    this.#folder = join(folder || DEFAULT_FOLDER, place);
  }

  /** Return the release that was written last, or null. */
  read(name) {
    let file;
    try {
      file = openSync(this.#path(name), constants.O_RDONLY | constants.O_NOFOLLOW);
      const release = checkRelease(JSON.parse(readFileSync(file, 'utf8')));
      return release.prompt === name ? release : null;
    } catch {
      return null; // as good as none
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  /** Write a release, whole or not at all. Rejects if the disk does. */
  async write(release) {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#path(release.prompt);
    const fresh = `${path}.${process.pid}.${(this.#written += 1)}`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(fresh, flags, 0o600);
    try {
      await file.writeFile(JSON.stringify(release));
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  }

  #path(name) {
    return join(this.#folder, `${encodeURIComponent(name)}.json`);
  }
}
