/**
 * Goal: the page says what was found, shows all of it on one axis of time, fetches nothing, and lets no text of a drill become HTML.
 * Method: a made-up drill whose facts are known, rendered and read back.
 */
import { describe, expect, test } from 'vitest';
import type { NodeSample } from '../../../src/drill/recording/recording.ts';
import { renderReport } from '../../../src/drill/report/report.ts';
import {
  brokenVerdict,
  END_MS,
  heldVerdict,
  madeUpRecording,
  NODES,
} from '../made-up-recording.ts';
import { statusOf } from '../statuses.ts';

const held = renderReport(madeUpRecording(), heldVerdict());
const broken = renderReport(madeUpRecording(), brokenVerdict());

/** What one reads: without tags, scripts and styles, white space as one space. */
function wordsOf(page: string): string {
  return page
    .replaceAll(/<(script|style)\b[\s\S]*?<\/\1>/g, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replaceAll(/\s+/g, ' ');
}

/** Places of the bands of one kind, as they stand in the page: from and to, in per cent of the axis. */
function bandsOf(page: string, kind: string): [number, number][] {
  const pattern = new RegExp(
    `class="band ${kind}[^"]*"\\s+style="left:([\\d.]+)%;width:([\\d.]+)%`,
    'g',
  );
  return [...page.matchAll(pattern)].map(([, left, width]) => [
    Number(left),
    Number(left) + Number(width),
  ]);
}

/** What follows the class in the tags of one class, without titles. */
function attributesOf(page: string, kind: string): string[] {
  const tags = page.matchAll(new RegExp(`class="${kind}"\\s+([^>]*)>`, 'g'));
  return [...tags].map(([, rest = '']) =>
    rest
      .replaceAll(/title="[^"]*"|\/$/g, '')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  );
}

describe('the verdict', () => {
  test('stands on top, with outages, losses and every check', () => {
    const words = wordsOf(held);

    expect(/<body>\s*<header class="passed">/.test(held)).toBe(true);
    expect(words).toContain('Every promise held');
    expect(words).toContain('Write outage 1.72 s the only outage');
    expect(words).toContain('Local read outage none');
    expect(words).toContain('Lost of quorum 0 of 17,150 acknowledged writes');
    expect(words).not.toContain('Lost of local');
    for (const { title, message } of heldVerdict().checks) {
      expect(words).toContain(title);
      expect(words).toContain(message);
    }
  });

  test('is red where a check failed, which comes first and names what is lost', () => {
    const words = wordsOf(broken);

    expect(/<body>\s*<header class="failed">/.test(broken)).toBe(true);
    expect(words).toContain('Failed: 1 check of 8');
    expect(words).toContain('2 of 17,150 acknowledged writes are lost');
    expect(words).toContain('set/813 (1.815), acknowledged at 1.64 s, is on no node');
    expect(words).toContain('1.814, 1.815');
    expect(words.indexOf('No acknowledged write is lost')).toBeLessThan(
      words.indexOf('No rejected write appeared'),
    );
  });
});

describe('the timeline', () => {
  test('says what was done, and what an operator was answered', () => {
    const words = wordsOf(held);

    for (const { text } of madeUpRecording().timeline) expect(words).toContain(text);
    expect(words).toContain(
      '14.00 s n1 is asked to lead refused refused PEER_UNREACHABLE n1 does not answer',
    );
  });

  test('shows when a node led, followed, and did not answer, on one axis', () => {
    // n1 of the three: it led until it was killed at 10 s of 40 s, and was back at 20 s.
    expect(bandsOf(held, 'leader')[0]?.[1]).toBeCloseTo(25, 0);
    expect(bandsOf(held, 'silent')[0]?.[0]).toBeCloseTo(25, 0);
    expect(bandsOf(held, 'silent')[0]?.[1]).toBeCloseTo(50, 0);
    // n2 leads from 11.7 s to the end.
    expect(bandsOf(held, 'leader')[1]).toEqual([expect.closeTo(29.3, 0), 100]);
    expect(attributesOf(held, 'out write')).toEqual(['style="left:25%;width:4.3%"']);
    expect(attributesOf(held, 'shade')).toContain('x="250" y="0" width="43" height="1000"');
  });

  test('a node that is silent leaves a gap in its lines', () => {
    const pieces = [...held.matchAll(/<path class="durable" d="([^"]*)"/g)].map(
      ([, path]) => path?.match(/M/g)?.length,
    );

    expect(pieces).toEqual([2, 1, 2]);
  });

  test('throughput and latency stand still where nothing was acknowledged', () => {
    const { writes, bucketMs } = hoverFigures(held);
    const at = (ms: number) => writes[Math.floor(ms / bucketMs)];

    expect(at(5_000)?.[0]).toBeCloseTo(500, -2);
    expect(at(5_000)?.[3]).toBeCloseTo(3, 0);
    expect(at(11_000)?.[0]).toBe(0);
    expect(at(11_000)?.slice(3)).toEqual([null, null]);
    expect(writes.reduce((sum, [, rejected]) => sum + (rejected ?? 0), 0)).toBeGreaterThan(0);
  });
});

describe('what nodes said', () => {
  test('is there with its reasons, each once and with the last figures', () => {
    const words = wordsOf(held);

    expect(words).toContain('n2 ended as leader of epoch 2: durable 17,151, committed 17,148');
    expect(words).toContain('leads epoch 2: promised by n2, n3, vouched for by n3 (2 times)');
    expect(words).toContain('11.10 s – 11.50 s NO_LEADER no leader was heard of for 1500 ms');
    expect(words.match(/NO_LEADER no leader was heard of/g)).toHaveLength(2);
    expect(words).toContain('from 5,002 to 1.5004 3 records');
    expect(words).toContain('It did not answer 50 of 200 questions.');
  });

  test('shows where logs differ', () => {
    const page = renderReport(
      madeUpRecording({ logDifferences: ['the logs differ at LSN 7: n1 has 6 <of them>'] }),
      brokenVerdict(),
    );

    expect(wordsOf(page)).toContain('the logs differ at LSN 7: n1 has 6 <of them>');
  });
});

describe('the page', () => {
  const NASTY = `</script><script>alert(1)</script><img src=x onerror='a'>"&`;

  test('lets no text become HTML, wherever it stands', () => {
    const recording = madeUpRecording();
    const page = renderReport(
      {
        ...recording,
        scenario: { name: NASTY, about: NASTY, loss: 'none', lossByChance: false, purges: false },
        walship: NASTY,
        voters: [NASTY],
        timeline: [
          {
            atMs: 1,
            kind: 'operator',
            text: NASTY,
            nodes: [NASTY],
            answer: { ok: false, code: NASTY, text: NASTY, body: NASTY },
          },
        ],
        samples: [
          {
            atMs: 1,
            tookMs: 1,
            nodeId: NASTY,
            status: statusOf(NASTY, { notReady: { code: NASTY, message: NASTY } }),
          },
        ],
        finals: recording.finals.map((final) => ({
          ...final,
          nodeId: NASTY,
          output: NASTY,
          events: [{ level: NASTY, code: NASTY, message: NASTY, timeMs: 1 }, NASTY, null],
          saved: [
            {
              name: NASTY,
              fromLsn: 1,
              to: undefined,
              by: NASTY,
              records: 'unknown',
              localAcks: 'no',
            },
          ],
        })),
        logDifferences: [NASTY],
      },
      heldVerdict({
        summary: NASTY,
        checks: [{ code: 'ORDER', title: NASTY, passed: false, message: NASTY, findings: [NASTY] }],
        rpo: {
          ...heldVerdict().rpo,
          local: { acknowledged: 1, lost: 1, lostVersions: [NASTY] },
        },
        counts: { [NASTY]: 1 },
      }),
    );

    expect(page.includes('<img')).toBe(false);
    expect(page.includes('<script>alert')).toBe(false);
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    // In JSON a quote is an end of nothing.
    expect(page.replace(/<script type="application[^]*?<\/script>/, '').includes("onerror='")).toBe(
      false,
    );
    expect(wordsOf(page)).toContain(NASTY);
  });

  test('fetches nothing, and forbids it', () => {
    expect(/\b(?:src|href|srcset)=|@import|url\(/.exec(held)?.[0]).toBeUndefined();
    expect(held.includes('default-src &#39;none&#39;')).toBe(true);
  });

  test('of a minute with ten answers a second stays small', () => {
    const samples: NodeSample[] = [];
    for (let atMs = 0; atMs < END_MS; atMs += 20) {
      for (const nodeId of NODES) {
        const lsn = Math.round(atMs * 7.77);
        const status = statusOf(nodeId, { durable: { epoch: 1, lsn, chain: 1 } });
        samples.push({ atMs, tookMs: 1, nodeId, status });
      }
    }
    const page = renderReport(madeUpRecording({ samples }), heldVerdict());

    expect(Buffer.byteLength(page)).toBeLessThan(500_000);
  });

  test('of a drill that saw nothing can be rendered', () => {
    const page = renderReport(
      madeUpRecording({
        samples: [],
        setWrites: [],
        finals: [],
        timeline: [],
        phases: { faultsFromMs: 0, healedMs: 0, loadEndMs: 0, convergedMs: undefined, endMs: 0 },
      }),
      heldVerdict({ checks: [], counts: {} }),
    );

    expect(/NaN|Infinity|undefined/.exec(page)?.[0]).toBeUndefined();
    expect(/NaN|undefined/.exec(held)?.[0]).toBeUndefined();
  });
});

function hoverFigures(page: string): { bucketMs: number; writes: (number | null)[][] } {
  const json = /<script type="application\/json" id="figures">([\s\S]*?)<\/script>/.exec(page)?.[1];
  return JSON.parse(json ?? '') as { bucketMs: number; writes: (number | null)[][] };
}
