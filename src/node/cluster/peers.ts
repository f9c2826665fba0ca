import type { Clock } from '../../ports/clock.ts';
import type { Dialer, Link } from '../../ports/link.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts';
import type { Ask, AskReply, Identity } from '../../protocol/messages.ts';

export interface Peer {
  readonly nodeId: string;
  readonly address: string;
}

/** Milliseconds that a voter may take to answer one question; a promise includes an fsync. */
export const ASK_TIMEOUT_MS = 1_500;
/** Upper bound for the questions of one node that are under way at a time; Node.js warns of a leak above it. */
export const QUESTIONS_MAX = 100;

/** Outcome of one question to one voter. */
export type Asked =
  | { readonly kind: 'reply'; readonly reply: AskReply }
  | { readonly kind: 'silent'; readonly nodeId: string; readonly message: string };

/** Asks the node at `peer.address` one question, over a link of its own. Never rejects. */
export async function ask(ports: QuestionPorts, peer: Peer, question: Ask): Promise<Asked> {
  const silent = (message: string): Asked => ({ kind: 'silent', nodeId: peer.nodeId, message });
  try {
    const reply = await request(ports, peer.address, encodeMessage(question));
    if (reply?.kind !== 'reply') return silent('it sent an unexpected answer');
    if (reply.nodeId !== peer.nodeId) return silent(`${reply.nodeId} answers at its address`);
    if (reply.attempt !== question.attempt) return silent('it answered another attempt');
    return { kind: 'reply', reply };
  } catch (error) {
    if (isWalshipError(error)) return silent(error.message);
    throw error;
  }
}

/** Returns the identity of the node that answers at `address`; undefined where none does. */
export async function identify(
  ports: QuestionPorts,
  address: string,
): Promise<Identity | undefined> {
  try {
    const reply = await request(ports, address, encodeMessage({ kind: 'identify' }));
    return reply?.kind === 'identity' ? reply : undefined;
  } catch (error) {
    if (isWalshipError(error)) return undefined;
    throw error;
  }
}

export interface QuestionPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  /** Aborts pending waits: for a connection, or for an answer. */
  readonly signal?: AbortSignal;
}

async function request(
  ports: QuestionPorts,
  address: string,
  question: Buffer,
): Promise<AskReply | Identity | undefined> {
  const link = await dialWithin(ports, address);
  try {
    return await exchange(ports, link, question);
  } finally {
    link.close('answered');
  }
}

function exchange(
  ports: QuestionPorts,
  link: Link,
  question: Buffer,
): Promise<AskReply | Identity | undefined> {
  return new Promise((resolve, reject) => {
    const settled = patience(ports, 'no answer in time', reject);
    link.receive({
      onMessage: (bytes) => {
        settled();
        const decoded = decodeMessage(bytes);
        const message = decoded.kind === 'message' ? decoded.message : undefined;
        resolve(message?.kind === 'reply' || message?.kind === 'identity' ? message : undefined);
      },
      onClose: (reason) => {
        settled();
        reject(unanswered(`the link closed: ${reason}`));
      },
    });
    link.send(question);
  });
}

/**
 * Dials with a time limit. The real adapter has its own limit; this one bounds the wait whatever the adapter does.
 * @throws WalshipError PEER_UNREACHABLE.
 */
export async function dialWithin(ports: QuestionPorts, address: string): Promise<Link> {
  return new Promise((resolve, reject) => {
    let late = false;
    const settled = patience(ports, 'no connection in time', (error) => {
      late = true;
      reject(error);
    });
    ports.dialer.dial(address).then(
      (link) => {
        settled();
        if (late) link.close('too late');
        else resolve(link);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
}

/**
 * Calls `giveUp` once, after ASK_TIMEOUT_MS or when the signal aborts, unless the returned function is called first.
 */
function patience(
  { clock, signal }: QuestionPorts,
  late: string,
  giveUp: (error: WalshipError) => void,
): () => void {
  const onAbort = (): void => {
    settled();
    giveUp(unanswered('it is no longer asked'));
  };
  const cancel = clock.after(ASK_TIMEOUT_MS, () => {
    settled();
    giveUp(unanswered(late));
  });
  const settled = (): void => {
    cancel();
    signal?.removeEventListener('abort', onAbort);
  };
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort);
  return settled;
}

function unanswered(message: string): WalshipError {
  return new WalshipError('PEER_UNREACHABLE', message);
}
