import type { Clock } from '../../ports/clock.ts';
import type { Link } from '../../ports/link.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts';
import { FRAME_BYTES_MAX } from '../../protocol/messages.ts';
import type { Fetch, Frame } from '../../protocol/messages.ts';
import { framesOf } from '../../protocol/pieces.ts';
import type { LogChunk } from '../../wal/format/chunk.ts';
import { samePosition } from '../../wal/format/position.ts';
import type { Log } from '../../wal/log.ts';

/** Number of peers that may fetch from this node at a time; each holds one batch in memory at most. */
export const FETCH_LINKS_MAX = 4;
/** Milliseconds without a request after which a peer is considered done. */
export const FETCH_IDLE_MS = 10_000;

export interface FetchServerOptions {
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Serves ranges of the log to peers whose own copy was damaged. Each peer names its position before the gap, and gets
 * only batches that continue it.
 */
export class FetchServer {
  readonly #options: FetchServerOptions;
  readonly #links = new Set<Link>();

  constructor(options: FetchServerOptions) {
    this.#options = options;
  }

  /** Takes over a link that began with `first`. */
  accept(link: Link, first: Fetch): void {
    if (this.#links.size >= FETCH_LINKS_MAX) {
      link.close('BUSY: too many peers fetch from this node');
      return;
    }
    this.#links.add(link);
    const { clock, log } = this.#options;
    const source = new FetchSource(log);
    let cancel: () => void = () => undefined;
    let busy = false;
    const answer = (fetch: Fetch): void => {
      cancel();
      if (busy) {
        link.close('PROTOCOL_ERROR: one fetch at a time');
        return;
      }
      busy = true;
      source.frame(fetch).then(
        (frame) => {
          busy = false;
          cancel = clock.after(FETCH_IDLE_MS, () => link.close('nothing was fetched any more'));
          link.send(encodeMessage(frame));
        },
        (error: unknown) => link.close(reasonOf(error)),
      );
    };
    link.receive({
      onMessage: (bytes) => {
        const decoded = decodeMessage(bytes);
        const message = decoded.kind === 'message' ? decoded.message : undefined;
        if (message?.kind === 'fetch') answer(message);
        else link.close('PROTOCOL_ERROR: expected a fetch');
      },
      onClose: () => {
        cancel();
        this.#links.delete(link);
      },
    });
    answer(first);
  }

  close(): void {
    for (const link of this.#links) link.close('NODE_CLOSED');
  }
}

/** Source for one peer: the pieces of a large batch are requested one by one, but the batch is read once. */
class FetchSource {
  readonly #log: Log;
  #chunk: LogChunk | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Returns the frame for a request. @throws WalshipError WRONG_CLUSTER, PURGED, CHAIN_MISMATCH, WAL_CORRUPT,
   * PROTOCOL_ERROR, DISK_FAILED.
   */
  async frame({ clusterId, after, pieceIndex }: Fetch): Promise<Frame> {
    const log = this.#log;
    if (log.identity?.clusterId !== clusterId) {
      throw new WalshipError('WRONG_CLUSTER', 'this node belongs to another cluster, or to none');
    }
    if (this.#chunk === undefined || !samePosition(this.#chunk.previous, after)) {
      if (after.lsn + 1 < log.firstLsn) {
        const message = `LSN ${after.lsn + 1} is not held, the oldest one is ${log.firstLsn}`;
        throw new WalshipError('PURGED', message);
      }
      const held = await log.chainAt(after.lsn);
      const chunk =
        held !== undefined && samePosition(held, after)
          ? await log.chunkAfter(after.lsn, FRAME_BYTES_MAX)
          : undefined;
      if (chunk === undefined) {
        const message = `this log has nothing that continues LSN ${after.lsn} of epoch ${after.epoch}`;
        throw new WalshipError('CHAIN_MISMATCH', message);
      }
      this.#chunk = chunk;
    }
    const context = { epoch: log.durable.epoch, commitLsn: log.history.knownCommitLsn };
    const frame = framesOf(this.#chunk, context)[pieceIndex];
    if (frame === undefined) throw new WalshipError('PROTOCOL_ERROR', `no piece ${pieceIndex}`);
    return frame;
  }
}

function reasonOf(error: unknown): string {
  return isWalshipError(error) ? `${error.code}: ${error.message}` : 'the node stopped';
}
