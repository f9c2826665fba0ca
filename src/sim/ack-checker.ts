/**
 * Judges each ack in the moment in which it is sent, by the platter of its sender alone: the position that it reports
 * as durable is there, with the same chain, and so is a promise of the epoch of the ack.
 */
import type { Message } from '../protocol/messages.ts';
import { SimViolation } from './golden-log.ts';
import { snapshotReach } from './log-image.ts';
import type { Platter, Platters } from './platters.ts';
import type { SimFile } from './sim-file.ts';
import { DATA_DIR, WAL_DIR } from './sim-machine.ts';

/** Offset of the chain from the end of a batch: it is the last field of the seal, before the checksum. */
const CHAIN_BYTES_BEFORE_END = 8;

export class AckChecker {
  readonly #platters: Platters;
  readonly #promises = new WeakMap<
    SimFile,
    { readonly generation: number; readonly epoch: number }
  >();

  /** Highest LSN that each node acknowledged last. */
  readonly #acked = new Map<string, number>();

  constructor(platters: Platters) {
    this.#platters = platters;
  }

  /** Returns the LSN that a node's last ack reported as durable. */
  ackedBy(nodeId: string): number {
    return this.#acked.get(nodeId) ?? 0;
  }

  /** Judges a message; only acks matter. @throws SimViolation where an ack is not true. */
  sent(platter: Platter, message: Message): void {
    if (message.kind !== 'ack') return;
    const { epoch, durableLsn, chain } = message;
    const { nodeId } = platter;
    this.#acked.set(nodeId, durableLsn);
    const promised = this.#promiseOf(platter);
    if (promised < epoch) {
      throw new SimViolation(
        `${nodeId} sends an ack in epoch ${epoch}, and the promise on its platter is of ${promised}`,
      );
    }
    // Records that came in a snapshot are not in the log.
    if (durableLsn === 0 || snapshotReach(platter.disk, WAL_DIR) >= durableLsn) return;
    const batches = this.#platters.imageOf(platter).batches({ fromLsn: durableLsn, durable: true });
    const batch = batches.findLast(({ lastLsn }) => lastLsn === durableLsn);
    const held = batch?.bytes.readUInt32BE(batch.bytes.length - CHAIN_BYTES_BEFORE_END);
    if (held === chain) return;
    const has = held === undefined ? 'no batch that ends there' : 'another one there';
    throw new SimViolation(
      `${nodeId} sends an ack of LSN ${durableLsn}, and its platter has ${has}`,
    );
  }

  /** Returns the epoch of the promise on the platter; 0 where none could be read after a power cut. */
  #promiseOf({ disk }: Platter): number {
    const file = disk.names.durable(`${DATA_DIR}/meta.json`);
    if (file === undefined) return 0;
    const known = this.#promises.get(file);
    const { generation } = file;
    if (known?.generation === generation) return known.epoch;
    const epoch = epochIn(file.view(true).toString());
    this.#promises.set(file, { generation, epoch });
    return epoch;
  }
}

function epochIn(meta: string): number {
  try {
    return (JSON.parse(meta) as { readonly promise: { readonly epoch: number } }).promise.epoch;
  } catch {
    return 0; // The bytes were never synced: the name exists, and the file is empty.
  }
}
