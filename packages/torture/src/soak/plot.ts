// Series over time as SVG, one panel below the other, so that growth is seen at a glance.

/** One panel: a title, its unit, and a line for each end. */
export interface Panel {
  readonly title: string;
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}

const WIDTH = 720;
const PANEL_HEIGHT = 110;
const LEFT = 64;
const RIGHT = 16;
const GAP = 46;
const COLOURS = ['#0969da', '#bc4c00'] as const;

/** Draws panels over the same time axis. */
export function drawPanels(minutes: readonly number[], panels: readonly Panel[]): string {
  const end = Math.max(...minutes, 1);
  const innerWidth = WIDTH - LEFT - RIGHT;
  const x = (minute: number): string => (LEFT + (minute / end) * innerWidth).toFixed(1);
  const drawn = panels.map(({ title, series }, index) => {
    const top = GAP + index * (PANEL_HEIGHT + GAP);
    const highest = Math.max(...series.flatMap(({ values }) => values)) * 1.05 || 1;
    const y = (value: number): string => (top + PANEL_HEIGHT * (1 - value / highest)).toFixed(1);
    const axis = [0, highest / 2, highest].map(
      (value) =>
        `<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" class="grid"/><text x="${LEFT - 8}" y="${y(value)}" dy="4" text-anchor="end">${format(value)}</text>`,
    );
    const lines = series.map(({ values }, order) => {
      const path = values.map((value, at) => `${at === 0 ? 'M' : 'L'}${x(minutes[at] ?? 0)} ${y(value)}`).join('');
      return `<path d="${path}" fill="none" stroke="${COLOURS[order % COLOURS.length]}" stroke-width="1.5"/>`;
    });
    return `<text x="${LEFT}" y="${top - 10}" class="title">${title}</text>${axis.join('')}${lines.join('')}`;
  });
  const height = GAP + panels.length * (PANEL_HEIGHT + GAP);
  const legend = (panels[0]?.series ?? []).map(
    ({ name }, order) =>
      `<text x="${WIDTH - RIGHT - 70 * order}" y="18" text-anchor="end" style="fill:${COLOURS[order % COLOURS.length]}">${name}</text>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Soak">` +
    `<style>text{font:12px sans-serif;fill:#57606a}.title{font-weight:bold;fill:#24292f}.grid{stroke:#d0d7de}</style>` +
    `<rect width="100%" height="100%" fill="#fff"/>${legend.join('')}${drawn.join('')}` +
    `<text x="${LEFT}" y="${height - 10}">0</text><text x="${WIDTH - RIGHT}" y="${height - 10}" text-anchor="end">${end.toFixed(0)} minutes</text></svg>\n`
  );
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
