import type { ControlMessage, SnapshotOffer, SnapshotPiece } from '../protocol/messages.ts';

/** More than any leader has in flight: what waits to be written is bounded. */
export const INTAKE_BYTES_MAX = 16 * 1024 * 1024;

/** Where a snapshot goes: see IncomingSnapshot. */
export interface SnapshotTarget {
  /** The next byte that is wanted. */
  readonly offset: number;
  /** Takes bytes that are valid only during the call; resolves when they are durable, or with what is wrong with them. */
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
  #offer: SnapshotOffer | undefined;
  /** Takes pieces from when it is wanted until it is whole, or will not be. */
  #target: SnapshotTarget | undefined;
  /** What came, and what of it is durable. */
  #cameBytes = 0;
  #gotBytes = 0;
  #fault: string | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** What the leader said. */
  receive(message: SnapshotOffer | SnapshotPiece): void {
    if (message.kind === 'offer') {
      if (this.#offer === undefined) this.#offer = message;
      else this.#fault ??= 'a second offer';
    } else if (this.#target === undefined || message.offset !== this.#cameBytes) {
      const wanted = this.#target === undefined ? 'none' : this.#cameBytes;
      this.#fault ??= `a piece at ${message.offset}, expected ${wanted}`;
    } else {
      this.#take(this.#target, message.bytes);
    }
    this.#wake();
  }

  /** A sign of life, while nothing else is said. */
  alive(): void {
    const { epoch, send } = this.#options;
    if (this.#target !== undefined) send({ kind: 'got', epoch, offset: this.#gotBytes });
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
    const { digest, bytes } = this.#offer;
    const target = await open(this.#offer);
    try {
      if (!current()) return this.#over();
      this.#gotBytes = target.offset;
      this.#cameBytes = target.offset;
      this.#target = target;
      begun(target.offset, bytes);
      send({ kind: 'want', epoch, digest, offset: target.offset });
      await this.#until(() => this.#gotBytes === bytes);
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#fault !== undefined || !current()) return this.#over();
      const reason = await target.install();
      return reason === undefined ? { kind: 'installed' } : { kind: 'invalid', reason };
    } finally {
      this.#target = undefined;
      await target.close();
    }
  }

  /** Pieces are taken in this very turn, and written behind its back. */
  #take(target: SnapshotTarget, bytes: Buffer): void {
    if (this.#fault !== undefined || this.#failure !== undefined) return;
    const end = this.#cameBytes + bytes.length;
    if (end > (this.#offer?.bytes ?? 0)) {
      this.#fault = 'more bytes than were offered';
      return;
    }
    if (end - this.#gotBytes > INTAKE_BYTES_MAX) {
      this.#fault = 'more pieces ahead than allowed';
      return;
    }
    this.#cameBytes = end;
    target.add(bytes).then(
      (reason) => {
        if (reason === undefined) this.#got(end);
        else this.#fault ??= reason;
        this.#wake();
      },
      (error: unknown) => {
        this.#failure ??= { error };
        this.#wake();
      },
    );
  }

  #got(end: number): void {
    this.#gotBytes = end;
    if (this.#options.current()) this.alive();
  }

  #over(): IntakeEnd {
    return this.#fault === undefined
      ? { kind: 'overtaken' }
      : { kind: 'invalid', reason: this.#fault };
  }

  async #until(done: () => boolean): Promise<void> {
    while (
      !done() &&
      this.#fault === undefined &&
      this.#failure === undefined &&
      this.#options.current()
    ) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
