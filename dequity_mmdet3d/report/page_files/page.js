// Draws the page's charts with plotly and answers its controls.
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);
const PALETTE = ['#3b82c4', '#e07b00', '#2a9d6f', '#c2559d', '#8d7bd6',
  '#b8860b', '#5f9ea0', '#d1495b'];
// each can be told from a light and from a dark ground
const RARE_TO_COMMON = [[0, '#d1495b'], [0.5, '#d99a00'], [1, '#3b82c4']];
const TICKS = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 1e-4, 1e-5];
// plotly reads text as a kind of HTML
const plain = (text) => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;');
const sum = (values) => values.reduce((a, b) => a + b, 0);
const number = (value) => value.toLocaleString('en', {maximumFractionDigits: 3});
const small = (value) => Number(value.toPrecision(3)).toString();
const counted = (n, what) => `${number(n)} ${what}${n === 1 ? '' : 's'}`;
const percent = (value) => (100 * value).toFixed(2) + ' %';

// --- weights -------------------------------------------------------------
const state = {eta: data.eta, gamma: data.gamma, mean: 1};
const rawWeight = (p) => (state.eta + (1 - p) ** state.gamma) / (state.eta + 1);
const weight = (p) => rawWeight(p) / state.mean;
const mass = (p, n) => sum(p.map((value, i) => weight(value) * n[i]));
const SAMPLES = sum(data.n);

// Only what was moved is read: a slider's steps do not hold every value.
function readControl(event) {
  if (event && event.target.type === 'range') {
    state[event.target.id] = Number(event.target.value);
  }
  const mean = sum(data.p.map((p, i) => rawWeight(p) * data.n[i])) / SAMPLES;
  // eta 0 and gamma large can leave no weight at all to divide by
  state.mean = byId('normalize').checked && mean > 0 ? mean : 1;
}

// --- charts --------------------------------------------------------------
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function draw(id, traces, layout) {
  const place = byId(id);
  if (!place) return;
  const line = colour('--line');
  const axis = {gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true};
  const full = Object.assign({
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: {color: colour('--front'), size: 12},
    margin: {l: 50, r: 12, t: 8, b: 40}, hoverlabel: {align: 'left'},
    modebar: {bgcolor: 'rgba(0,0,0,0)', color: colour('--soft'), activecolor: colour('--front')},
    legend: {orientation: 'h', y: 1.02, yanchor: 'bottom'}, bargap: 0.05,
  }, layout);
  full.xaxis = Object.assign({}, axis, layout.xaxis);
  full.yaxis = Object.assign({}, axis, layout.yaxis);
  return Plotly.react(place, traces, full, {displaylogo: false, responsive: true,
    displayModeBar: id === 'chart-map', showSendToCloud: false,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'sendChartToCloud', 'sendDataToCloud']});
}

const title = (text) => ({title: {text: text}});

function histogram(id, values, size, axis) {
  draw(id, [{type: 'histogram', x: values, y: data.n, histfunc: 'sum',
    xbins: {start: 0, end: 50 * size, size: size}, marker: {color: PALETTE[0]},
    hovertemplate: '%{x}: %{y} samples<extra></extra>'}],
  {xaxis: Object.assign({range: [0, 50 * size]}, title(axis)),
    yaxis: Object.assign({type: 'log', dtick: SAMPLES > 1e4 ? 1 : 'D2',
      range: [Math.log10(0.7), Math.log10(1.3 * SAMPLES)]}, title('samples'))});
}

function drawWeights(event) {
  readControl(event);
  byId('eta-value').textContent = small(state.eta);
  byId('gamma-value').textContent = small(state.gamma);
  const weights = data.p.map(weight);
  const total = mass(data.p, data.n);
  const most = weights.reduce((a, b) => Math.max(a, b), 0);
  const least = weights.reduce((a, b) => Math.min(a, b), Infinity);
  byId('weight-summary').textContent = `Weights from ${small(least)} to ` +
    `${small(most)}, mean ${small(total / SAMPLES)}. ` + effect(weights, total);
  // a likelihood of exactly 1 belongs into the last bin
  histogram('chart-likelihood', data.p.map((p) => Math.min(p, 0.999999)), 0.02, 'likelihood');
  const size = Math.max(1, most) / 50 * 1.0001;
  histogram('chart-weight', weights, size, 'weight');
  drawClusters(total);
  drawClasses(weights, total);
  for (const place of document.querySelectorAll('.weight')) {
    place.textContent = small(weight(Number(place.dataset.p)));
  }
  showFacts();
  showOnly();
}

