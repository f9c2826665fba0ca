import type { Link, LinkHandlers } from '../ports/link.ts';
import type { SimProcess } from './sim-clock.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';

/** Present behaviour of one direction between two machines. Shared by all links of that direction. */
export interface SimPath {
  /** True while nothing gets through; sent messages wait, as TCP would send them again. */
  isCut: boolean;
  /** Delay one way, without jitter. */
  delayMs: number;
  /** Upper bound of the random time that is added to each delivery. */
  jitterMs: number;
}

interface Queued {
  readonly message: Buffer;
  readonly sent: (() => void) | undefined;
}

/** Bytes that the network takes before the peer has them: socket buffers and the wire. */
const WINDOW_BYTES = 256 * 1024;
/** Byte that overwrites a message once its handler has returned: a receiver that kept it without a copy sees this. */
const POISON = 0xdd;

/**
 * One end of a simulated connection. Messages sent at one end come out at the other, in order, as copies.
 * Messages that the network has taken are delivered although the sender has closed or died since, unless the path is cut.
 */
export class SimLink implements Link {
  readonly peer: string;
  /** Other end; set once, when the pair is made. */
  other: SimLink | undefined;
  readonly #process: SimProcess;
  readonly #entropy: SeededEntropy;
  /** Outgoing path. */
  readonly #path: SimPath;
  readonly #watch: (message: Buffer) => void;
  readonly #damage: (message: Buffer) => void;
  readonly #queue: Queued[] = [];
  /** Messages taken by the network and not yet delivered, in order. */
  readonly #wire: (Buffer | { readonly closed: string })[] = [];
  #wireBytes = 0;
  #queuedBytes = 0;
  #arrivalMs = 0;
  /** Number of deliveries for which an event is scheduled. */
  #underWay = 0;
  readonly #inbox: (Buffer | { readonly closed: string })[] = [];
  #handlers: LinkHandlers | undefined;
  #isClosed = false;
  #isOver = false;

  constructor(options: {
    peer: string;
    process: SimProcess;
    entropy: SeededEntropy;
    path: SimPath;
    /** Called with each message when it is sent. */
    watch: (message: Buffer) => void;
    /** Changes the delivered copy, in place. */
    damage: (message: Buffer) => void;
  }) {
    this.peer = options.peer;
    this.#watch = options.watch;
    this.#damage = options.damage;
    this.#process = options.process;
    this.#entropy = options.entropy;
    this.#path = options.path;
    // The kernel closes a dead process's connections. A machine without power says nothing: see SimNetwork.
    this.#process.onDeath(() => {
      this.#isClosed = true;
      this.#isOver = true;
      this.#queue.length = 0;
    });
  }

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  /** True if neither closed nor told that the other end is. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** True if sent messages do not get through now. */
  get isCut(): boolean {
    return this.#path.isCut;
  }

  send(message: Buffer, sent?: () => void): void {
    if (this.#isClosed) {
      if (sent !== undefined) this.#process.soon(sent);
      return;
    }
    this.#watch(message);
    this.#queue.push({ message, sent });
    this.#queuedBytes += message.length;
    this.#process.soon(() => this.#pump());
  }

  receive(handlers: LinkHandlers): void {
    this.#handlers = handlers;
    this.#process.soon(() => this.#read());
  }

  /** Closes this end. Messages sent just before may still go out, or not. */
  close(reason: string): void {
    if (this.#isClosed) return;
    if (this.#entropy.chance(0.5)) this.#pump();
    this.#isClosed = true;
    this.#drop();
    this.hangUp(reason);
    this.#process.soon(() => this.#over(reason));
  }

  /** Breaks the link for this end, as a reset does: it is told in its next turn. */
  reset(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#drop();
    this.#process.soon(() => this.#over(reason));
  }

  /** Tells the other end, after everything that is under way, that this one is closed. */
  hangUp(reason: string): void {
    this.#wire.push({ closed: reason });
    this.flush();
  }

  /** Drops sent messages that are not delivered. */
  lose(): void {
    this.#wire.length = 0;
    this.#wireBytes = 0;
  }

  /** Schedules the delivery of the messages on the wire, unless the path is cut. */
  flush(): void {
    const { other } = this;
    if (other === undefined) return;
    while (!this.#path.isCut && this.#underWay < this.#wire.length) {
      this.#underWay += 1;
      const now = other.#process.now();
      const jitterMs = this.#path.jitterMs * this.#entropy.fraction();
      this.#arrivalMs = Math.max(this.#arrivalMs, now + this.#path.delayMs + jitterMs);
      other.#process.after(this.#arrivalMs - now, () => this.#arrive(other));
    }
  }

  #arrive(other: SimLink): void {
    this.#underWay -= 1;
    // The path was cut during the delivery: the message stays on the wire, and goes out again when the path is back.
    if (this.#path.isCut) return;
    const item = this.#wire.shift();
    if (item === undefined) return;
    if (Buffer.isBuffer(item)) this.#wireBytes -= item.length;
    other.#inbox.push(item);
    other.#read();
    if (this.#process.alive) this.#process.soon(() => this.#pump());
  }

  #pump(): void {
    while (this.#wireBytes < WINDOW_BYTES) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#queuedBytes -= next.message.length;
      this.#wireBytes += next.message.length;
      const copy = Buffer.from(next.message);
      this.#damage(copy);
      this.#wire.push(copy);
      if (next.sent !== undefined) this.#process.soon(next.sent);
    }
    this.flush();
  }

  #read(): void {
    for (;;) {
      if (this.#handlers === undefined || this.#isOver || !this.#process.alive) return;
      const item = this.#inbox.shift();
      if (item === undefined) return;
      if (!Buffer.isBuffer(item)) {
        this.#isClosed = true;
        this.#drop();
        this.#over(item.closed);
        return;
      }
      // A closed link delivers nothing more, not even messages that had arrived.
      if (this.#isClosed) continue;
      this.#handlers.onMessage(item);
      item.fill(POISON);
    }
  }

  #over(reason: string): void {
    if (this.#isOver || this.#handlers === undefined) {
      // Handlers that are set later are told then.
      if (!this.#isOver) this.#inbox.push({ closed: reason });
      return;
    }
    this.#isOver = true;
    this.#handlers.onClose(reason);
  }

  #drop(): void {
    for (const { sent } of this.#queue.splice(0)) if (sent !== undefined) this.#process.soon(sent);
    this.#queuedBytes = 0;
  }
}
