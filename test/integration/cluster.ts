/** Real `walship serve` processes in a temporary directory. Builds nothing: `npm test` has built `dist` before. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/ports/free-ports.ts';

export const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const READY_MS_MAX = 30_000;
const POLL_MS = 20;
const OUTPUT_CHARACTERS_MAX = 20_000;

/** What a program printed, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program of ours. */
export class Program {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[]) {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('WALSHIP_')),
    );
    const child = spawn(process.execPath, [PROGRAM, ...args], { env });
    this.process = child;
    child.stdout.on('data', (chunk: Buffer) => {
      this.#stdout = (this.#stdout + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    });
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  get output(): string {
    return `${this.#stdout}\n${this.#stderr}`;
  }

  get alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async end(signal: NodeJS.Signals): Promise<Ended> {
    if (this.alive) this.process.kill(signal);
    return await this.ended;
  }
}

/** Runs one command to its end. */
export async function runCommand(...args: readonly string[]): Promise<Ended> {
  return await new Program(args).ended;
}

/** Asks until `what` holds, with a deadline instead of a sleep that is long enough. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  describe: () => string = () => '',
): Promise<void> {
  const deadlineMs = performance.now() + READY_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) {
      throw new Error(`not within ${READY_MS_MAX} ms: ${what}\n${describe()}`);
    }
    await sleep(POLL_MS);
  }
}

export class TestCluster {
  readonly dir: string;
  readonly ids: readonly string[];
  readonly peers: string;
  readonly #ports: readonly number[];
  readonly #more: readonly string[];
  readonly #programs = new Map<string, Program>();

  private constructor(dir: string, ports: readonly number[], more: readonly string[]) {
    this.#more = more;
    this.dir = dir;
    this.#ports = ports;
    this.ids = ports.map((_, index) => `n${index + 1}`);
    this.peers = this.ids.map((id, index) => `${id}=127.0.0.1:${ports[index]}`).join(',');
  }

  /** Three ports and a directory, and options that every node gets besides; nothing runs yet. */
  static async create(...more: readonly string[]): Promise<TestCluster> {
    return await TestCluster.of(3, ...more);
  }

  /** As `create`, with so many voters. */
  static async of(voters: number, ...more: readonly string[]): Promise<TestCluster> {
    const dir = await mkdtemp(path.join(tmpdir(), 'walship-test-'));
    const ports = await freePorts(Array.from({ length: voters }, () => 0));
    return new TestCluster(dir, ports, more);
  }

  /** Starts every node and waits until all of them are ready. */
  async startAll(): Promise<void> {
    for (const id of this.ids) this.start(id);
    await this.untilReady();
  }

  get urls(): readonly string[] {
    return this.ids.map((id) => this.url(id));
  }

  url(id: string): string {
    return `http://127.0.0.1:${this.port(id)}`;
  }

  port(id: string): number {
    return this.#ports[this.ids.indexOf(id)] ?? 0;
  }

  dataDir(id: string): string {
    return path.join(this.dir, id);
  }

  /** The arguments of one node, for those that start it in another way. */
  args(id: string): readonly string[] {
    const options = ['--node', id, '--data', this.dataDir(id), '--peers', this.peers];
    // Small segments, so that every test crosses their borders.
    const more = ['--segment-bytes', '65536', '--initial-leader', 'n1'];
    return ['serve', '--listen', `127.0.0.1:${this.port(id)}`, ...options, ...more, ...this.#more];
  }

  start(id: string): Program {
    const program = new Program(this.args(id));
    this.#programs.set(id, program);
    return program;
  }

  /** kill -9, and the process is gone when this resolves. */
  async kill(id: string): Promise<void> {
    await this.#programs.get(id)?.end('SIGKILL');
  }

  /** kill -9, and an empty directory in place of what it had; it does not run when this resolves. */
  async wipe(id: string): Promise<void> {
    await this.kill(id);
    await rm(this.dataDir(id), { recursive: true });
  }

  /** SIGSTOP and SIGCONT: a pause that the process does not notice. */
  signal(id: string, signal: NodeJS.Signals): void {
    this.#programs.get(id)?.process.kill(signal);
  }

  /** What it has printed so far. */
  output(id: string): string {
    return this.#programs.get(id)?.output ?? '';
  }

  async stop(id: string): Promise<Ended | undefined> {
    return await this.#programs.get(id)?.end('SIGTERM');
  }

  async untilReady(ids: readonly string[] = this.ids): Promise<void> {
    for (const id of ids) {
      await until(
        `${id} is ready`,
        async () => {
          const program = this.#programs.get(id);
          if (program?.alive !== true) {
            throw new Error(`${id} has ended:\n${program?.output ?? ''}`);
          }
          return await answers(`${this.url(id)}/readyz`);
        },
        () => [...this.#programs].map(([name, { output }]) => `${name}:\n${output}`).join('\n'),
      );
    }
  }

  /** Ends every process, whatever state it is in, and removes the directory. */
  async dispose(): Promise<void> {
    await Promise.all(
      [...this.#programs.values()].map(async (program) => await program.end('SIGKILL')),
    );
    await rm(this.dir, { recursive: true, force: true });
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // Not yet.
  }
}
