import { Markup } from './markup.ts';

/** Style sheet of the page, light and dark. */
export const STYLE = new Markup(`<style>
:root{--bg:#fff;--panel:#f6f7f9;--text:#1b1f24;--dim:#5d6673;--line:#dfe3e8;--good:#137a3e;--goodBg:#e6f5ec;--bad:#c0262d;--badBg:#fdeaea;
--ack:#2f7dd1;--rej:#e0a11b;--ind:#c0262d;--leader:#1f5fbf;--follower:#8fb8a8;--candidate:#e0a11b;--durable:#b9d3f2;--committed:#2f7dd1;--applied:#0b2f5c;
--shade:rgba(192,38,45,.10);--operator:#7b46c4;--silent:#d4d8de;--onRole:#fff;--onPale:#10261e}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--panel:#1c2026;--text:#e6e9ee;--dim:#9aa4b2;--line:#303741;--good:#4ccb82;--goodBg:#12301f;--bad:#ff7b78;--badBg:#3a1719;
--ack:#5aa2f0;--rej:#e3b341;--ind:#ff7b78;--leader:#3b7fe0;--follower:#3f6d5e;--candidate:#b7861b;--durable:#29486e;--committed:#5aa2f0;--applied:#e8f1ff;
--shade:rgba(255,123,120,.14);--operator:#b88cf2;--silent:#3a414b;--onRole:#fff;--onPale:#e6f5ee}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
header,main{padding:0 24px;max-width:1600px;margin:0 auto}
header{padding-top:20px;padding-bottom:16px;border-left:10px solid}
header.passed{border-color:var(--good);background:var(--goodBg)}header.failed{border-color:var(--bad);background:var(--badBg)}
h1{font-size:30px;line-height:1.2;margin:2px 0 6px}h2{font-size:18px;margin:28px 0 10px}h3{font-size:14px;margin:14px 0 6px}
header.passed h1{color:var(--good)}header.failed h1{color:var(--bad)}
p{margin:0 0 6px}.drill{font-size:15px}.summary{font-size:16px}.about,small,.figure p,dt{color:var(--dim)}
code{font:12px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;background:var(--panel);padding:1px 4px;border-radius:3px;overflow-wrap:anywhere}
header code{background:none}
.facts{display:flex;flex-wrap:wrap;gap:4px 24px;margin:10px 0 0}.facts div{display:flex;gap:6px}.facts dd{margin:0;font-weight:600}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin-top:18px}
.figure{background:var(--panel);border-radius:8px;padding:12px 14px;border-top:4px solid var(--line)}
.figure h2{font-size:13px;margin:0;font-weight:600}.figure .value{font-size:28px;line-height:1.25;font-weight:700;color:var(--text);font-variant-numeric:tabular-nums}
.figure p{margin:0;font-size:12px}.figure.good{border-color:var(--good)}.figure.bad{border-color:var(--bad)}.figure.bad .value{color:var(--bad)}.figure .lost{overflow-wrap:anywhere}
.checks{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:8px}
.checks>li{display:flex;gap:10px;background:var(--panel);border-radius:6px;padding:8px 12px;border-left:4px solid var(--good)}
.checks>li.failed{border-color:var(--bad);background:var(--badBg);grid-column:1/-1}
.checks .sign{font-weight:700;color:var(--good)}.checks .failed .sign{color:var(--bad)}
.checks p{margin:0;color:var(--dim);overflow-wrap:anywhere}.checks .failed p{color:var(--text)}.checks ul{margin:6px 0 0;padding-left:18px;overflow-wrap:anywhere}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12px;color:var(--dim)}
.key{display:inline-flex;align-items:center;gap:5px}.key i{width:14px;height:10px;border-radius:2px;display:inline-block}
.key i.fault,.key i.heal,.key i.operator{width:3px;height:14px}
.fault{--c:var(--bad)}.heal{--c:var(--good)}.operator{--c:var(--operator)}.drill{--c:var(--dim)}
i.fault,i.heal,i.operator,i.drill{background:var(--c)}i.shade{background:var(--shade);outline:1px solid var(--line)}
i.acknowledged{background:var(--ack)}i.rejected{background:var(--rej)}i.indeterminate{background:var(--ind)}
i.leader,.band.leader{background:var(--leader)}i.follower,.band.follower{background:var(--follower)}i.candidate,.band.candidate{background:var(--candidate)}
i.silent,.band.silent,.band.stopped{background:repeating-linear-gradient(135deg,var(--silent) 0 5px,transparent 5px 10px)}
.key i.durable,.key i.committed,.key i.applied,.key i.p50,.key i.p99{height:4px}i.p50{background:var(--ack)}i.p99{background:var(--rej)}i.durable{background:var(--durable)}i.committed{background:var(--committed)}.key i.applied{height:2px;background:var(--applied)}
.timeline{position:relative;--w:126px;border:1px solid var(--line);border-radius:8px;padding:4px 12px 4px 0;overflow:hidden}
.under{position:absolute;top:24px;bottom:24px;left:var(--w);right:12px}
svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
svg *{vector-effect:non-scaling-stroke}
.shade{fill:var(--shade)}line.event{stroke:var(--c);stroke-width:1;opacity:.45}line.event.drill{opacity:.2;stroke-dasharray:2 3}
.row{position:relative;display:flex}.row+.row{margin-top:3px}.row.chart{margin-top:12px;margin-bottom:10px}.row.lsn{margin-top:4px}.row.node{margin-top:12px}
.name{position:relative;width:var(--w);flex:none;padding:2px 8px 0 12px;font-size:12px;line-height:1.3}.name b,.name small{display:block}.name small{font-size:11px}
.bands .name{display:flex;align-items:center;padding-top:0;white-space:nowrap}.node .name b{font-size:15px}
.mark{position:absolute;right:6px;transform:translateY(-50%);font-size:10.5px;color:var(--dim);font-variant-numeric:tabular-nums}
.plot{position:relative;flex:1}.grid{stroke:var(--line);stroke-width:1}
.axis{font-size:11px;color:var(--dim)}.tick{position:absolute;transform:translateX(-50%);white-space:nowrap}.tick.end{transform:translateX(-100%)}.tick[style="left:0%"]{transform:none}
.band{position:absolute;top:1px;bottom:1px;overflow:hidden;white-space:nowrap;text-overflow:ellipsis;font-size:11px;line-height:1;padding:0 4px;display:block;border-right:1px solid var(--bg)}
.band{line-height:22px}.node .band{line-height:24px}.band.leader{color:var(--onRole);font-weight:600}.band.follower{color:var(--onPale)}.band.candidate{color:#201500}.band.silent,.band.stopped{color:var(--dim)}
.band.doubtful{background-image:repeating-linear-gradient(135deg,rgba(0,0,0,.18) 0 4px,transparent 4px 8px)}
.band.calm,.band.equal{background:var(--panel);color:var(--dim)}.band.faulty{background:var(--badBg);color:var(--bad)}.band.healing{background:var(--goodBg);color:var(--good)}
.plot .event{position:absolute;font-size:11.5px;line-height:16px;padding:0 4px;border-left:3px solid var(--c);background:var(--bg);white-space:nowrap;border-radius:0 3px 3px 0;box-shadow:0 0 0 1px var(--line)}
.plot .event.turned{border-left:0;border-right:3px solid var(--c);border-radius:3px 0 0 3px}.plot .event.drill{color:var(--dim)}
.out{position:absolute;top:4px;bottom:4px;min-width:2px;border-radius:2px;background:var(--bad)}.out.linearizable{opacity:.75}.out.local{opacity:.5}
.outText{position:absolute;top:2px;padding:0 5px;font-size:11px;line-height:18px;color:var(--bad);font-weight:600}
rect{shape-rendering:crispEdges}rect.acknowledged{fill:var(--ack)}rect.rejected{fill:var(--rej)}rect.indeterminate{fill:var(--ind)}
path{fill:none}.p50{stroke:var(--ack);stroke-width:2}.p99{stroke:var(--rej);stroke-width:1.5}
path.durable{stroke:var(--durable);stroke-width:7}path.committed{stroke:var(--committed);stroke-width:3}path.applied{stroke:var(--applied);stroke-width:1}
.cursor{position:absolute;top:0;bottom:0;width:1px;background:var(--text);pointer-events:none}
.readout{position:sticky;bottom:0;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:6px 10px;margin-top:6px;font-size:12px;white-space:pre-wrap;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px}th{text-align:left;color:var(--dim);font-weight:600}
td,th{padding:4px 10px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}td{overflow-wrap:anywhere}td.when{white-space:nowrap;color:var(--dim);font-variant-numeric:tabular-nums;width:1%}
td:nth-child(2) code{white-space:nowrap}.said td:nth-child(2){width:1%}.dot{display:inline-block;width:3px;height:12px;margin-right:8px;vertical-align:-1px}
.ok{color:var(--good)}.refused{color:var(--bad)}tr.warn code{color:var(--rej)}tr.error code{color:var(--bad)}
details{background:var(--panel);border-radius:8px;padding:8px 14px;margin-bottom:10px}summary{cursor:pointer}details details{background:var(--bg);margin-top:10px}details code{background:none;padding:0}
pre{font:11.5px/1.4 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow:auto;max-height:320px;white-space:pre-wrap;overflow-wrap:anywhere}
main{padding-bottom:40px}
@media (max-width:900px){header,main{padding-left:12px;padding-right:12px}.timeline{--w:112px}.name{padding-left:8px}h1{font-size:24px}}
@media print{.timeline,details,.figure{break-inside:avoid}}
</style>`);
