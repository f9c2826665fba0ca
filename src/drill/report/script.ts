import { Markup } from './markup.ts';

/** Script that shows the figures at the pointer. Texts are inserted as text, never as HTML. */
export const SCRIPT = new Markup(`<script>
(() => {
  const data = JSON.parse(document.getElementById('figures').textContent);
  const chart = document.querySelector('.timeline');
  const cursor = chart.querySelector('.cursor');
  const readout = document.querySelector('.readout');
  const plot = chart.querySelector('.plot');
  const ms = (value) => (value === null ? '–' : value < 1000 ? Math.round(value * 10) / 10 + ' ms' : (value / 1000).toFixed(2) + ' s');
  const number = (value) => value.toLocaleString('en');
  const lastUpTo = (list, at) => {
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle][0] <= at) low = middle + 1;
      else high = middle;
    }
    return list[low - 1];
  };
  const show = (event) => {
    const box = plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const isIn = share >= 0 && share <= 1;
    cursor.hidden = !isIn;
    readout.hidden = !isIn;
    if (!isIn) return;
    const at = data.fromMs + share * (data.toMs - data.fromMs);
    cursor.style.left = box.left - chart.getBoundingClientRect().left - chart.clientLeft + share * box.width + 'px';
    const [acknowledged, rejected, indeterminate, p50, p99] = data.writes[Math.min(data.writes.length - 1, Math.floor((at - data.fromMs) / data.bucketMs))];
    const lines = [(at / 1000).toFixed(2) + ' s   writes per second: ' + acknowledged + ' acknowledged, ' + rejected + ' rejected, ' + indeterminate + ' indeterminate   p50 ' + ms(p50) + ', p99 ' + ms(p99)];
    for (const { nodeId, said } of data.nodes) {
      const last = lastUpTo(said, at);
      if (!last) lines.push(nodeId + ': not asked yet');
      else if (last.length === 2) lines.push(nodeId + ': ' + last[1]);
      else lines.push(nodeId + ': ' + last[1] + ', epoch ' + last[2] + ', durable ' + number(last[3]) + ', committed ' + number(last[4]) + ', applied ' + number(last[5]));
    }
    readout.textContent = lines.join('\\n');
  };
  chart.addEventListener('pointermove', show);
  chart.addEventListener('pointerdown', show);
  chart.addEventListener('pointerleave', () => {
    cursor.hidden = true;
    readout.hidden = true;
  });
})();
</script>`);
