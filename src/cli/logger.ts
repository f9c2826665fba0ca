import { pino } from 'pino';
import type { DestinationStream } from 'pino';

/** Log of the program: a constant message, the values in fields. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LoggerOptions {
  readonly level: string;
  /** Fields that every line has. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Destination of the lines; stderr unless a test sets another. */
  readonly destination?: DestinationStream;
}

/**
 * Creates a log of JSON lines. Each is written before the call returns: the last lines of a dying process are the
 * ones that matter.
 */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level: options.level,
      base: options.fields,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}
