/** Reason why a session ended. */
export interface SessionEnd {
  readonly code: string;
  readonly message: string;
  /** Node id that the other side believes to be the leader. */
  readonly leader: string | null;
  /** True if the leader had accepted this node. */
  readonly followed: boolean;
}
