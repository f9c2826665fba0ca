/**
 * Judges each ack in the moment in which it is sent, by the platter of its sender alone: what it says to be durable is there, with the
 * chain that it names, and so is a promise of the epoch in which it says so.
 */
import type { Message } from '../protocol/messages.ts';
import { SimViolation } from './golden-log.ts';
import { snapshotReach } from './log-image.ts';
import type { Platter, Platters } from './platters.ts';
import type { SimFile } from './sim-file.ts';
import { DATA_DIR, WAL_DIR } from './sim-machine.ts';

/** From the end of a batch: the chain is the last thing in the seal, before its checksum. */
const CHAIN_BYTES_BEFORE_END = 8;

export class AckChecker {
  readonly #platters: Platters;
  readonly #promises = new WeakMap<
    SimFile,
    { readonly generation: number; readonly epoch: number }
  >();

  /** The LSN that each node acknowledged last. */
  readonly #acked = new Map<string, number>();

  constructor(platters: Platters) {
    this.#platters = platters;
  }

  /** What a node said to be durable in its last ack. */
  ackedBy(nodeId: string): number {
    return this.#acked.get(nodeId) ?? 0;
  }

  /** @throws SimViolation where it is an ack that is not true. */
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
    // What came in a snapshot is not in the log.
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

  /** The epoch of the promise on the platter; 0 where there is none that could be read after a power cut. */
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
    return 0; // Its bytes were never synced: the name is there, and nothing in it.
  }
}
