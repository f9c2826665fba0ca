/** A place in a particular log: the epoch is that of the leadership that wrote the record at `lsn`. */
export interface Position {
  readonly epoch: number;
  readonly lsn: number;
  /** Running checksum of everything up to `lsn`; equal chains at one LSN mean equal logs up to it. */
  readonly chain: number;
}

/** Version of a write, for clients: an LSN alone does not identify a write, because a failover reuses LSNs. */
export interface Version {
  readonly epoch: number;
  readonly lsn: number;
}

/** One leadership in the history: its EPOCH record is the one at `firstLsn`. */
export interface EpochEntry {
  readonly epoch: number;
  readonly leader: string;
  readonly firstLsn: number;
  /** History id: 16 bytes as 32 hexadecimal digits. */
  readonly historyId: string;
  readonly voters: readonly string[];
  readonly quorum: number;
}

export function samePosition(a: Position, b: Position): boolean {
  return a.lsn === b.lsn && a.epoch === b.epoch && a.chain === b.chain;
}

/** Compares the ends of two logs: by epoch first, then by LSN. */
export function comparePositions(a: Version, b: Version): number {
  return a.epoch === b.epoch ? a.lsn - b.lsn : a.epoch - b.epoch;
}

export function formatVersion({ epoch, lsn }: Version): string {
  return `${epoch}.${lsn}`;
}

/** Parses `EPOCH.LSN`; undefined if `text` has another form. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})$/.exec(text);
  if (match === null) return undefined;
  const version = { epoch: Number(match[1]), lsn: Number(match[2]) };
  return Number.isSafeInteger(version.epoch) && Number.isSafeInteger(version.lsn)
    ? version
    : undefined;
}
