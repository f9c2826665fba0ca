/** State of a voter, as meta.json keeps it and messages carry it. */
import type { Version } from './position.ts';

/** Worth of a voter's log: `suspect` where it may have lost records, `blank` where it never counted. */
export type VoterState = 'intact' | 'suspect' | 'blank';

/** The highest position that a suspect may ever have held; null if it claims none. */
export type Claim = Version | 'unknown' | null;

/** A node's fsynced promise to follow no epoch below `epoch`. A promise made by following has no candidate and no attempt. */
export interface EpochPromise {
  readonly epoch: number;
  readonly candidate: string | null;
  /** 32 hexadecimal digits, new for every attempt to lead. */
  readonly attempt: string | null;
}
