import { WalshipError } from '../../errors.ts';
import type { Leader } from '../../leader/leader.ts';
import { formatVersion } from '../../wal/format/position.ts';
import type { Version } from '../../wal/format/position.ts';
import type { Waiting } from '../../leader/waiters.ts';
import type { WriteRequest, WriteResult } from '../api/api.ts';
import type { Deadline } from './deadline.ts';
import type { Replica } from '../replica/replica.ts';

/** A write with a deadline that may have begun before: its time runs on while it is held up. */
export interface TimedWrite extends WriteRequest {
  readonly deadline?: Deadline;
}

/** Returns the milliseconds that remain for the write. */
export function leftMsOf({ deadline, timeoutMs }: TimedWrite): number {
  return deadline?.leftMs ?? timeoutMs;
}

/** A write that has an LSN, and waits for the level that its client asked for. */
export class AppendedWrite implements Waiting<WriteResult> {
  /** Its LSN. */
  readonly mark: number;
  readonly #request: TimedWrite;
  readonly #at: { readonly replica: Replica; readonly leader: Leader };

  constructor(
    request: TimedWrite,
    lsn: number,
    at: { readonly replica: Replica; readonly leader: Leader },
  ) {
    this.#request = request;
    this.mark = lsn;
    this.#at = at;
  }

  get timeoutMs(): number {
    return leftMsOf(this.#request);
  }

  get #version(): Version {
    return { epoch: this.#at.leader.epoch, lsn: this.mark };
  }

  /**
   * Returns the answer to the client. A write that is acknowledged before it is committed is remembered: it may be
   * cut off.
   */
  reached(): WriteResult {
    const { mark: lsn } = this;
    const { ack } = this.#request;
    const { replica, leader } = this.#at;
    if (ack === 'local') replica.localAcks.acknowledged(lsn);
    return { version: this.#version, ack, durableOn: leader.durableOn(lsn) };
  }

  /** Returns the timeout error, which is indeterminate: the write has an LSN. */
  expired(): WalshipError {
    const { ack, timeoutMs } = this.#request;
    const committed = this.#at.replica.committedLsn >= this.mark;
    const known = committed ? '; it is committed at quorum' : '; it may still commit';
    return new WalshipError(
      'COMMIT_TIMEOUT',
      `ack=${ack} was not reached within ${timeoutMs} ms${known}`,
      {
        outcome: 'indeterminate',
        details: { version: formatVersion(this.#version), committed: committed ? true : 'unknown' },
      },
    );
  }
}
