// Tables with aligned columns: words to the left, numbers to the right, two blanks between.
import { paint, printable, type Style, type Terminal } from './terminal.ts';

export type Column<Row> = {
  readonly title: string;
  readonly align?: 'right';
  readonly text: (row: Row) => string;
  readonly style?: (row: Row) => Style | null;
};

export function formatTable<Row>(terminal: Terminal, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.text(row)) || '-'));
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const line = (texts: readonly string[], style: (column: number) => Style | null): string =>
    texts
      .map((text, i) => {
        const padded = pad(text, widths[i] ?? 0, columns[i]?.align === 'right', i === texts.length - 1);
        const name = style(i);
        return name === null ? padded : paint(terminal, name, padded);
      })
      .join('  ')
      .trimEnd();
  const head = line(
    columns.map(({ title }) => title),
    () => 'bold',
  );
  const body = rows.map((row, r) => line(cells[r] ?? [], (i) => columns[i]?.style?.(row) ?? null));
  return `${[head, ...body].join('\n')}\n`;
}

function pad(text: string, width: number, right: boolean, last: boolean): string {
  if (right) return text.padStart(width);
  return last ? text : text.padEnd(width);
}
