/** What a drill comes to. */

/** One promise, kept or broken. */
export interface Check {
  readonly code:
    | 'LOST_WRITE'
    | 'REJECTED_APPEARED'
    | 'DUPLICATE'
    | 'ORDER'
    | 'ACK_LEVEL'
    | 'LINEARIZABILITY'
    | 'LOCAL_READS'
    | 'ATOMICITY'
    | 'WATCH'
    | 'DIVERGENCE'
    | 'CONVERGENCE'
    | 'OPERATOR'
    | 'PREDICTION'
    | 'TOO_LITTLE';
  /** One line: what was checked. */
  readonly title: string;
  readonly passed: boolean;
  /** What was found: with keys, versions and moments; numbers of what was looked at where it passed. */
  readonly message: string;
  /** The first few findings, in words. */
  readonly findings: readonly string[];
}

/** Of one acknowledgement level. */
export interface Rpo {
  readonly acknowledged: number;
  readonly lost: number;
  /** As `<epoch>.<lsn>`, the first LOST_SHOWN_MAX. */
  readonly lostVersions: readonly string[];
}

/** A stretch without success, longer than the ordinary pause between two of them. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Verdict {
  readonly passed: boolean;
  /** One sentence. */
  readonly summary: string;
  readonly checks: readonly Check[];
  /** The longest outage in milliseconds, 0 where there was none. */
  readonly rto: {
    readonly writeMs: number;
    readonly linearizableReadMs: number;
    readonly localReadMs: number;
  };
  readonly outages: {
    readonly write: readonly Outage[];
    readonly linearizableRead: readonly Outage[];
    readonly localRead: readonly Outage[];
  };
  readonly rpo: { readonly local: Rpo; readonly quorum: Rpo; readonly all: Rpo };
  readonly counts: Readonly<Record<string, number>>;
}
