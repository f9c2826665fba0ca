import type { Clock } from '../../ports/clock.ts';
import type { Link } from '../../ports/link.ts';
import { isWalshipError } from '../../errors.ts';
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts';
import type { Ask } from '../../protocol/messages.ts';
import type { RoleDriver } from './role-driver.ts';
import type { Replica } from '../replica/replica.ts';
import type { PeerFault } from '../cluster/peer-faults.ts';
import { FetchServer } from '../repair/serve-fetch.ts';

/** Milliseconds that a peer has for its first message after it opened a link. */
export const FIRST_MESSAGE_MS = 3_000;
/** Number of links that may wait for their first message. */
export const UNDECIDED_LINKS_MAX = 256;

export interface PeerServerOptions {
  readonly clock: Clock;
  readonly run: string;
  readonly roleDriver: RoleDriver;
  readonly replica: Replica;
  readonly onPeerFault: (fault: PeerFault) => void;
}

/** Receives links from other nodes: the first message tells the purpose of each. */
export class PeerServer {
  readonly #options: PeerServerOptions;
  readonly #undecided = new Set<Link>();
  readonly #fetches: FetchServer;
  #closed = false;

  constructor(options: PeerServerOptions) {
    this.#options = options;
    this.#fetches = new FetchServer({ clock: options.clock, log: options.replica.log });
  }

  accept(link: Link): void {
    if (this.#closed) {
      link.close('NODE_CLOSED');
      return;
    }
    if (this.#undecided.size >= UNDECIDED_LINKS_MAX) {
      // A voter sends its first message immediately: the link that has waited longest belongs to none.
      const [longest] = this.#undecided;
      longest?.close('BUSY: too many new links have not sent their first message');
      if (longest !== undefined) this.#undecided.delete(longest);
    }
    this.#undecided.add(link);
    const { clock } = this.#options;
    const cancel = clock.after(FIRST_MESSAGE_MS, () =>
      link.close('PROTOCOL_ERROR: no first message in time'),
    );
    const decided = (): void => {
      cancel();
      this.#undecided.delete(link);
    };
    link.receive({
      onMessage: (bytes) => {
        decided();
        this.#first(link, bytes);
      },
      onClose: decided,
    });
  }

  close(): void {
    this.#closed = true;
    this.#fetches.close();
    for (const link of this.#undecided) link.close('NODE_CLOSED');
  }

  #first(link: Link, bytes: Buffer): void {
    const { roleDriver, run, replica } = this.#options;
    const decoded = decodeMessage(bytes);
    if (decoded.kind !== 'message') {
      const code = decoded.kind === 'version' ? 'UNSUPPORTED_VERSION' : 'PROTOCOL_ERROR';
      const message = decoded.kind === 'version' ? `protocol ${decoded.theirs}` : decoded.reason;
      this.#refuse(link, code, message);
      return;
    }
    const { message } = decoded;
    switch (message.kind) {
      case 'hello':
        roleDriver.hello(link, message).catch((error: unknown) => close(link, error));
        return;
      case 'ask':
        this.#answer(link, message).catch((error: unknown) => close(link, error));
        return;
      case 'fetch':
        this.#fetches.accept(link, message);
        return;
      case 'identify':
        this.#identify(link, run, replica);
        return;
      default:
        this.#refuse(link, 'PROTOCOL_ERROR', `a link does not begin with ${message.kind}`);
    }
  }

  #identify(link: Link, run: string, { nodeId, fence, log }: Replica): void {
    const { epoch, lsn } = log.durable;
    const identity = { kind: 'identity', nodeId, run, fence, last: { epoch, lsn } } as const;
    link.send(encodeMessage(identity), () => link.close('answered'));
  }

  #refuse(link: Link, code: string, reason: string): void {
    link.close(`${code}: ${reason}`);
    const message = `a link to this node began with a message that is refused: ${reason}`;
    this.#options.onPeerFault({ code, message });
  }

  async #answer(link: Link, ask: Ask): Promise<void> {
    const reply = await this.#options.roleDriver.answer(ask);
    link.send(encodeMessage(reply), () => link.close('answered'));
  }
}

/**
 * Closes a link whose answer failed with the disk: the node stops on its own, the peer only needs to know that no
 * answer comes.
 */
function close(link: Link, error: unknown): void {
  link.close(isWalshipError(error) ? `${error.code}: ${error.message}` : 'the node stopped');
}
