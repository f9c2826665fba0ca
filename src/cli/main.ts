#!/usr/bin/env node
import { processIo } from './command-io.ts';
import { loadAtOnce } from './load-at-once.ts';
import { runCommandLine } from './program.ts';

// A reader that has seen enough (`walship scan | head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
// A log that nobody reads, or that its disk has no room for, is no reason to stop a node.
process.stderr.on('error', () => undefined);

if (process.argv[2] === 'serve') loadAtOnce('run-commands.js', 'serve-parts.js');

// Timers and sockets that are slow to die must not keep the process of a command that is done.
process.exit(await runCommandLine(process.argv.slice(2), processIo()));