// As dequity_mmdet3d/weight.py and likelihood/estimation/weight_effect.py.
function effect(weights, total) {
  if (!total) return '';
  const squares = sum(weights.map((w, i) => w * w * data.n[i]));
  const tenth = Math.max(Math.floor(SAMPLES / 10 + 0.5), 1);
  let left = tenth, rarest = 0;  // likelihoods rise
  for (let i = 0; left > 0; i++) {
    const n = Math.min(data.n[i], left);
    rarest += weights[i] * n;
    left -= n;
  }
  const said = `${counted(SAMPLES, 'sample')} count as ` +
    `${number(Math.round(total * total / squares))} of equal weight; the rarest tenth has ` +
    `${(100 * rarest / total).toFixed(1)} % of all weight`;
  if (!data.tenths || !data.deviation) return said + '.';
  const at = (p) => rawWeight(Math.min(Math.max(p, 1e-9), 1));
  const moved = data.tenths.map((p, i) => (at(p - data.deviation[i]) - at(p + data.deviation[i])) / 2);
  const mean = sum(data.tenths.map(at));
  const varied = Math.sqrt(sum(moved.map((m) => m * m)) * moved.length) / mean;
  return said + `. From repeat to repeat of the estimate a weight varies by ${(100 * varied).toFixed(1)} %.`;
}

// of those in the charts, the others last, if there are any
function clusterNames() {
  const rest = data.clusters.rest, names = data.clusters.id.map((i) => `cluster ${i}`);
  if (sum(rest.n)) {
    const parts = [];
    if (rest.clusters) parts.push(counted(rest.clusters, 'smaller cluster'));
    if (rest.singletons) parts.push('without a cluster');
    names.push(parts.join(', '));
  }
  return names;
}

function drawClusters(total) {
  const clusters = data.clusters, names = clusterNames();
  const n = clusters.n.map(sum);
  const w = clusters.p.map((p, c) => mass(p, clusters.n[c]));
  const rest = clusters.rest;
  const left = sum(rest.n);
  if (left) {
    n.push(left);
    w.push(mass(rest.p, rest.n));
  }
  const bars = (name, values, whole, i) => ({type: 'bar', name: name, x: names,
    y: values.map((v) => whole ? 100 * v / whole : 0), marker: {color: PALETTE[i]},
    hovertemplate: '%{x}: %{y:.2f} %<extra>' + name + '</extra>'});
  draw('chart-clusters', [bars('samples', n, SAMPLES, 0), bars('weight', w, total, 1)],
    {barmode: 'group', bargap: 0.2, yaxis: title('share (%)'), xaxis: {type: 'category'}});
}

