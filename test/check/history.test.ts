import { expect, test } from 'vitest';
import { History } from '../../src/check/history.ts';
import { judgeLinearizable } from '../../src/check/linearizability.ts';

const at = (lsn: number): { epoch: number; lsn: number } => ({ epoch: 1, lsn });

test('a transaction is one operation for each of its keys, each with the version of its own record', () => {
  const history = new History(() => 0);
  const ops = [
    { key: 'a', value: '1' },
    { key: 'b', value: undefined },
    { key: 'a', value: '2' },
  ];
  const conditions = [
    { key: 'b', expect: 'present' as const },
    { key: 'c', expect: at(3) },
  ];
  history.write({ client: 'c', conditions, ops })({ kind: 'acknowledged', version: at(9) });

  expect(history.operations.map(({ key, request, outcome }) => ({ key, ...request, ...outcome })))
    .toMatchInlineSnapshot(`
    [
      {
        "expect": undefined,
        "key": "a",
        "kind": "acknowledged",
        "value": "2",
        "version": {
          "epoch": 1,
          "lsn": 9,
        },
      },
      {
        "expect": "present",
        "key": "b",
        "kind": "acknowledged",
        "version": {
          "epoch": 1,
          "lsn": 8,
        },
      },
      {
        "expect": {
          "epoch": 1,
          "lsn": 3,
        },
        "key": "c",
        "kind": "acknowledged",
        "version": {
          "epoch": 1,
          "lsn": 9,
        },
      },
    ]
  `);
});

test('moments grow even where the clock stands still, so what came one after the other does not overlap', () => {
  const history = new History(() => 5);
  const write = (value: string): void => {
    const returned = history.write({ client: 'c', conditions: [], ops: [{ key: 'a', value }] });
    returned({ kind: 'acknowledged', version: undefined });
  };
  write('1');
  write('2');
  history.got(
    { client: 'c', key: 'a', calledAt: history.now() },
    { value: '1', version: undefined },
  );

  expect(judgeLinearizable(history)).toMatchObject({ kind: 'violation', code: 'STALE_READ' });
});

test('a failed transaction tells nothing of keys that it had no condition on', () => {
  const history = new History(() => 0);
  const ops = [
    { key: 'a', value: '1' },
    { key: 'b', value: '1' },
  ];
  const conditions = [{ key: 'a', expect: at(1) }];
  history.write({ client: 'c', conditions, ops })({ kind: 'condition-failed', actual: null });

  expect(history.operations.map(({ key, outcome }) => `${key} ${outcome.kind}`)).toEqual([
    'a condition-failed',
    'b rejected',
  ]);
});

test('a write that has not returned may have taken effect', () => {
  const history = new History(() => 0);
  history.write({ client: 'c', conditions: [], ops: [{ key: 'a', value: '1' }] });
  const shown = { value: '1', version: at(1) };
  history.got({ client: 'd', key: 'a', calledAt: history.now() }, shown);

  expect(judgeLinearizable(history)).toMatchObject({ kind: 'ok' });
});
