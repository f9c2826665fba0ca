import type { ControlMessage, SnapshotOffer, SnapshotPiece } from '../protocol/messages.ts';

/** Bytes that may wait to be written: more than any leader has in flight. */
export const INTAKE_BYTES_MAX = 16 * 1024 * 1024;

/** Destination of a snapshot: see IncomingSnapshot. */
export interface SnapshotTarget {
  /** Offset of the next byte that is wanted. */
  readonly offset: number;
  /**
   * Adds bytes, which are valid only during the call; resolves when they are durable, or with the reason why they are
   * wrong.
   */
  add(bytes: Buffer): Promise<string | undefined>;
  /**
   * Verifies the whole snapshot and installs it: log and state continue from it. Resolves with what is wrong with it,
   * if anything.
   */
  install(): Promise<string | undefined>;
  /** Closes it and keeps the received bytes for the next session. Idempotent. */
  close(): Promise<void>;
}

export interface IntakeOptions {
  readonly epoch: number;
  readonly open: (offer: SnapshotOffer) => Promise<SnapshotTarget>;
  readonly send: (message: ControlMessage) => void;
  /** Reports the offset from which on the snapshot is wanted. */
  readonly begun: (offset: number, bytes: number) => void;
  /** Returns false once the session is over, or fenced. */
  readonly current: () => boolean;
}

export type IntakeEnd =
  | { readonly kind: 'installed' }
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Follower's side of a snapshot transfer: offer, want, pieces, got; then the install. */
export class SnapshotIntake {
  readonly #options: IntakeOptions;
  #offer: SnapshotOffer | undefined;
  /** Target of the pieces, from the moment it is open until the snapshot is whole or given up. */
  #target: SnapshotTarget | undefined;
  /** Bytes received, and bytes that are durable of these. */
  #cameBytes = 0;
  #gotBytes = 0;
  #fault: string | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Takes a message of the leader. */
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

  /** Sends a sign of life, while no progress is reported. */
  alive(): void {
    const { epoch, send } = this.#options;
    if (this.#target !== undefined) send({ kind: 'got', epoch, offset: this.#gotBytes });
  }

  /** Ends the intake with the session: a wait for a piece is over. */
  end(): void {
    this.#wake();
  }

  /** Resolves when the snapshot is installed, or given up. @throws WalshipError SAVED_FULL, DISK_FULL, DISK_FAILED. */
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

  /** Takes a piece in this very turn, and writes it in the background. */
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
