// A small chart over time, drawn by uPlot in the page's colours; redrawn in place when the points change.
import { type ReactNode, useEffect, useRef } from 'react';
import uPlot from 'uplot';

export type Line = {
  readonly label: string;
  /** Name of a custom property with the colour. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
};

type Props = { title: string; unit: string; start: number; step: number; lines: readonly Line[] };

const HEIGHT = 110;

export function Sparkline({ title, unit, start, step, lines }: Props): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const count = lines[0]?.values.length ?? 0;
    const times = Array.from({ length: count }, (_, i) => start / 1000 + (i + 1) * step);
    const points: uPlot.AlignedData = [times, ...lines.map(({ values }) => [...values])];
    if (plot.current === null) plot.current = new uPlot(optionsFor(element, unit, lines), points, element);
    else plot.current.setData(points);
  }, [start, step, lines, unit]);
  useEffect(
    () => () => {
      plot.current?.destroy();
      plot.current = null;
    },
    [],
  );
  return (
    <figure className="sparkline">
      <figcaption>
        {title}
        {lines.map(({ label, colour }) => (
          <span key={label} className="key" style={{ color: `var(${colour})` }}>
            {label}
          </span>
        ))}
      </figcaption>
      <div ref={place} role="img" aria-label={describe(title, unit, lines)} />
    </figure>
  );
}

function describe(title: string, unit: string, lines: readonly Line[]): string {
  const now = lines.map(({ label, values }) => `${label} ${values.at(-1)?.toFixed(1) ?? 'none'} ${unit}`);
  return `${title}, now: ${now.join(', ')}`;
}

function optionsFor(element: HTMLElement, unit: string, lines: readonly Line[]): uPlot.Options {
  const colour = (name: string) => (): string => resolveColour(element, name);
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--grid'), width: 1 }, ticks: { show: false } };
  const font = '11px system-ui, sans-serif';
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [
      { ...axis, font, space: 80, size: 24, values: (_plot, ticks) => ticks.map(timeText) },
      { ...axis, font, size: 46, space: 30, values: (_plot, ticks) => ticks.map((tick) => `${tick}${unit}`) },
    ],
    series: [
      {},
      ...lines.map((line) => ({ label: line.label, stroke: colour(line.colour), width: 1.6, points: { show: false } })),
    ],
  };
}

/** Asked at each drawing, so that the chart follows light and dark: a canvas does not know custom properties. */
function resolveColour(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = '';
  return color;
}

const timeText = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
