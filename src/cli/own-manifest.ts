import { readFileSync } from 'node:fs';

/** What package.json says of this program. */
export function ownManifest(): { readonly version: string; readonly description: string } {
  const file = new URL('../../package.json', import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as { version: string; description: string };
}
