/** A place in the log that says which log it is: the epoch is that of the leadership that wrote the record at `lsn`. */
export interface Position {
  readonly epoch: number;
  readonly lsn: number;
  /** Running checksum of everything up to `lsn`; equal chains at one LSN mean equal logs up to it. */
  readonly chain: number;
}

/** What a client may send back: an LSN alone does not identify a write, because failover reuses LSNs. */
export interface Version {
  readonly epoch: number;
  readonly lsn: number;
}

/** One leadership in the history: its EPOCH record is the one at `firstLsn`. */
export interface EpochEntry {
  readonly epoch: number;
  readonly leader: string;
  readonly firstLsn: number;
  /** 16 bytes as 32 hexadecimal digits. */
  readonly historyId: string;
  readonly voters: readonly string[];
  readonly quorum: number;
}

export function samePosition(a: Position, b: Position): boolean {
  return a.lsn === b.lsn && a.epoch === b.epoch && a.chain === b.chain;
}

/** Orders by epoch first, then LSN: which of two logs is further. */
export function comparePositions(a: Version, b: Version): number {
  return a.epoch === b.epoch ? a.lsn - b.lsn : a.epoch - b.epoch;
}

export function formatVersion({ epoch, lsn }: Version): string {
  return `${epoch}.${lsn}`;
}

/** The version that `text` spells, or undefined where it spells none. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})$/.exec(text);
  if (match === null) return undefined;
  const version = { epoch: Number(match[1]), lsn: Number(match[2]) };
  return Number.isSafeInteger(version.epoch) && Number.isSafeInteger(version.lsn)
    ? version
    : undefined;
}
