import { pino } from 'pino';
import type { DestinationStream } from 'pino';

/** What the program logs through: a constant message, the values in fields. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LoggerOptions {
  readonly level: string;
  /** Fields of every line. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Where the lines go; stderr unless a test says otherwise. */
  readonly destination?: DestinationStream;
}

/** JSON lines, written before the call returns: the last words of a dying process are the ones that matter. */
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
