/** File descriptors of a running process, taken from it and given back with prlimit of util-linux. */
import { execFile, spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { WalshipError } from '../../errors.ts';

const run = promisify(execFile);

/** Limit of open files under which a process opens nothing: a higher one leaves the low numbers that a node keeps in reserve, or closes, for use again. */
const NO_DESCRIPTORS_LIMIT = 1;

/** Returns true where limits of other processes can be set. */
export function descriptorsCanBeLimited(): boolean {
  return process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;
}

export class Descriptors {
  readonly #pid: number;
  /** The soft limit that it had; undefined: it has it still. */
  #before: string | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Lets the process open nothing more, whatever it closes; resolves with the numbers in words. @throws WalshipError DRILL_FAILED. */
  async take(): Promise<string> {
    try {
      const open = (await readdir(`/proc/${this.#pid}/fd`)).length;
      this.#before ??= (await this.#prlimit('--nofile', '--output=SOFT', '--noheadings')).trim();
      const limit = NO_DESCRIPTORS_LIMIT;
      await this.#prlimit(`--nofile=${limit}:`);
      return `${open} are open, and the limit is ${limit}`;
    } catch (cause) {
      throw failed('be lowered', cause);
    }
  }

  /** Restores the limit that the process had. @throws WalshipError DRILL_FAILED. */
  async giveBack(): Promise<void> {
    if (this.#before === undefined) return;
    try {
      await this.#prlimit(`--nofile=${this.#before}:`);
      this.#before = undefined;
    } catch (cause) {
      throw failed('be raised', cause);
    }
  }

  async #prlimit(...args: readonly string[]): Promise<string> {
    return (await run('prlimit', ['--pid', String(this.#pid), ...args])).stdout;
  }
}

function failed(what: string, cause: unknown): WalshipError {
  return new WalshipError('DRILL_FAILED', `the limit of open files cannot ${what}`, { cause });
}
