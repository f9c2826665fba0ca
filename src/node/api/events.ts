/** An event for operators, with a stable code and one sentence in plain words. */
export interface NodeEvent {
  readonly level: 'info' | 'warn' | 'error';
  readonly code: string;
  readonly message: string;
  readonly [detail: string]: unknown;
}

export type EventListener = (event: NodeEvent) => void;