function drawClasses(weights, total) {
  const names = Object.keys(data.classes);
  if (!names.length) return;
  const objects = names.map((c) => sum(data.classes[c]));
  const mass = names.map((c) => sum(data.classes[c].map((k, i) => k * weights[i])));
  const gain = names.map((c, i) => total ? mass[i] / objects[i] / (total / SAMPLES) : 1);
  draw('chart-classes', [{type: 'bar', orientation: 'h', y: names.map(plain), x: gain,
    marker: {color: PALETTE[2]}, hovertemplate: '%{y}: %{x:.3f} times<extra></extra>'}],
  {bargap: 0.5, xaxis: Object.assign({rangemode: 'tozero'}, title('times the mean weight')),
    yaxis: {type: 'category', autorange: 'reversed'},
    shapes: [{type: 'line', x0: 1, x1: 1, yref: 'paper', y0: 0, y1: 1,
      line: {color: colour('--front'), dash: 'dot', width: 1}}]});
  const all = sum(objects), allMass = sum(mass);
  byId('class-table').tBodies[0].replaceChildren(...names.map((name, i) => {
    const row = document.createElement('tr');
    const before = objects[i] / all, after = allMass ? mass[i] / allMass : 0;
    [name, number(objects[i]), percent(before), percent(after),
      `${after >= before ? '+' : ''}${(100 * (after / before - 1)).toFixed(1)} %`,
    ].forEach((text, k) => {
      const cell = document.createElement(k ? 'td' : 'th');
      if (!k) cell.scope = 'row';
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  }));
}

function drawRuns() {
  data.results.forEach((run, r) => {
    const paired = run.arms.length > 1;
    const rows = run.rows.filter((row) => row.cells.some(
      (c) => (paired ? c.difference : c.mean) !== null));
    if (!rows.length) return;
    const names = rows.map((row) => plain(row.metric));
    const traces = run.arms.map((arm, a) => {
      const cells = rows.map((row) => row.cells[a]);
      const x = cells.map((c) => paired ? c.difference : c.mean);
      const reach = (end) => cells.map((c) => c[end] === null || !paired ? 0 :
        Math.abs(c[end] - c.difference));
      return {type: 'scatter', orientation: 'h', mode: 'markers', name: plain(arm), y: names, x: x,
        marker: {color: PALETTE[a % PALETTE.length], symbol: a, size: 9},
        error_x: {type: 'data', symmetric: false, array: reach('high'),
          arrayminus: reach('low'), visible: paired},
        hovertemplate: '%{y}: %{x:.4~g}<extra>' + plain(arm) + '</extra>'};
    }).slice(paired ? 1 : 0);
    const id = `chart-results-${r}`;
    byId(id).style.height = `${7 + 1.7 * rows.length}rem`;
    draw(id, traces, {scattermode: 'group', xaxis: title(paired ?
      `difference to ${plain(run.arms[0])}` : 'result'),
    yaxis: {type: 'category', autorange: 'reversed', tickfont: {size: 10}}});
  });
  document.querySelectorAll('.curve').forEach(drawCurves);
}

function drawCurves(select) {
  const r = Number(select.dataset.run);
  const arms = data.results[r].arms;
  const seen = new Set();
  const traces = (data.curves[r][select.value] || []).map((curve) => {
    const first = !seen.has(curve.arm);
    seen.add(curve.arm);
    return {type: 'scatter', mode: 'lines', x: curve.x, y: curve.y,
      name: plain(curve.arm), legendgroup: curve.arm, showlegend: first,
      line: {color: PALETTE[arms.indexOf(curve.arm) % PALETTE.length], width: 1.2},
      hovertemplate: `%{x}: %{y:.4g}<extra>${plain(curve.arm)} ${plain(curve.run)}</extra>`};
  });
  draw(`chart-curves-${r}`, traces, {xaxis: title('step'), yaxis: title(plain(select.value))});
}

// --- samples -------------------------------------------------------------
const likelihoodOf = (i) => data.p[data.value[i]];
// rarest first
const order = data.id.map((_, i) => i).sort((a, b) => data.value[a] - data.value[b] || a - b);
const place = [];
order.forEach((i, k) => { place[i] = k; });
// samples of the table that are rarer than each likelihood
const rarer = [];
data.n.reduce((before, n, v) => { rarer[v] = before; return before + n; }, 0);
let chosen = null;
let pinned = false;
let thumbs = null;

function imageOf(i) {
  if (!data.image) return null;
  if (!thumbs && byId('thumbnails')) {
    // they are the last of the page, and may not be there yet
    thumbs = {text: byId('thumbnails').textContent,
      place: JSON.parse(byId('places').textContent).place};
  }
  const [start, length] = thumbs ? thumbs.place[i] : [0, 0];
  return length ? 'data:image/webp;base64,' + thumbs.text.slice(start, start + length) :
    data.image[i];
}

function rarity(v) {
  const first = rarer[v] + 1, last = rarer[v] + data.n[v];
  return (first === last ? number(first) : `${number(first)} to ${number(last)}`) +
    ` of ${number(SAMPLES)}`;
}

function showFacts() {
  if (chosen === null) return;
  const facts = [['sample', data.id[chosen]],
    ['cluster', data.cluster[chosen] < 0 ? 'none' : data.cluster[chosen] +
      (data.names[data.cluster[chosen]] ? `: ${data.names[data.cluster[chosen]]}` : '')],
    ...data.tags.map((tag) => [tag.name, tag.values[tag.code[chosen]]]),
    ['likelihood', small(likelihoodOf(chosen))],
    ['weight', small(weight(likelihoodOf(chosen)))],
    ['rarity', rarity(data.value[chosen])]];
  const classes = Object.keys(data.objects);
  if (classes.length) {
    facts.push(['objects', classes.filter((c) => data.objects[c][chosen]).map(
      (c) => `${data.objects[c][chosen]} ${c}`).join(', ') || 'none']);
  }
  byId('sample-facts').replaceChildren(...facts.flatMap(([name, value]) => {
    const term = document.createElement('dt'), text = document.createElement('dd');
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  }));
}

function show(i) {
  chosen = i;
  const image = byId('sample-image');
  const source = imageOf(i);
  byId('find').setCustomValidity('');
  if (source) {
    image.src = source;
    image.alt = `Image of sample ${data.id[i]}`;
    byId('sample-link').href = data.image[i];
  } else {
    image.removeAttribute('src');
    image.alt = data.image ? 'The image cannot be read' : '';
    byId('sample-link').removeAttribute('href');
  }
  showFacts();
  if (data.xy) Plotly.relayout('chart-map', {shapes: ring()});
}

function pin(i) {
  pinned = true;
  show(i);
}

// a shape, as drawing all points anew would take long
function ring() {
  if (chosen === null) return [];
  const [x, y] = data.xy[chosen];
  return [{type: 'circle', xsizemode: 'pixel', ysizemode: 'pixel', xanchor: x, yanchor: y,
    x0: -8, x1: 8, y0: -8, y1: 8, line: {color: colour('--front'), width: 3}}];
}

function drawMap() {
  if (!data.xy) return;
  const byCluster = byId('colour').value === 'cluster';
  const tag = /^\d+$/.test(byId('colour').value) ? Number(byId('colour').value) : null;
  drawLegend(tag);
  const canvas = document.createElement('canvas');
  // SVG is the sharper one, and there may be no WebGL
  const type = data.id.length > 3000 && canvas.getContext('webgl') ? 'scattergl' : 'scatter';
  const marker = tag !== null ?
    {size: 6, opacity: 0.8, color: data.tags[tag].code.map((value) => valueColour(tag, value))} : byCluster ?
    {size: 6, opacity: 0.8, color: data.cluster.map((c) => c < 0 ? '#888888' : PALETTE[c % PALETTE.length])} :
    {size: 6, opacity: 0.8, colorscale: RARE_TO_COMMON, showscale: true,
      color: data.value.map((v) => Math.log10(data.p[v])),
      colorbar: {title: {text: 'likelihood', side: 'right'}, thickness: 12,
        tickvals: TICKS.map(Math.log10), ticktext: TICKS.map(String)}};
  const chart = byId('chart-map');
  const hidden = {showticklabels: false, zeroline: false};
  draw('chart-map', [
    {type: type, mode: 'markers', x: data.xy.map((p) => p[0]), y: data.xy.map((p) => p[1]),
      text: data.id.map(plain), customdata: data.cluster.map((c) => c < 0 ? 'no cluster' : `cluster ${c}`),
      selectedpoints: only === null ? null : order.filter(matches),
      unselected: {marker: {opacity: 0.05}}, marker: marker, hovertemplate: '%{text}<extra>%{customdata}</extra>'},
  ], {shapes: ring(), showlegend: false, margin: {l: 12, r: 12, t: 36, b: 12}, hovermode: 'closest',
    dragmode: 'pan', xaxis: hidden, yaxis: hidden});
  if (!chart.dataset.ready) {
    chart.dataset.ready = 'yes';
    chart.on('plotly_hover', (event) => {
      const i = event.points[0].pointNumber;
      if (!pinned && matches(i)) show(i);
    });
    chart.on('plotly_click', (event) => {
      const i = event.points[0].pointNumber;
      if (!matches(i)) return;
      if (pinned && i === chosen) pinned = false;
      else pin(i);
    });
  }
}

function step(by) {
  const some = order.filter(matches);
  if (!some.length) return;
  let k = chosen === null ? 0 : some.indexOf(chosen) + by;
  if (chosen !== null && !matches(chosen)) k = some.findIndex((i) => place[i] > place[chosen]);
  pin(some[Math.min(some.length - 1, Math.max(0, k))]);
}

function find() {
  const text = byId('find').value.trim();
  byId('find').setCustomValidity('');
  if (!text) return;
  let i = data.id.indexOf(text);
  if (i < 0) i = data.id.findIndex((id, k) => matches(k) && id.includes(text));
  if (i >= 0) return pin(i);
  byId('find').setCustomValidity('No sample on this page has such an id.');
  byId('find').reportValidity();
}

// --- controls ------------------------------------------------------------
tagControls();
for (const id of ['eta', 'gamma', 'normalize']) byId(id).addEventListener('input', drawWeights);
byId('rarer').addEventListener('click', () => step(-1));
byId('commoner').addEventListener('click', () => step(1));
byId('find').addEventListener('change', find);
if (byId('colour')) byId('colour').addEventListener('change', drawMap);
document.querySelectorAll('.curve').forEach((select) =>
  select.addEventListener('change', () => drawCurves(select)));
document.querySelectorAll('.pick').forEach((button) => button.addEventListener('click', () => {
  pin(Number(button.dataset.i));
  byId('map').scrollIntoView();
}));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  drawAll();
});

function drawAll() {
  drawWeights();
  drawMap();
  drawComposition();
  drawRuns();
}
drawAll();
// the image comes when all of the page is there
addEventListener('load', () => { if (chosen === null && order.length) show(order[0]); });
