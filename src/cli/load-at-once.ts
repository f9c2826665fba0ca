import { createRequire } from 'node:module';

/**
 * Loads modules of the built program, and all that they import, without a turn of the event loop for each file: on Node.js 20 that takes a
 * third off the time that a node needs to load. An `import()` of the same module later finds it loaded.
 * @param names of built files next to this one: `serve-parts.js`.
 */
export function loadAtOnce(...names: readonly string[]): void {
  const load = createRequire(import.meta.url);
  for (const name of names) load(`./${name}`);
}
