import type { ControlMessage, SnapshotOffer, SnapshotPiece } from '../protocol/messages.ts';

/** More than any leader has in flight: what waits to be written is bounded. */
export const INTAKE_BYTES_MAX = 16 * 1024 * 1024;

/** Where a snapshot goes: see IncomingSnapshot. */
export interface SnapshotTarget {
  readonly offset: number;
  readonly isWhole: boolean;
  /** Returns what is wrong with the bytes. */
  add(bytes: Buffer): Promise<string | undefined>;
  /** Verifies it as a whole and takes its place: log and state go on from it. Returns what is wrong with it. */
  install(): Promise<string | undefined>;
  /** Leaves what came so far for the next time. Idempotent. */
  close(): Promise<void>;
}

export interface IntakeOptions {
  readonly epoch: number;
  readonly open: (offer: SnapshotOffer) => Promise<SnapshotTarget>;
  readonly send: (message: ControlMessage) => void;
  /** Says from where on it is wanted. */
  readonly begun: (offset: number, bytes: number) => void;
  /** False once the session is over, or fenced. */
  readonly current: () => boolean;
}

export type IntakeEnd =
  | { readonly kind: 'installed' }
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'invalid'; readonly reason: string };

/** The follower's side of a snapshot that is being sent: offer, want, pieces, got; and then the install. */
export class SnapshotIntake {
  readonly #options: IntakeOptions;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #offer: SnapshotOffer | undefined;
  #nextOffset: number | undefined;
  #gotBytes = 0;
  #fault: string | undefined;
  #wake: () => void = () => undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** What the leader said; it is read in order, by `run`. */
  receive(message: SnapshotOffer | SnapshotPiece): void {
    if (message.kind === 'offer') {
      if (this.#offer === undefined) this.#offer = message;
      else this.#fault ??= 'a second offer';
    } else if (message.offset !== this.#nextOffset) {
      this.#fault ??= `a piece at ${message.offset}, expected ${this.#nextOffset ?? 'none'}`;
    } else {
      this.#nextOffset += message.bytes.length;
      this.#waiting.push(Buffer.from(message.bytes));
      this.#waitingBytes += message.bytes.length;
      if (this.#waitingBytes > INTAKE_BYTES_MAX) this.#fault ??= 'more pieces ahead than allowed';
    }
    this.#wake();
  }

  /** A sign of life, while nothing else is said. */
  alive(): void {
    const { epoch, send } = this.#options;
    if (this.#nextOffset !== undefined) send({ kind: 'got', epoch, offset: this.#gotBytes });
  }

  /** The session is over: whoever waits for a piece waits no longer. */
  end(): void {
    this.#wake();
  }

  /** Resolves when the snapshot is installed, or will not be. @throws WalshipError SAVED_FULL, DISK_FULL, DISK_FAILED. */
  async run(): Promise<IntakeEnd> {
    const { epoch, open, begun, send, current } = this.#options;
    await this.#until(() => this.#offer !== undefined);
    if (this.#offer === undefined || !current()) return this.#over();
    const target = await open(this.#offer);
    try {
      this.#gotBytes = target.offset;
      this.#nextOffset = target.offset;
      const { digest } = this.#offer;
      if (!current()) return this.#over();
      begun(target.offset, this.#offer.bytes);
      send({ kind: 'want', epoch, digest, offset: target.offset });
      while (!target.isWhole) {
        await this.#until(() => this.#waiting.length > 0);
        const bytes = this.#waiting.shift();
        if (this.#fault !== undefined || !current() || bytes === undefined) return this.#over();
        this.#waitingBytes -= bytes.length;
        const reason = await target.add(bytes);
        if (reason !== undefined) return { kind: 'invalid', reason };
        this.#gotBytes = target.offset;
        if (current()) this.alive();
      }
      if (!current()) return this.#over();
      const reason = await target.install();
      return reason === undefined ? { kind: 'installed' } : { kind: 'invalid', reason };
    } finally {
      await target.close();
    }
  }

  #over(): IntakeEnd {
    return this.#fault === undefined
      ? { kind: 'overtaken' }
      : { kind: 'invalid', reason: this.#fault };
  }

  async #until(done: () => boolean): Promise<void> {
    while (!done() && this.#fault === undefined && this.#options.current()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
