import { readFileSync } from 'node:fs';

/** Reads version and description of this program from package.json. */
export function ownManifest(): { readonly version: string; readonly description: string } {
  const file = new URL('../../package.json', import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as { version: string; description: string };
}
