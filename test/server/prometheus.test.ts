import { expect, test } from 'vitest';
import { Registry } from '../../src/server/prometheus.ts';

test('numbers are read when they are asked for, and no label outlives what it names', async () => {
  const registry = new Registry();
  let followers = ['n2', 'n3'];
  registry.gauge({ name: 'lag', help: 'By follower.', labelNames: ['follower'] }, () =>
    followers.map((follower) => ({ labels: { follower }, value: 1 })),
  );
  registry.counter({ name: 'events_total', help: 'All.' }, () => followers.length);
  expect(await registry.text()).toContain('lag{follower="n3"} 1');

  followers = ['n2'];

  expect(await registry.text()).toBe(`# HELP lag By follower.
# TYPE lag gauge
lag{follower="n2"} 1

# HELP events_total All.
# TYPE events_total counter
events_total 1
`);
});

test('a histogram counts by bucket and labels, and without labels it is there before its first value', async () => {
  const registry = new Registry();
  registry.histogram({ name: 'fsync', help: 'F.', bounds: [1] });
  const labelNames = ['route'];
  const seconds = registry.histogram({ name: 's', help: 'S.', bounds: [0.1, 1], labelNames });
  for (const value of [0.1, 0.5, 7]) seconds.observe(value, { route: '/a' });

  const text = await registry.text();

  expect(text).toContain('fsync_bucket{le="1"} 0');
  expect(text).toContain('s_bucket{le="1",route="/a"} 2');
  expect(text).toContain('s_bucket{le="+Inf",route="/a"} 3');
  expect(text).toContain('s_count{route="/a"} 3');
});
