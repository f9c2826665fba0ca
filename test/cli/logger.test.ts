import { describe, expect, test } from 'vitest';
import { createLogger } from '../../src/cli/logger.ts';
import { WalshipError } from '../../src/errors.ts';

function logged(level: string): { log: ReturnType<typeof createLogger>; lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  return { log: createLogger({ level, fields: { node: 'n1' }, write }), lines };
}

describe('the log', () => {
  test('is a JSON line for each message, with level, time and the fields of the process', () => {
    const { log, lines } = logged('info');
    log.info({ lsn: 7, big: 2n ** 60n }, 'two\nlines');

    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      node: 'n1',
      lsn: 7,
      big: '1152921504606846976',
      msg: 'two\nlines',
    });
  });

  test('tells errors with their code, details and cause', () => {
    const { log, lines } = logged('error');
    const cause = Object.assign(new Error('EIO: read'), { code: 'EIO' });
    const details = { path: '/x' };
    log.error({ err: new WalshipError('DISK_FAILED', 'read failed', { cause, details }) }, 'oh');

    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      err: {
        type: 'WalshipError',
        message: 'read failed',
        code: 'DISK_FAILED',
        details,
        stack: expect.stringContaining('logger.test.ts'),
        cause: { type: 'Error', code: 'EIO' },
      },
    });
  });

  test.for([
    ['trace', 4],
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    ['silent', 0],
  ] as const)('at level %s has %i of four levels', ([level, count]) => {
    const { log, lines } = logged(level);
    for (const of of ['debug', 'info', 'warn', 'error'] as const) log[of]({}, 'm');

    expect(lines).toHaveLength(count);
  });
});
