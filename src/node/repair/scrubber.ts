import { isUnwritable } from '../../ports/disk-errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { Dialer } from '../../ports/link.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import { MiB } from '../../ports/units.ts';
import type { SealedSegment } from '../../wal/read/log-map.ts';
import { refetchSegment, scrubSegment } from '../../wal/scrub.ts';
import type { FetchBatches, RefetchedSegment, ScrubDamage } from '../../wal/scrub.ts';
import type { ScrubStatus } from '../api/api.ts';
import type { EventListener } from '../api/events.ts';
import { LogFetcher } from './fetch-log.ts';
import type { Peer } from '../cluster/peers.ts';
import type { Replica } from '../replica/replica.ts';

/** Default for the bytes of sealed segments that are read again in a second. */
export const SCRUB_BYTES_PER_SECOND_DEFAULT = MiB;
/** Pause between two passes. */
export const SCRUB_PAUSE_MS = 1_000;
/** Number of times that every voter is asked for the batches of a damaged segment; the next pass asks again. */
export const MEND_TRIES = 3;
export const MEND_RETRY_MS = 5_000;

export interface ScrubberOptions {
  readonly replica: Replica;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dialer: Dialer;
  /** Voters; this node may be among them. */
  readonly peers: () => readonly Peer[];
  /** Bytes read in a second. 0: nothing is scrubbed; damage that a read of the log meets is repaired all the same. */
  readonly bytesPerSecond: number;
  readonly onEvent: EventListener;
}

/** A voter's answer that could not help. */
interface Refusal {
  readonly nodeId: string;
  readonly code: string;
  readonly message: string;
}

/** Codes of a voter that holds no batches continuing the undamaged part here. */
const HAS_NONE: ReadonlySet<string> = new Set(['PURGED', 'CHAIN_MISMATCH']);

/**
 * Reads sealed segments again and again, slowly, one piece at a time; fetches damaged parts from another voter and
 * puts them back.
 *
 * The node keeps its state during the repair, intact or not: the fetched bytes have to continue the segment before
 * and to be continued by the one after it, so they equal the lost bytes, and nothing that this node ever vouched for
 * is gone. Only if nobody has them, and the state does not contain them yet, the node stops: its next start saves and
 * cuts the damaged part, and it comes back as a suspect.
 */
