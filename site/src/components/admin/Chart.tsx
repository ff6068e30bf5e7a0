import 'uplot/dist/uPlot.min.css';

import { useEffect, useRef } from 'react';
import uPlot from 'uplot';

import { go } from '@/hooks/use-url';

import { Go } from './parts';

const LABEL = 72; // px that a time under its bar wants

// Bars over time, drawn by uPlot, each of which leads to the rows that it counts; the
// numbers stand in a table behind it, for who cannot see them or wants them exactly.
export default function Chart({
  at,
  values,
  label,
  show,
  tick,
  href
}: {
  at: string[];
  values: number[];
  label: string;
  show: (value: number) => string;
  tick: (iso: string) => string;
  // to the rows of a bar, by its place
  href: (i: number) => string;
}) {
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const place = box.current!;
    let plot: uPlot | undefined;

    const draw = () => {
      const css = getComputedStyle(place);
      const [ink, line, bar] = ['--muted', '--line', '--primary'].map((name) => css.getPropertyValue(name)) as [string, string, string];
      // what light-dark() comes to
      const colour = (value: string) => {
        place.style.color = value;
        const now = getComputedStyle(place).color;
        place.style.color = '';
        return now;
      };
      const span = at.length > 1 ? (Date.parse(at[1]!) - Date.parse(at[0]!)) / 1000 : 3600;
      const axis = { stroke: colour(ink), grid: { stroke: colour(line), width: 1 }, ticks: { show: false }, font: `13px ${css.fontFamily}` };

      plot?.destroy();
      plot = new uPlot(
        {
          width: place.clientWidth,
          height: 220,
          legend: { show: false },
          cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
          // a bar stands on the middle of its time
          scales: { x: { time: true, range: (_, min, max) => [min - span / 2, max + span / 2] }, y: { range: (_, __, max) => [0, Math.max(max * 1.1, 1)] } },
          axes: [
            {
              ...axis,
              grid: { show: false },
              // under bars, as many as there is room for: days are not all of one length
              splits: (u) => {
                const each = Math.ceil((at.length * LABEL) / Math.max(u.width - 64, LABEL));
                return at.filter((_, i) => i % each === 0).map((t) => Date.parse(t) / 1000);
              },
              values: (_, ticks) => ticks.map((t) => tick(new Date(t * 1000).toISOString()))
            },
            { ...axis, size: 64, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5, 1e6], values: (_, ticks) => ticks.map(show) }
          ],
          series: [
            {},
            { fill: colour(bar), stroke: colour(bar), width: 0, paths: uPlot.paths.bars!({ size: [0.8, 48], radius: 0.2 }), points: { show: false } }
          ]
        },
        [at.map((t) => Date.parse(t) / 1000), values],
        place
      );
      plot.over.style.cursor = 'pointer';
      plot.over.addEventListener('click', () => {
        if (plot?.cursor.idx != null) go(href(plot.cursor.idx));
      });
    };
    const size = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: 220 }));
    const theme = new MutationObserver(draw);
    const dark = matchMedia('(prefers-color-scheme: dark)');

    draw();
    size.observe(place);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    dark.addEventListener('change', draw);
    return () => {
      size.disconnect();
      theme.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [at, values, show, tick, href]);

  return (
    <figure>
      <div ref={box} aria-hidden="true" className="h-[220px] w-full" />
      <figcaption>
        <details className="text-sm">
          <summary className="link w-fit cursor-pointer">{label} as a table</summary>
          <table className="mt-2 text-left tabular-nums">
            <thead>
              <tr>
                <th scope="col" className="pe-6">
                  From
                </th>
                <th scope="col">{label}</th>
              </tr>
            </thead>
            <tbody>
              {at.map((t, i) => (
                <tr key={t}>
                  <th scope="row" className="pe-6 font-normal">
                    {tick(t)}
                  </th>
                  <td>{values[i] ? <Go to={href(i)}>{show(values[i])}</Go> : 0}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      </figcaption>
    </figure>
  );
}
