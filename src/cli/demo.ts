/** Runs `walship demo`: three nodes on this machine, a stream of writes, and a live view of both. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../client/client.ts';
import { WalshipError } from '../errors.ts';
import { clusterStatus } from './cluster-status.ts';
import type { NodeView } from './cluster-status.ts';
import type { CommandIo } from './command-io.ts';
import { DemoCluster } from './demo-cluster.ts';
import { formatCurlLines, formatMoment, formatMomentLine } from './demo-view.ts';
import type { DemoMoment } from './demo-view.ts';
import { loadWrite } from './load-write.ts';
import { leaderOf } from './status.ts';
import { withClient } from './with-client.ts';

export interface DemoOptions {
  /** Seconds after which it ends on its own; 0: only when it is interrupted. */
  readonly seconds: number;
  /** Script that this process runs: the nodes run it too. */
  readonly program: string;
  /** Aborts when the user ends the demonstration. */
  readonly signal: AbortSignal;
}

const READY_MS_MAX = 30_000;
const POLL_MS = 100;
const STATUS_TIMEOUT_MS = 1_000;
const WRITERS = 8;
/** Pause between two writes of one writer: a steady stream, not a load test. */
const WRITE_PAUSE_MS = 20;
const WRITE_TIMEOUT_MS = 5_000;
const KEYS = 1_000;

/** Runs until `seconds` are over or `signal` aborts; leaves no process and no file behind. */
export async function demo(options: DemoOptions, io: CommandIo): Promise<void> {
  const cluster = await DemoCluster.start(options.program);
  try {
    io.out(`starting three nodes in ${cluster.dir}\n`);
    const views = await Promise.race([untilLed(cluster, options.signal), cluster.failed]);
    if (views === undefined) return;
    io.out(
      `${(leaderOf(views)?.contract ?? []).join('\n')}\n\n${formatCurlLines(cluster.nodes)}\n`,
    );
    await Promise.race([runStream(cluster, options, io), cluster.failed]);
  } finally {
    await cluster.stop();
  }
}

/** Resolves with the views of a cluster whose nodes are all ready; undefined if the user gave up first. */
async function untilLed(
  cluster: DemoCluster,
  signal: AbortSignal,
): Promise<readonly NodeView[] | undefined> {
  const deadlineMs = performance.now() + READY_MS_MAX;
  while (!signal.aborted) {
    const views = await viewsOf(cluster);
    const ready = views.filter(({ status }) => status !== undefined && status.notReady === null);
    if (leaderOf(views) !== undefined && ready.length === cluster.nodes.length) return views;
    if (performance.now() > deadlineMs) {
      const message = `not all nodes were ready after ${READY_MS_MAX} ms`;
      throw new WalshipError('NO_LEADER', `${message}\n${await cluster.lastWords()}`);
    }
    await sleep(POLL_MS);
  }
  return undefined;
}

async function viewsOf(cluster: DemoCluster): Promise<readonly NodeView[]> {
  try {
    return await clusterStatus(
      cluster.nodes.map((node) => node.url),
      STATUS_TIMEOUT_MS,
    );
  } catch (error) {
    if (error instanceof WalshipError) return []; // No node answers: the table shows it.
    throw error;
  }
}

/** Counts of the writers, for the view. */
interface Tally {
  acknowledged: number;
  /** Code of the latest failed write; cleared by the next acknowledged one. */
  latestError: string | undefined;
}

async function runStream(cluster: DemoCluster, options: DemoOptions, io: CommandIo): Promise<void> {
  const tally: Tally = { acknowledged: 0, latestError: undefined };
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const url = cluster.nodes.map((node) => node.url);
  await withClient({ url, json: false, timeoutMs: WRITE_TIMEOUT_MS }, async (db) => {
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      await writeUntil(signal, { db, tally, writer });
    });
    try {
      await show(cluster, { options, io, tally });
    } finally {
      ended.abort();
      await db.close();
      await Promise.all(writers);
    }
  });
  if (tally.acknowledged === 0 && !options.signal.aborted) {
    throw new WalshipError('NO_QUORUM', `no write was acknowledged (${tally.latestError ?? ''})`);
  }
}

async function writeUntil(
  signal: AbortSignal,
  { db, tally, writer }: { db: Client; tally: Tally; writer: number },
): Promise<void> {
  for (let count = 0; !signal.aborted; count += 1) {
    const key = Buffer.from(`demo/${(count * WRITERS + writer) % KEYS}`);
    const value = Buffer.from(`write ${count} of writer ${writer}`);
    const { code } = await loadWrite(db, key, { value, ack: 'quorum' });
    if (code === 'OK') {
      tally.acknowledged += 1;
      tally.latestError = undefined;
    } else if (!signal.aborted) {
      tally.latestError = code;
    }
    await pause(WRITE_PAUSE_MS, signal);
  }
}

/** Shows a moment each second: redrawn on a terminal, one line each elsewhere. */
async function show(
  cluster: DemoCluster,
  { options, io, tally }: { options: DemoOptions; io: CommandIo; tally: Tally },
): Promise<void> {
  const startMs = performance.now();
  let before = { acknowledged: 0, atMs: startMs };
  let drawnLines = 0;
  while (!options.signal.aborted) {
    await pause(1_000, options.signal);
    const views = await viewsOf(cluster);
    const nowMs = performance.now();
    const { acknowledged } = tally;
    const moment: DemoMoment = {
      nodes: cluster.nodes,
      views,
      seconds: (nowMs - startMs) / 1_000,
      writesPerSecond: ((acknowledged - before.acknowledged) * 1_000) / (nowMs - before.atMs),
      acknowledged,
      latestError: tally.latestError,
    };
    before = { acknowledged, atMs: nowMs };
    const text = io.terminal ? formatMoment(moment) : formatMomentLine(moment);
    // Move the cursor up over the previous table, and clear from there.
    io.out(io.terminal && drawnLines > 0 ? `\u001B[${drawnLines}A\u001B[J${text}` : text);
    drawnLines = text.split('\n').length - 1;
    if (options.seconds > 0 && moment.seconds >= options.seconds) return;
  }
}

/** Waits for `delayMs`, or until `signal` aborts. */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
