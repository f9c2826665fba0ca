import { describe, expect, test } from 'vitest';
import { Registry } from '../../src/server/prometheus.ts';

describe('the text format of Prometheus', () => {
  test('has help and type before the samples, read when they are asked for', () => {
    const registry = new Registry();
    let keys = 1;
    registry.gauge({ name: 'keys', help: 'Live keys.' }, () => keys);
    registry.counter({ name: 'events_total', help: 'By event.' }, () => [
      { labels: { event: 'cut' }, value: 2 },
    ]);
    registry.gauge({ name: 'lag', help: 'Of nobody.' }, () => []);
    keys = 2.5;

    expect(registry.text()).toBe(`# HELP keys Live keys.
# TYPE keys gauge
keys 2.5

# HELP events_total By event.
# TYPE events_total counter
events_total{event="cut"} 2

# HELP lag Of nobody.
# TYPE lag gauge
`);
  });

  test('escapes what would end a label, a line, or begin an escape', () => {
    const registry = new Registry();
    const labels = { of: 'a"b\\c\nd' };
    registry.gauge({ name: 'g', help: 'a "b" \\c\nd' }, () => [{ labels, value: Infinity }]);

    expect(registry.text()).toBe(
      '# HELP g a "b" \\\\c\\nd\n# TYPE g gauge\ng{of="a\\"b\\\\c\\nd"} +Inf\n',
    );
  });

  test('a histogram adds up its buckets, for each set of labels', () => {
    const registry = new Registry();
    const spec = { name: 's', help: 'S.', bounds: [0.1, 1], labelled: true };
    const histogram = registry.histogram(spec);
    for (const value of [0.1, 0.5, 7]) histogram.observe(value, { route: '/a' });
    histogram.observe(1, { route: '/b' });

    expect(registry.text().split('\n')).toEqual([
      '# HELP s S.',
      '# TYPE s histogram',
      's_bucket{le="0.1",route="/a"} 1',
      's_bucket{le="1",route="/a"} 2',
      's_bucket{le="+Inf",route="/a"} 3',
      's_sum{route="/a"} 7.6',
      's_count{route="/a"} 3',
      's_bucket{le="0.1",route="/b"} 0',
      's_bucket{le="1",route="/b"} 1',
      's_bucket{le="+Inf",route="/b"} 1',
      's_sum{route="/b"} 1',
      's_count{route="/b"} 1',
      '',
    ]);
  });

  test('a histogram without labels is there before its first value', () => {
    const registry = new Registry();
    registry.histogram({ name: 's', help: 'S.', bounds: [1], labelled: false });

    expect(registry.text()).toContain('s_bucket{le="1"} 0\ns_bucket{le="+Inf"} 0\ns_sum 0\n');
  });
});
