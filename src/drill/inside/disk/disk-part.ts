import { relative } from 'node:path';
import type { DiskPart } from '../../../ports/break-node.ts';

/** Returns true where `path` belongs to `part` of the data directory `dir`. */
export function isOfPart(dir: string, path: string, part: DiskPart): boolean {
  if (part === 'all') return true;
  const below = relative(dir, path);
  // A name in the data directory itself is made durable with meta.json only.
  if (part === 'meta') return below === '' || below.startsWith('meta.json');
  return below === part || below.startsWith(`${part}/`);
}
