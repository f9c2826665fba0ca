/** Three `walship serve` processes on loopback ports and in a directory of their own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WalshipError } from '../errors.ts';
import { freePorts } from '../ports/free-ports.ts';

/** One node of the demonstration. */
export interface DemoNode {
  readonly nodeId: string;
  readonly url: string;
  /** Process id; undefined while it is down. */
  readonly pid: number | undefined;
}

const PORTS_PREFERRED = [7401, 7402, 7403];
/** Milliseconds before a killed node is started again. */
const RESTART_MS = 2_000;
/** Number of immediate ends after which a node counts as broken, not killed. */
const QUICK_ENDS_MAX = 3;
const QUICK_MS = 1_000;
const STOP_MS = 5_000;
const LOG_TAIL_CHARACTERS = 2_000;

interface Child {
  readonly nodeId: string;
  readonly url: string;
  readonly args: readonly string[];
  readonly logPath: string;
  process: ChildProcess | undefined;
  quickEnds: number;
}

export class DemoCluster {
  readonly dir: string;
  readonly #program: string;
  readonly #children: readonly Child[];
  #stopping = false;
  #fail: (error: WalshipError) => void = () => {};
  /** Rejects when a node cannot be kept running; never resolves. */
  readonly failed: Promise<never>;

  private constructor(program: string, dir: string, ports: readonly number[]) {
    this.dir = dir;
    this.#program = program;
    const peers = ports.map((port, index) => `n${index + 1}=127.0.0.1:${port}`).join(',');
    this.#children = ports.map((port, index) => childOf(`n${index + 1}`, { dir, port, peers }));
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {}); // The waiting caller gets the error; without one it is no unhandled rejection.
  }

  /** Starts three processes of `program`, the script of this command line; they may not be ready yet. */
  static async start(program: string): Promise<DemoCluster> {
    const dir = await mkdtemp(path.join(tmpdir(), 'walship-demo-'));
    const cluster = new DemoCluster(program, dir, await freePorts(PORTS_PREFERRED));
    for (const child of cluster.#children) cluster.#spawn(child);
    return cluster;
  }

  get nodes(): readonly DemoNode[] {
    return this.#children.map(({ nodeId, url, process }) => ({ nodeId, url, pid: process?.pid }));
  }

  /** Returns the ends of the nodes' logs. */
  async lastWords(): Promise<string> {
    return (await Promise.all(this.#children.map(lastWordsOf))).join('\n');
  }

  /** Ends the processes, politely first, and removes the directory. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#children.map(async (child) => await endProcess(child.process)));
    await rm(this.dir, { recursive: true, force: true });
  }

  #spawn(child: Child): void {
    const startedMs = performance.now();
    const log = openSync(child.logPath, 'a');
    const started = spawn(process.execPath, [this.#program, ...child.args], {
      stdio: ['ignore', log, log],
      env: withoutOwnVariables(process.env),
    });
    closeSync(log);
    child.process = started;
    started.once('error', (cause) => {
      this.#fail(new WalshipError('NODE_CLOSED', `${child.nodeId} cannot be started`, { cause }));
    });
    started.once('exit', () => {
      child.process = undefined;
      child.quickEnds = performance.now() - startedMs < QUICK_MS ? child.quickEnds + 1 : 0;
      if (!this.#stopping) void this.#revive(child);
    });
  }

  async #revive(child: Child): Promise<void> {
    if (child.quickEnds >= QUICK_ENDS_MAX) {
      const message = `${child.nodeId} ended right after its start\n${await lastWordsOf(child)}`;
      this.#fail(new WalshipError('NODE_CLOSED', message));
      return;
    }
    // The timer is unreferenced: it must not hold up the end of the program.
    await sleep(RESTART_MS, undefined, { ref: false });
    if (!this.#stopping) this.#spawn(child);
  }
}

async function lastWordsOf({ nodeId, logPath }: Child): Promise<string> {
  const log = await readFile(logPath, 'utf8');
  return `last words of ${nodeId}:\n${log.slice(-LOG_TAIL_CHARACTERS)}`;
}

function childOf(
  nodeId: string,
  { dir, port, peers }: { readonly dir: string; readonly port: number; readonly peers: string },
): Child {
  const address = `127.0.0.1:${port}`;
  const options = {
    '--node': nodeId,
    '--listen': address,
    '--data': path.join(dir, nodeId),
    '--peers': peers,
    '--initial-leader': 'n1',
    '--segment-bytes': String(16 * 1024 * 1024),
    '--log-level': 'warn',
  };
  return {
    nodeId,
    url: `http://${address}`,
    args: ['serve', ...Object.entries(options).flat()],
    logPath: path.join(dir, `${nodeId}.log`),
    process: undefined,
    quickEnds: 0,
  };
}

/**
 * Removes the variables of walship, so that the demonstration is the same whatever the shell has set for other nodes.
 */
function withoutOwnVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('WALSHIP_')));
}

async function endProcess(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
