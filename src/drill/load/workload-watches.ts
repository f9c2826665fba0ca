import { setTimeout as sleep } from 'node:timers/promises';
import { isWalshipError } from '../../errors.ts';
import { comparePositions, parseVersion } from '../../wal/format/position.ts';
import type { Version } from '../../wal/format/position.ts';
import type { LoadContext, LoadPart } from './load-context.ts';
import type { WatchChange, WatchRecord } from '../recording/recording.ts';

/** Milliseconds before a broken watch is resumed. */
const AGAIN_MS = 100;
const POLL_MS = 20;

/**
 * Watches of every change: one at each node, which stays there, and one through the client library, which moves
 * between nodes.
 */
export class WatchWorkload implements LoadPart {
  readonly #context: LoadContext;
  readonly #from: Version;
  readonly #watchers: readonly Watcher[];
  readonly #stopping = new AbortController();
  #running: readonly Promise<void>[] = [];

  /** Creates the watches. @param from version that they start after. */
  constructor(context: LoadContext, from: Version) {
    this.#context = context;
    this.#from = from;
    this.#watchers = [undefined, ...context.client.nodes].map(
      (nodeId) => new Watcher(nodeId, from),
    );
  }

  get records(): readonly WatchRecord[] {
    return this.#watchers.flatMap((watcher) => watcher.records);
  }

  start(): void {
    this.#running = this.#watchers.map(async (watcher) => await this.#watch(watcher));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  /**
   * Resolves once every watcher was shown `version` or later, or the time is over; watchers at nodes that stay down
   * are not waited for.
   */
  async shown(
    version: Version,
    { withinMs, staysDown }: { readonly withinMs: number; readonly staysDown: readonly string[] },
  ): Promise<void> {
    const endMs = performance.now() + withinMs;
    const watchers = this.#watchers.filter(({ nodeId }) => !staysDown.includes(nodeId ?? ''));
    const behind = (): boolean =>
      watchers.some((watcher) => comparePositions(watcher.at, version) < 0);
    while (behind() && performance.now() < endMs) await sleep(POLL_MS);
  }

  async #watch(watcher: Watcher): Promise<void> {
    const { client, history, prefix } = this.#context;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const { nodeId, name } = watcher;
      try {
        const call = { client: name, nodeId, after: watcher.at, prefix, signal };
        for await (const change of client.watch(call)) {
          watcher.show({ atMs: history.now(), ...change });
        }
      } catch (error) {
        if (!isWalshipError(error)) throw error;
        const { code, details } = error;
        const oldest = parseVersion(String(details['oldest']));
        if (code === 'PURGED' && oldest !== undefined) watcher.end(code, oldest);
        else if (code === 'LSN_REPLACED') watcher.end(code, this.#from);
      }
      // A broken watch is resumed after a pause; the signal ends the loop.
      if (!signal.aborted) await sleep(AGAIN_MS);
    }
  }
}

interface OpenRecord extends WatchRecord {
  readonly changes: WatchChange[];
}

class Watcher {
  readonly name: string;
  readonly nodeId: string | undefined;
  readonly #ended: WatchRecord[] = [];
  #open: OpenRecord;

  constructor(nodeId: string | undefined, from: Version) {
    this.nodeId = nodeId;
    this.name = `watch-${nodeId ?? 'library'}`;
    this.#open = { watcher: this.name, nodeId, from, changes: [], failed: undefined };
  }

  get records(): readonly WatchRecord[] {
    return [...this.#ended, this.#open];
  }

  /** Version after which to resume. */
  get at(): Version {
    return this.#open.changes.at(-1)?.version ?? this.#open.from;
  }

  show(change: WatchChange): void {
    this.#open.changes.push(change);
  }

  /** Ends the watch, which cannot continue there, and begins another one after `from`. */
  end(failed: string, from: Version): void {
    if (this.#open.changes.length > 0) this.#ended.push({ ...this.#open, failed });
    this.#open = { ...this.#open, from, changes: [] };
  }
}
