import { describe, expect, test } from 'vitest';
import { Route } from '../../src/client/route.ts';
import { Seen } from '../../src/client/seen.ts';

const NODES = ['a:1', 'b:1', 'c:1'];

describe('where reads go', () => {
  const hello = (ready: boolean) => ({ nodeId: 'n', leader: null, ready });

  test('to the next node where this one is not ready, and on from there where that one fails', () => {
    const route = new Route(NODES, 0);
    route.met('a:1', hello(false));
    expect(route.forReads).toBe('b:1');
    route.redirected('b:1', null);
    expect(route.forReads).toBe('c:1');
    expect(route.otherMayBeReady('c:1')).toBe(true);

    route.failed('c:1');
    expect(route.forReads).toBe('a:1');
  });

  test('to a node again that says that it is ready now', () => {
    const route = new Route(NODES, 0);
    route.met('a:1', hello(false));
    route.met('a:1', hello(true));
    expect(route.forReads).toBe('a:1');
  });

  test('to any node where none is ready', () => {
    const route = new Route(NODES, 0);
    for (const address of NODES) route.met(address, hello(false));
    expect(route.otherMayBeReady('a:1')).toBe(false);
    expect(route.forReads).toBe('a:1');
  });
});

describe('where writes go', () => {
  test('to the first node, and where it leads from there', () => {
    const route = new Route(NODES, 0);
    expect(route.forLeader).toBe('a:1');

    route.redirected('a:1', { nodeId: 'n3', address: 'c:1' });

    expect(route.forLeader).toBe('c:1');
    expect(route.forReads).toBe('a:1');
  });

  test('to the leader that a node names when it is met', () => {
    const route = new Route(NODES, 0);

    route.met('a:1', { nodeId: 'n1', leader: { nodeId: 'n2', address: 'b:1' }, ready: true });

    expect(route.forLeader).toBe('b:1');
  });

  test('to the address under which the leader was met, not to the one that its peers use', () => {
    const route = new Route(['localhost:7401', 'localhost:7402'], 0);
    route.met('localhost:7402', { nodeId: 'n2', leader: null, ready: true });

    route.redirected('localhost:7401', { nodeId: 'n2', address: 'n2:7401' });

    expect(route.forLeader).toBe('localhost:7402');
  });

  test('to the address that was given for the id of the leader, though nobody was met there', () => {
    const route = new Route(['localhost:1', 'localhost:2'], 0, new Map([['localhost:2', 'n2']]));

    route.met('localhost:1', {
      nodeId: 'n1',
      leader: { nodeId: 'n2', address: 'n2:7401' },
      ready: true,
    });

    expect(route.forLeader).toBe('localhost:2');
  });

  test('on to the next node where the leader is gone, though others still name it', () => {
    const route = new Route(NODES, 0);
    const gone = { nodeId: 'n1', address: 'a:1' };
    route.led('a:1');

    route.failed('a:1');
    expect(route.forLeader).toBe('b:1');
    route.redirected('b:1', gone);
    expect(route.forLeader).toBe('c:1');
    route.redirected('c:1', gone);

    expect(route.forLeader).toBe('a:1');
  });

  test('on to the next node where this one knows of no leader, or names itself', () => {
    const route = new Route(NODES, 0);

    route.redirected('a:1', null);
    expect(route.forLeader).toBe('b:1');
    route.redirected('b:1', { nodeId: 'n2', address: 'b:1' });

    expect(route.forLeader).toBe('c:1');
  });

  test('calls that fail together move on once', () => {
    const route = new Route(NODES, 0);

    for (let call = 0; call < 5; call += 1) route.failed('a:1');

    expect(route.forLeader).toBe('b:1');
  });
});

describe('where reads go', () => {
  test('stays the same while that node answers, whoever leads', () => {
    const route = new Route(NODES, 1);
    route.led('c:1');
    route.worked('b:1');

    expect(route.forReads).toBe('b:1');
    route.failed('b:1');
    expect(route.forReads).toBe('c:1');
    expect(route.forLeader).toBe('c:1');
  });

  test('is never a node that was not named', () => {
    const route = new Route(['a:1'], 0);
    route.redirected('a:1', { nodeId: 'n9', address: 'z:1' });

    expect(route.forLeader).toBe('z:1');
    expect(route.forReads).toBe('a:1');
  });
});

describe('what a client has seen', () => {
  const at = (epoch: number, lsn: number) => ({ epoch, lsn });

  test('only grows, by epoch before LSN, and is at least what is asked', () => {
    const seen = new Seen();
    expect(seen.least()).toBeUndefined();
    seen.noteCommitted(at(2, 50));
    seen.noteCommitted(at(3, 40));
    seen.noteCommitted(at(2, 90));

    expect(seen.least()).toEqual(at(3, 40));
    expect(seen.least(at(3, 41))).toEqual(at(3, 41));
    expect(seen.least(at(1, 99))).toEqual(at(3, 40));
  });

  test('forgets a local write that was cut off, and keeps what is committed', () => {
    const seen = new Seen();
    seen.noteCommitted(at(2, 50));
    seen.noteLocal(at(2, 60));
    expect(seen.least()).toEqual(at(2, 60));

    seen.forget();

    expect(seen.least()).toEqual(at(2, 50));
    expect(seen.committed).toEqual(at(2, 50));
  });
});
