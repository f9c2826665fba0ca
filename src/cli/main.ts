#!/usr/bin/env node
import { processIo } from './command-io.ts';
import { loadAtOnce } from './load-at-once.ts';
import { runCommandLine } from './program.ts';

// A reader that stops early (`walship scan | head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
// A log that nobody reads, or that its disk has no space for, is no reason to stop a node.
process.stderr.on('error', () => undefined);

if (process.argv[2] === 'serve' && process.features.require_module) {
  loadAtOnce('run-commands.js', 'serve-parts.js');
}

// Lingering timers and sockets must not keep the process of a finished command.
process.exit(await runCommandLine(process.argv.slice(2), processIo()));