export class Scrubber {
  readonly #options: ScrubberOptions;
  readonly #end = new AbortController();
  /** Paths of segments in which a read of the log met damage. */
  readonly #doubted = new Set<string>();
  /** Damage by path. */
  readonly #damage = new Map<string, ScrubDamage>();
  #wake: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #scrubbedBytes = 0;
  #mended = 0;
  #lastPass: Pick<ScrubStatus, 'lastPassAt' | 'lastPassBytes'> = {
    lastPassAt: null,
    lastPassBytes: 0,
  };

  constructor(options: ScrubberOptions) {
    this.#options = options;
  }

  start(): void {
    const { replica } = this.#options;
    replica.log.sealed.onDamage((path) => {
      this.#doubted.add(path);
      this.#wake();
    });
    this.#running = this.#run().catch((error: unknown) => this.#failed(error));
  }

  /** Resolves when no read or repair is under way. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#wake();
    await this.#running;
  }

  get status(): ScrubStatus {
    const { bytesPerSecond } = this.#options;
    const damaged = [...this.#damage.values()].map(({ segment, offset, fromLsn, toLsn }) => ({
      segment: segment.path,
      offset,
      fromLsn,
      toLsn,
    }));
    return {
      bytesPerSecond,
      ...this.#lastPass,
      scrubbedBytes: this.#scrubbedBytes,
      mendedSegments: this.#mended,
      damaged,
    };
  }

  get #isOver(): boolean {
    return this.#end.signal.aborted || this.#options.replica.end !== undefined;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      if (this.#options.bytesPerSecond > 0) await this.#pass();
      await this.#inDoubt();
      if (this.#doubted.size === 0) await this.#pause(SCRUB_PAUSE_MS);
    }
  }

  async #pass(): Promise<void> {
    const { replica, clock } = this.#options;
    let passBytes = 0;
    let baseLsn = 0;
    for (;;) {
      const segment = replica.log.sealed.after(baseLsn);
      if (this.#isOver) return;
      if (segment === undefined) break;
      baseLsn = segment.header.baseLsn;
      passBytes += segment.end;
      await this.#scrub(segment);
      await this.#inDoubt();
    }
    this.#lastPass = { lastPassAt: clock.wallMs(), lastPassBytes: passBytes };
    this.#forgetGone();
  }

  /** Checks first the segments in which a read met damage. */
  async #inDoubt(): Promise<void> {
    const { sealed } = this.#options.replica.log;
    for (const path of this.#doubted) {
      this.#doubted.delete(path);
      const segment = sealed.at(path);
      if (segment !== undefined && !this.#isOver) await this.#scrub(segment);
    }
  }

  async #scrub(segment: SealedSegment): Promise<void> {
    const { disk, replica, bytesPerSecond } = this.#options;
    const chunks = scrubSegment(disk, segment);
    try {
      for (;;) {
        const { done, value } = await chunks.next();
        if (done === true) {
          // The segment may have been purged or cut while it was read.
          if (value !== undefined && replica.log.sealed.holds(segment)) await this.#damaged(value);
          else this.#damage.delete(segment.path);
          return;
        }
        this.#scrubbedBytes += value;
        if (bytesPerSecond > 0) await this.#pause((value / bytesPerSecond) * 1_000);
        if (this.#isOver) return;
      }
    } catch (error) {
      // No file descriptor is available: that says nothing about the segment, which is read again in the next pass.
      if (!isUnwritable(error)) throw error;
      await this.#pause(SCRUB_PAUSE_MS);
    } finally {
      await chunks.return(undefined);
    }
  }

  async #damaged(damage: ScrubDamage): Promise<void> {
    const { onEvent } = this.#options;
    const { segment, offset, fromLsn, toLsn, reason } = damage;
    const { path } = segment;
    if (!this.#damage.has(path)) {
      const message = `${path} is damaged at offset ${offset}: ${reason}; LSN ${fromLsn} to ${toLsn} cannot all be read`;
      const details = { segment: path, offset, fromLsn, toLsn };
      onEvent({ level: 'error', code: 'SEGMENT_DAMAGED', message, ...details });
    }
    this.#damage.set(path, damage);
    for (let tries = 1; !this.#isOver; tries += 1) {
      const refusals = await this.#mend(damage);
      if (refusals === undefined) {
        this.#damage.delete(path);
        return;
      }
      if (tries === MEND_TRIES) return this.#unmended(damage, refusals);
      await this.#pause(MEND_RETRY_MS);
    }
  }

  /**
   * Repairs a damaged segment. Resolves with undefined once the segment is whole again, or gone; else with each
   * voter's answer.
   */
  async #mend(damage: ScrubDamage): Promise<readonly Refusal[] | undefined> {
    const { replica, peers } = this.#options;
    const others = peers().filter(({ nodeId }) => nodeId !== replica.nodeId);
    const refusals: Refusal[] = [];
    for (const source of [undefined, ...others]) {
      if (this.#isOver || !replica.log.sealed.holds(damage.segment)) return undefined;
      try {
        await this.#mendFrom(damage, source);
        return undefined;
      } catch (error) {
        if (!isWalshipError(error) || error.code === 'DISK_FAILED') throw error;
        const nodeId = source?.nodeId ?? replica.nodeId;
        const isOwn = source === undefined && !isUnwritable(error);
        if (!isOwn) refusals.push({ nodeId, code: error.code, message: error.message });
      }
    }
    return refusals;
  }

  async #mendFrom(damage: ScrubDamage, source: Peer | undefined): Promise<void> {
    const { replica, disk, entropy, onEvent } = this.#options;
    const { segment } = damage;
    const fetcher = await this.#fetcher(source);
    let refetched: RefetchedSegment;
    try {
      refetched = await refetchSegment({ disk, entropy }, segment, fetcher.fetch);
    } finally {
      fetcher.close();
    }
    const replaced = await replica.log.sealed.replace(damage, refetched);
    if (replaced === undefined) return;
    this.#mended += 1;
    const from = source?.nodeId ?? 'memory';
    const { fromLsn, toLsn } = damage;
    const { saved } = replaced;
    const message = `${segment.path} was repaired: its records were fetched from ${from}`;
    const details = { segment: segment.path, fromLsn, toLsn, from, saved };
    onEvent({ level: 'warn', code: 'SEGMENT_MENDED', message, ...details });
    // Records that wait to be applied may have waited for this repair.
    replica.durableMoved();
  }

  /** Opens a source of batches: this node's own memory, which holds the newest ones, or a peer. */
  async #fetcher(source: Peer | undefined): Promise<{ fetch: FetchBatches; close: () => void }> {
    const { replica, clock, dialer } = this.#options;
    const { log } = replica;
    if (source === undefined) {
      const fetch: FetchBatches = async ({ lsn }) => {
        const chunk = log.recentAfter(lsn, MiB);
        if (chunk === undefined) throw new WalshipError('PURGED', `LSN ${lsn} is not in memory`);
        return chunk.bytes;
      };
      return { fetch, close: () => undefined };
    }
    const ports = { clock, dialer, signal: this.#end.signal };
    const fetcher = await LogFetcher.dial(ports, source.address, log.identity?.clusterId ?? '');
    return { fetch: (after) => fetcher.batchesAfter(after), close: () => fetcher.close() };
  }

  #unmended({ segment, fromLsn, toLsn }: ScrubDamage, refusals: readonly Refusal[]): void {
    const { replica, onEvent } = this.#options;
    const { path } = segment;
    const asked = refusals.map(({ nodeId, message }) => `${nodeId}: ${message}`).join('; ');
    const message = `${path} was not repaired: ${asked || 'there is no other voter'}`;
    const reached = refusals.filter(({ code }) => code !== 'PEER_UNREACHABLE');
    const nobodyHasIt = reached.length > 0 && reached.every(({ code }) => HAS_NONE.has(code));
    if (toLsn > replica.appliedLsn && nobodyHasIt) {
      const what = `${message}; the next start saves and cuts the damaged part`;
      replica.fail(new WalshipError('WAL_CORRUPT', what, { details: { segment: path } }));
      return;
    }
    const hint =
      'take a snapshot (walship snapshot): the next start then does not need the log below it';
    const details = { segment: path, fromLsn, toLsn, hint };
    onEvent({ level: 'error', code: 'SEGMENT_NOT_MENDED', message, ...details });
  }

  #forgetGone(): void {
    const { sealed } = this.#options.replica.log;
    for (const [path, { segment }] of this.#damage) {
      if (!sealed.holds(segment)) this.#damage.delete(path);
    }
  }

  /** Waits at most `forMs`: less if a read meets damage, or if this node ends. */
  #pause(forMs: number): Promise<void> {
    const { clock } = this.#options;
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.after(forMs, () => this.#wake());
      this.#wake = () => {
        cancel();
        this.#wake = () => undefined;
        resolve();
      };
    });
  }

  #failed(error: unknown): void {
    if (isWalshipError(error, 'NODE_CLOSED')) return;
    const message = 'the scrub failed';
    const cause = isWalshipError(error)
      ? error
      : new WalshipError('DISK_FAILED', message, { cause: error });
    this.#options.replica.fail(cause);
  }
}
