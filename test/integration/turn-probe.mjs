// Preloaded into a node under test. While it is told to, it looks in each turn of the event loop how much of the CPU the main thread has had, and
// keeps the longest turn: a machine that is busy with other things makes turns late, not long.
import { openSync, readSync } from 'node:fs';

const file = openSync('/proc/thread-self/schedstat', 'r');
const text = Buffer.alloc(64);
let longestMs = 0;
let lastMs = 0;
let looking = false;

/** What the main thread has had of the CPU. */
function cpuMs() {
  const bytes = readSync(file, text, 0, text.length, 0);
  return Number(text.toString('latin1', 0, bytes).split(' ')[0]) / 1e6;
}

function look() {
  const nowMs = cpuMs();
  longestMs = Math.max(longestMs, nowMs - lastMs);
  lastMs = nowMs;
  if (looking) setImmediate(look);
}

process.on('message', (message) => {
  if (message === 'begin') {
    longestMs = 0;
    lastMs = cpuMs();
    looking = true;
    setImmediate(look);
  } else if (message === 'end') {
    looking = false;
    look();
    process.send({ longestMs });
  }
});
// The node lives as long as it wants to.
process.channel?.unref();
