/**
 * Goal: a process of which the descriptors are taken can open nothing, and can again when they are given back.
 * Verifies: a real process on Linux with prlimit, before, in between and after; that the sentence tells the numbers.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { Descriptors, descriptorsCanBeLimited } from '../../../src/drill/target/descriptors.ts';

const OPENS = `
const fs = require('node:fs');
process.stdin.on('data', () => {
  try { fs.closeSync(fs.openSync('/dev/null')); console.log('opened'); } catch (error) { console.log(error.code); }
});`;

test.runIf(descriptorsCanBeLimited())(
  'a process without descriptors opens nothing until it has them back',
  async () => {
    const child = spawn(process.execPath, ['-e', OPENS], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');
    const lines = createInterface(child.stdout);
    const tries = async (): Promise<unknown> => {
      const line = once(lines, 'line');
      child.stdin.write('now\n');
      return (await line)[0];
    };
    const descriptors = new Descriptors(child.pid ?? 0);
    expect(await tries()).toBe('opened');

    expect(await descriptors.take()).toMatch(/^\d+ are open, and the limit is \d+$/);
    expect(await tries()).toBe('EMFILE');

    // Twice: what was there before the first time is what comes back.
    await descriptors.take();
    await descriptors.giveBack();
    expect(await tries()).toBe('opened');
  },
);
