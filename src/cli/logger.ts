/** What the program logs through: a constant message, the values in fields. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LoggerOptions {
  /** The least severe level that is logged, or `silent`. */
  readonly level: string;
  /** Fields of every line. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Takes a line with its end, and does not throw. */
  readonly write: (line: string) => void;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

/** JSON lines, handed to `write` before the call returns: the last words of a dying process are the ones that matter. */
export function createLogger({ level, fields, write }: LoggerOptions): Logger {
  const least = LEVELS.findIndex((known) => known === level);
  const logs = (of: (typeof LEVELS)[number]): Logger['info'] => {
    if (least < 0 || LEVELS.indexOf(of) < least) return () => undefined;
    return (values, message) => {
      const time = new Date().toISOString();
      const line = { level: of, time, ...fields, ...values, msg: message };
      write(`${JSON.stringify(line, readable)}\n`);
    };
  };
  return { debug: logs('debug'), info: logs('info'), warn: logs('warn'), error: logs('error') };
}

/** JSON knows neither errors nor big integers. */
function readable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (!(value instanceof Error)) return value;
  const { name: type, message, stack, cause } = value;
  return Object.assign({ type, message, stack, cause }, value);
}
