/** Verdict of a drill. */

/** A promise, kept or broken. */
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
  /** One line on the subject of the check. */
  readonly title: string;
  readonly passed: boolean;
  /** Result: the findings with keys, versions and times; the numbers of examined things if it passed. */
  readonly message: string;
  /** First few findings, in words. */
  readonly findings: readonly string[];
}

/** Losses at one ack level. */
export interface Rpo {
  readonly acknowledged: number;
  readonly lost: number;
  /** Lost versions as `<epoch>.<lsn>`, the first LOST_SHOWN_MAX. */
  readonly lostVersions: readonly string[];
}

/** An interval without success, longer than the ordinary pause between two of them. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Verdict {
  readonly passed: boolean;
  /** Summary, one sentence. */
  readonly summary: string;
  readonly checks: readonly Check[];
  /** Longest outage in milliseconds, 0 without any. */
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
