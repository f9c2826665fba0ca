import type { Clock } from '../ports/clock.ts';
import type { Dialer, Link } from '../ports/link.ts';
import { isWalshipError, WalshipError } from '../errors.ts';
import { decodeMessage, encodeMessage } from '../protocol/codec.ts';
import type { Ask, AskReply, Identity } from '../protocol/messages.ts';

export interface Peer {
  readonly nodeId: string;
  readonly address: string;
}

/** How long a voter may take to answer one question; a promise includes an fsync. */
export const ASK_TIMEOUT_MS = 1_500;

/** What became of one question to one voter. */
export type Asked =
  | { readonly kind: 'reply'; readonly reply: AskReply }
  | { readonly kind: 'silent'; readonly nodeId: string; readonly message: string };

/** Puts one question to the node at `peer.address`, over a link of its own. Never rejects. */
export async function ask(ports: QuestionPorts, peer: Peer, question: Ask): Promise<Asked> {
  const silent = (message: string): Asked => ({ kind: 'silent', nodeId: peer.nodeId, message });
  try {
    const reply = await request(ports, peer.address, encodeMessage(question));
    if (reply?.kind !== 'reply') return silent('it answered something else');
    if (reply.nodeId !== peer.nodeId) return silent(`${reply.nodeId} answers at its address`);
    if (reply.attempt !== question.attempt) return silent('it answered another attempt');
    return { kind: 'reply', reply };
  } catch (error) {
    if (isWalshipError(error)) return silent(error.message);
    throw error;
  }
}

/** Who answers at `address`; undefined where nobody does. */
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
}

async function request(
  { dialer, clock }: QuestionPorts,
  address: string,
  question: Buffer,
): Promise<AskReply | Identity | undefined> {
  const link = await dialWithin({ dialer, clock }, address);
  try {
    return await exchange(clock, link, question);
  } finally {
    link.close('answered');
  }
}

function exchange(
  clock: Clock,
  link: Link,
  question: Buffer,
): Promise<AskReply | Identity | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ASK_TIMEOUT_MS, () => reject(unanswered('no answer in time')));
    link.receive({
      onMessage: (bytes) => {
        cancel();
        const decoded = decodeMessage(bytes);
        const message = decoded.kind === 'message' ? decoded.message : undefined;
        resolve(message?.kind === 'reply' || message?.kind === 'identity' ? message : undefined);
      },
      onClose: (reason) => {
        cancel();
        reject(unanswered(`the link closed: ${reason}`));
      },
    });
    link.send(question);
  });
}

/**
 * A dial has its own time limit in the real adapter; this one keeps every wait bounded whatever the adapter does.
 * @throws WalshipError PEER_UNREACHABLE.
 */
export async function dialWithin({ dialer, clock }: QuestionPorts, address: string): Promise<Link> {
  return new Promise((resolve, reject) => {
    const dialing = dialer.dial(address);
    let late = false;
    const cancel = clock.after(ASK_TIMEOUT_MS, () => {
      late = true;
      reject(unanswered('no connection in time'));
    });
    dialing.then(
      (link) => {
        cancel();
        if (late) link.close('too late');
        else resolve(link);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

function unanswered(message: string): WalshipError {
  return new WalshipError('PEER_UNREACHABLE', message);
}
