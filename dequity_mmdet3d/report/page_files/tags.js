'use strict';
// Colours and filters by tag; page.js, which follows, has the rest.
const OTHER = '#888888';
let only = null; // [tag, value] of the samples that are shown, or all

// Eight can be told from each other; of more, the legend tells them one by one.
function valueColour(tag, value) {
  if (data.tags[tag].values[value] === data.untold) return OTHER;
  return value < PALETTE.length ? PALETTE[value] : `hsl(${Math.round(137.508 * value) % 360}, 50%, 50%)`;
}

const matches = (i) => only === null || data.tags[only[0]].code[i] === only[1];

function setOnly(choice) {
  only = choice;
  byId('only').value = only === null ? '' : only.join(':');
  for (const button of document.querySelectorAll('.pick')) {
    button.hidden = !matches(Number(button.dataset.i));
  }
  for (const gallery of document.querySelectorAll('.gallery')) {
    gallery.hidden = !gallery.querySelector('.pick:not([hidden])');
  }
  showOnly();
  if (chosen !== null && !matches(chosen)) {
    pinned = false;
    const next = order.find(matches);
    if (next !== undefined) show(next);
  }
  drawMap();
}

function showOnly() {
  if (!byId('only')) return;
  let text = '';
  if (only !== null) {
    const some = order.filter(matches), tag = data.tags[only[0]];
    text = `${number(some.length)} of ${counted(order.length, 'sample')} on this page: ` +
      `${tag.name} = ${tag.values[only[1]]}` + (some.length ?
      `; mean weight ${small(sum(some.map((i) => weight(likelihoodOf(i)))) / some.length)}` : '') +
      (document.querySelector('.gallery:not([hidden])') ? '.' : '; none among the images of clusters below.');
  }
  byId('only-summary').textContent = text;
}

function drawLegend(tag) {
  const list = byId('legend');
  if (!list) return;
  list.hidden = tag === null;
  list.replaceChildren(...(tag === null ? [] : data.tags[tag].values.map((name, value) => {
    const item = document.createElement('li'), button = document.createElement('button');
    const swatch = document.createElement('span');
    const pressed = only !== null && only[0] === tag && only[1] === value;
    swatch.className = 'swatch';
    swatch.style.background = valueColour(tag, value);
    button.type = 'button';
    button.setAttribute('aria-pressed', pressed);
    button.append(swatch, ` ${name} (${number(data.tags[tag].n[value])})`);
    button.addEventListener('click', () => {
      setOnly(pressed ? null : [tag, value]);
      // drawn anew, so that the focus would be lost
      list.querySelectorAll('button')[value].focus();
    });
    item.append(button);
    return item;
  })));
}

function drawComposition() {
  const select = byId('composition');
  if (!select) return;
  const t = Number(select.value), tag = data.tags[t], names = clusterNames();
  const totals = tag.clusters.map(sum);
  draw('chart-composition', tag.values.map((value, v) => ({type: 'bar', name: plain(value), x: names,
    y: names.map((_, c) => 100 * tag.clusters[c][v] / totals[c]), marker: {color: valueColour(t, v)},
    hovertemplate: '%{x}: %{y:.1f} %<extra>' + plain(value) + '</extra>'})),
  {barmode: 'stack', bargap: 0.2, showlegend: tag.values.length <= PALETTE.length,
    yaxis: title('share (%)'), xaxis: {type: 'category'}});
}

function tagControls() {
  if (!data.tags.length) return;
  for (const part of document.querySelectorAll('.share span')) {
    part.style.background = valueColour(Number(part.dataset.tag), Number(part.dataset.value));
  }
  byId('only').addEventListener('change', () => setOnly(
    byId('only').value ? byId('only').value.split(':').map(Number) : null));
  if (byId('composition')) byId('composition').addEventListener('change', drawComposition);
}
