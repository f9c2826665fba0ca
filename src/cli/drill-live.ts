/** Live view of a drill: on a terminal a table under the events so far, elsewhere one line for each event. */
import type { Load } from '../drill/run/runner.ts';
import type { TimelineEvent } from '../drill/recording/recording.ts';
import type { TargetNode } from '../drill/target/target.ts';
import { WalshipError } from '../errors.ts';
import { clusterStatus } from './cluster-status.ts';
import type { NodeView } from './cluster-status.ts';
import type { CommandIo } from './command-io.ts';
import { formatMoment } from './demo-view.ts';
import { formatEvent } from './drill-verdict.ts';

const REDRAW_MS = 500;
const STATUS_MS_MAX = 400;

export class DrillLive {
  readonly #io: CommandIo;
  readonly #nodes: () => readonly TargetNode[];
  #load: { readonly load: Load; readonly nowMs: () => number } | undefined;
  #before = { acknowledged: 0, atMs: 0 };
  #table = '';
  #timer: NodeJS.Timeout | undefined;
  #drawing: Promise<void> = Promise.resolve();

  constructor(io: CommandIo, nodes: () => readonly TargetNode[]) {
    this.#io = io;
    this.#nodes = nodes;
  }

  event(event: TimelineEvent): void {
    this.#print(`${formatEvent(event)}\n`);
  }

  begin(load: Load, nowMs: () => number): void {
    this.#load = { load, nowMs };
    if (!this.#io.terminal) return;
    this.#timer = setInterval(() => {
      this.#drawing = this.#drawing.then(async () => await this.#redraw());
    }, REDRAW_MS);
  }

  /** Removes the table; idempotent. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#drawing;
    this.#print('', '');
  }

  async #redraw(): Promise<void> {
    if (this.#timer === undefined || this.#load === undefined) return;
    const nodes = this.#nodes();
    const views = await viewsOf(nodes.map(({ url }) => url));
    const { load, nowMs } = this.#load;
    const atMs = nowMs();
    const { acknowledged } = load;
    const written = acknowledged - this.#before.acknowledged;
    const text = formatMoment({
      nodes: nodes.map(({ nodeId, url }) => ({ nodeId, url, pid: undefined })),
      views,
      seconds: atMs / 1_000,
      writesPerSecond: (written * 1_000) / Math.max(1, atMs - this.#before.atMs),
      acknowledged,
      latestError: undefined,
    });
    this.#before = { acknowledged, atMs };
    this.#print('', text);
  }

  /** Prints a line above the table, and draws the table anew. */
  #print(line: string, table: string = this.#table): void {
    const drawn = this.#table.split('\n').length - 1;
    const up = drawn > 0 ? `\u001B[${drawn}A\u001B[J` : '';
    this.#table = table;
    const text = `${up}${line}${table}`;
    if (text !== '') this.#io.out(text);
  }
}

async function viewsOf(urls: readonly string[]): Promise<readonly NodeView[]> {
  try {
    return await clusterStatus(urls, STATUS_MS_MAX);
  } catch (error) {
    if (error instanceof WalshipError) return []; // No node answers: the table shows it.
    throw error;
  }
}
