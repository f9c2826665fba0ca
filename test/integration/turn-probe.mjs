// Preloaded into a node under test. While it is told to, it looks in each turn of the event loop how much of the CPU the main thread has had, and
// keeps the longest turn: a machine that is busy with other things makes turns late, not long. Then it says how long a fixed piece of work takes here.
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

const CALIBRATION_TRIES = 5;
const CALIBRATION_ITEMS = 10_000;

/** The CPU time of work of the same kind as a node's: objects, texts and bytes. The best of some tries. */
function calibrationMs() {
  let bestMs = Infinity;
  for (let count = 0; count < CALIBRATION_TRIES; count += 1) {
    const startMs = cpuMs();
    const items = Array.from({ length: CALIBRATION_ITEMS }, (_, index) => ({ key: `k${index}` }));
    let sum = 0;
    for (const byte of Buffer.from(JSON.stringify(items))) sum = (Math.imul(sum, 31) + byte) | 0;
    if (sum === 0) throw new Error('the sum of these bytes is another');
    bestMs = Math.min(bestMs, cpuMs() - startMs);
  }
  return bestMs;
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
    process.send({ longestMs, calibrationMs: calibrationMs() });
  }
});
// The node lives as long as it wants to.
process.channel?.unref();
