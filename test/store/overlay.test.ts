import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Overlay } from '../../src/store/overlay.ts';
import { OP } from '../../src/wal/format/record.ts';

describe('Overlay', () => {
  test('knows the newest pending write of each key, whatever is applied or cut off', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat(5), fc.nat(8));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const overlay = new Overlay();
        let writes: { lsn: number; put: boolean; key: number }[] = [];
        let lsn = 0;
        for (const [action, key, back] of steps) {
          if (action < 7) {
            lsn += 1;
            overlay.note(lsn, action < 4 ? OP.PUT : OP.DELETE, Buffer.from([0xff, key]));
            writes.push({ lsn, put: action < 4, key });
          } else if (action < 9) {
            overlay.appliedUpTo(lsn - back);
            writes = writes.filter((write) => write.lsn > lsn - back);
          } else {
            overlay.truncate(lsn - back);
            writes = writes.filter((write) => write.lsn <= lsn - back);
          }
          for (let k = 0; k <= 5; k++) {
            const newest = writes.findLast((write) => write.key === k);
            const expected = newest === undefined ? undefined : newest.put ? newest.lsn : 0;
            expect(overlay.lsnOf(Buffer.from([0xff, k]))).toBe(expected);
          }
          expect(overlay.count).toBe(writes.length);
        }
      }),
    );
  });
});
