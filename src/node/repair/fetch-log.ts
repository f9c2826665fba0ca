import type { Link } from '../../ports/link.ts';
import { WalshipError } from '../../errors.ts';
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts';
import { PROTOCOL_VERSION } from '../../protocol/messages.ts';
import type { Frame } from '../../protocol/messages.ts';
import { PieceAssembler } from '../../protocol/pieces.ts';
import type { Position } from '../../wal/format/position.ts';
import { dialWithin } from '../cluster/peers.ts';
import type { QuestionPorts } from '../cluster/peers.ts';

/** Milliseconds that a peer may take to read and send one frame. */
export const FETCH_TIMEOUT_MS = 5_000;

/** Fetches ranges of log from one peer, over a link of its own, one frame at a time. */
export class LogFetcher {
  readonly #ports: QuestionPorts;
  readonly #clusterId: string;
  readonly #link: Link;
  #closed: string | undefined;
  #waiting: { resolve: (frame: Frame) => void; reject: (error: WalshipError) => void } | undefined;

  private constructor(ports: QuestionPorts, clusterId: string, link: Link) {
    this.#ports = ports;
    this.#clusterId = clusterId;
    this.#link = link;
    link.receive({
      onMessage: (bytes) => this.#received(bytes),
      onClose: (reason) => this.#end(reason),
    });
  }

  /** Connects to a peer. @throws WalshipError PEER_UNREACHABLE. */
  static async dial(ports: QuestionPorts, address: string, clusterId: string): Promise<LogFetcher> {
    return new LogFetcher(ports, clusterId, await dialWithin(ports, address));
  }

  /**
   * Fetches whole batches that the peer holds after `after`; they are not verified.
   * @throws WalshipError PURGED or CHAIN_MISMATCH where the peer has none, PEER_UNREACHABLE where it does not answer,
   * PROTOCOL_ERROR.
   */
  async batchesAfter(after: Position): Promise<Buffer> {
    const pieces = new PieceAssembler((bytes) => Buffer.allocUnsafeSlow(bytes));
    for (let pieceIndex = 0; ; pieceIndex += 1) {
      const found = pieces.add(await this.#frame(after, pieceIndex));
      if (found.kind === 'whole') return found.bytes;
      if (found.kind === 'invalid') throw new WalshipError('PROTOCOL_ERROR', found.reason);
    }
  }

  close(): void {
    this.#link.close('fetched');
    this.#end('the fetch is over');
  }

  #frame(after: Position, pieceIndex: number): Promise<Frame> {
    const { clock, signal } = this.#ports;
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(unanswered(this.#closed));
      const onAbort = (): void => this.close();
      const cancel = clock.after(FETCH_TIMEOUT_MS, () => this.#end('no answer in time'));
      const settle = (): void => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#waiting = undefined;
      };
      this.#waiting = {
        resolve: (frame) => {
          settle();
          resolve(frame);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const clusterId = this.#clusterId;
      const protocol = PROTOCOL_VERSION;
      this.#link.send(encodeMessage({ kind: 'fetch', protocol, clusterId, after, pieceIndex }));
    });
  }

  /** Takes a message, which is valid during the call only. */
  #received(bytes: Buffer): void {
    const decoded = decodeMessage(Buffer.from(bytes));
    if (decoded.kind === 'message' && decoded.message.kind === 'frame') {
      this.#waiting?.resolve(decoded.message);
    } else {
      this.#end('it sent an unexpected answer');
    }
  }

  #end(reason: string): void {
    this.#closed ??= reason;
    this.#waiting?.reject(unanswered(reason));
  }
}

/** Codes of a peer that holds none of the requested batches. */
const HAS_NONE = ['PURGED', 'CHAIN_MISMATCH'] as const;

function unanswered(reason: string): WalshipError {
  const code = HAS_NONE.find((known) => reason.startsWith(`${known}:`));
  return new WalshipError(code ?? 'PEER_UNREACHABLE', reason);
}
