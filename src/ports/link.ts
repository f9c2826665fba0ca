/**
 * A connection between two nodes that carries whole binary messages, in order, until it closes.
 * Handlers run one message at a time, and never inside `send`.
 */
export interface Link {
  /** Address or node id of the other side, for display. */
  readonly peer: string;
  /**
   * Queues a message; never refuses (a closed link drops it). The link refers to `message` until `sent` is called: do
   * not reuse the buffer. `sent` is called once, when the message was handed to the network or dropped.
   */
  send(message: Buffer, sent?: () => void): void;
  /** Bytes queued and not yet handed to the network. */
  readonly bufferedBytes: number;
  /**
   * Sets the receivers; messages that arrived before are delivered to them in a later turn. `onClose` is called exactly once.
   * A message is valid only until the handler returns, unless it is copied.
   */
  receive(handlers: LinkHandlers): void;
  /** Protects the link from being closed in favour of a newer one if the adapter limits the number of links: a voter leads or follows over it. */
  keep?(): void;
  /** Closes the link for a reason in words; idempotent. Queued messages may be lost. */
  close(reason: string): void;
}

export interface LinkHandlers {
  onMessage(message: Buffer): void;
  onClose(reason: string): void;
}

/** Opens links to other nodes. */
export interface Dialer {
  /**
   * Resolves with an open link.
   * @throws WalshipError PEER_UNREACHABLE when nobody answers within the dialer's own time limit.
   */
  dial(address: string): Promise<Link>;
}
