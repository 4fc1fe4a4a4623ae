// Lines over a scale as SVG, panels side by side: goodput over loss, goodput over time.

/** One line. */
interface ChartSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, value: number])[];
}

/** One panel. */
export interface ChartPanel {
  readonly title: string;
  /** Where the scale has marks, and their text; points lie between the first and the last. */
  readonly ticks: readonly (readonly [x: number, text: string])[];
  readonly series: readonly ChartSeries[];
}

const WIDTH = 320;
const HEIGHT = 220;
const MARGIN = { left: 48, top: 28, right: 16, bottom: 44 };
const LEGEND = { width: 200, height: 18 };
/** Told apart also without color: each has its own dashes. */
const STYLES = [
  { color: '#1a7f37', dash: 'none' },
  { color: '#0969da', dash: '8 3 2 3' },
  { color: '#6e40c9', dash: '6 3' },
  { color: '#cf222e', dash: '2 2' },
  { color: '#9a6700', dash: '10 4' },
  { color: '#57606a', dash: '2 4' },
  { color: '#0a3069', dash: '4 2 1 2' },
  { color: '#bf3989', dash: '1 3' },
  { color: '#1b7c83', dash: '12 3 3 3' },
] as const;

/** Draws panels in rows of `columns`. `top` is the upper end of the scale, `below` the text below each panel. */
export function drawChart(
  label: string,
  panels: readonly ChartPanel[],
  options: { readonly top: number; readonly below: string; readonly columns: number },
): string {
  const names = [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))];
  const columns = Math.min(options.columns, panels.length);
  const cell = { width: WIDTH + MARGIN.left + MARGIN.right, height: HEIGHT + MARGIN.top + MARGIN.bottom };
  const width = Math.max(columns * cell.width, 2 * LEGEND.width + MARGIN.left);
  const perLine = Math.floor((width - MARGIN.left) / LEGEND.width);
  const legendHeight = Math.ceil(names.length / perLine) * LEGEND.height + 12;
  const height = legendHeight + Math.ceil(panels.length / columns) * cell.height;
  const styleOf = (name: string): (typeof STYLES)[number] => STYLES[names.indexOf(name) % STYLES.length] ?? STYLES[0];
  const lineStyle = (name: string): string => `stroke="${styleOf(name).color}" stroke-width="2" stroke-dasharray="${styleOf(name).dash}"`;

  const legend = names.map((name, index) => {
    const at = `${MARGIN.left + (index % perLine) * LEGEND.width} ${Math.floor(index / perLine) * LEGEND.height + 16}`;
    return `<g transform="translate(${at})"><path d="M0 0H28" ${lineStyle(name)}/><text x="34" y="4">${escapeText(name)}</text></g>`;
  });
  const drawn = panels.map((panel, index) => {
    const at = `${(index % columns) * cell.width + MARGIN.left} ${legendHeight + Math.floor(index / columns) * cell.height + MARGIN.top}`;
    return `<g transform="translate(${at})">${drawPanel(panel, options.top, options.below, lineStyle)}</g>`;
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
    `aria-label="${escapeText(label)}"><style>text{font:12px sans-serif;fill:#57606a}.title{font-weight:bold;fill:#24292f}` +
    `.grid{stroke:#d0d7de;stroke-width:1}</style><rect width="100%" height="100%" fill="#fff"/>\n${legend.join('')}\n${drawn.join('\n')}</svg>\n`
  );
}

function drawPanel({ title, ticks, series }: ChartPanel, top: number, below: string, lineStyle: (name: string) => string): string {
  const [first, last] = [ticks[0]?.[0] ?? 0, ticks.at(-1)?.[0] ?? 1];
  const x = (at: number): string => (((at - first) / (last - first)) * WIDTH).toFixed(1);
  const y = (value: number): string => (HEIGHT - (Math.min(value, top) / top) * HEIGHT).toFixed(1);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * top);
    return `<path d="M0 ${at}H${WIDTH}" class="grid"/><text x="-8" y="${at}" dy="4" text-anchor="end">${share * top}</text>`;
  });
  const marks = ticks.map(([at, text]) => `<text x="${x(at)}" y="${HEIGHT + 18}" text-anchor="middle">${escapeText(text)}</text>`);
  const lines = series.map(({ name, points }) => {
    const path = points.map(([at, value], index) => `${index === 0 ? 'M' : 'L'}${x(at)} ${y(value)}`).join('');
    return `<path d="${path}" fill="none" ${lineStyle(name)}/>`;
  });
  return (
    `<text x="${WIDTH / 2}" y="-10" text-anchor="middle" class="title">${escapeText(title)}</text>${grid.join('')}${marks.join('')}${lines.join('')}` +
    `<text x="${WIDTH / 2}" y="${HEIGHT + 36}" text-anchor="middle">${escapeText(below)}</text>`
  );
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
