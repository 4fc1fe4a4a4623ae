// Goodput over loss as SVG: a panel for each round-trip time, a line for each program.

/** One point of the chart. */
export interface ChartPoint {
  readonly rtt: number;
  readonly loss: number;
  /** Name of the line that it belongs to. */
  readonly series: string;
  /** Mbit/s. */
  readonly value: number;
}

const PANEL_WIDTH = 300;
const PANEL_HEIGHT = 220;
const MARGIN = { left: 48, top: 56, right: 16, bottom: 44 };
/** Told apart also without colour: each has its own dashes. */
const STYLES = [
  { colour: '#9a6700', dash: '2 3' },
  { colour: '#6e40c9', dash: '6 3' },
  { colour: '#0969da', dash: '8 3 2 3' },
  { colour: '#1a7f37', dash: 'none' },
] as const;

/** Draws the chart; `top` is the upper end of the scale in Mbit/s. Losses are spaced evenly: they are far from evenly spread. */
export function drawChart(points: readonly ChartPoint[], top: number): string {
  const rtts = [...new Set(points.map(({ rtt }) => rtt))];
  const losses = [...new Set(points.map(({ loss }) => loss))].sort((a, b) => a - b);
  const series = [...new Set(points.map((point) => point.series))];
  const step = PANEL_WIDTH + MARGIN.left + MARGIN.right;
  const width = rtts.length * step;
  const height = PANEL_HEIGHT + MARGIN.top + MARGIN.bottom;
  const x = (loss: number): number => (losses.indexOf(loss) * PANEL_WIDTH) / Math.max(1, losses.length - 1);
  const y = (value: number): number => PANEL_HEIGHT - (Math.min(value, top) / top) * PANEL_HEIGHT;
  const round = (value: number): string => value.toFixed(1);

  const panels = rtts.map((rtt, index) => {
    const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const at = round(y(share * top));
      return `<path d="M0 ${at}H${PANEL_WIDTH}" class="grid"/><text x="-8" y="${at}" dy="4" text-anchor="end">${share * top}</text>`;
    });
    const ticks = losses.map((loss) => `<text x="${round(x(loss))}" y="${PANEL_HEIGHT + 18}" text-anchor="middle">${loss} %</text>`);
    const lines = series.map((name, order) => {
      const own = points.filter((point) => point.rtt === rtt && point.series === name).sort((a, b) => a.loss - b.loss);
      const { colour, dash } = STYLES[order % STYLES.length] ?? STYLES[0];
      const path = own.map((point, at) => `${at === 0 ? 'M' : 'L'}${round(x(point.loss))} ${round(y(point.value))}`).join('');
      const dots = own.map((point) => `<circle cx="${round(x(point.loss))}" cy="${round(y(point.value))}" r="3" fill="${colour}"/>`);
      return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>${dots.join('')}`;
    });
    return (
      `<g transform="translate(${index * step + MARGIN.left} ${MARGIN.top})"><text x="${PANEL_WIDTH / 2}" y="-10" text-anchor="middle" class="title">` +
      `RTT ${rtt} ms</text>${grid.join('')}${ticks.join('')}${lines.join('')}` +
      `<text x="${PANEL_WIDTH / 2}" y="${PANEL_HEIGHT + 36}" text-anchor="middle">packets lost, each direction</text></g>`
    );
  });
  const legend = series.map((name, order) => {
    const { colour, dash } = STYLES[order % STYLES.length] ?? STYLES[0];
    return (
      `<g transform="translate(${MARGIN.left + order * 150} 20)"><path d="M0 0H28" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>` +
      `<text x="34" y="4">${name}</text></g>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
    `aria-label="Goodput over packet loss"><style>text{font:12px sans-serif;fill:#57606a}.title{font-weight:bold;fill:#24292f}` +
    `.grid{stroke:#d0d7de;stroke-width:1}</style><rect width="100%" height="100%" fill="#fff"/>` +
    `<text x="${width - MARGIN.right}" y="24" text-anchor="end">Mbit/s</text>${legend.join('')}${panels.join('')}</svg>\n`
  );
}
