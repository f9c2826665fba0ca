/** Why a session ended. */
export interface SessionEnd {
  readonly code: string;
  readonly message: string;
  /** Whom the other side believes to be the leader. */
  readonly leader: string | null;
  /** The leader had accepted this node. */
  readonly followed: boolean;
}
