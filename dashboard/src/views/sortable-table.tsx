// A table whose columns sort; headings are buttons and say the order to assistive technology.
import { type ReactNode, useState } from 'react';

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => ReactNode;
  /** What it sorts by; null is always last. */
  readonly value: (row: Row) => string | number | null;
  readonly numeric?: boolean;
};

type Props<Row> = {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Set on the row as `data-health` for its colour. */
  health?: (row: Row) => string;
  selected?: (row: Row) => boolean;
};

export function SortableTable<Row>({ caption, columns, rows, rowKey, health, selected }: Props<Row>): ReactNode {
  const [{ by, descending }, setOrder] = useState({ by: 0, descending: false });
  const value = columns[by]?.value ?? (() => null);
  const sorted = [...rows].sort((a, b) => compare(value(a), value(b), descending));
  return (
    <div className="table-frame">
      <table>
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, numeric }, i) => (
              <th
                key={title}
                scope="col"
                data-numeric={numeric}
                aria-sort={i === by ? (descending ? 'descending' : 'ascending') : undefined}
              >
                <button
                  type="button"
                  onClick={() => setOrder({ by: i, descending: i === by ? !descending : numeric === true })}
                >
                  {title}
                  <span aria-hidden="true">{i === by ? (descending ? ' ↓' : ' ↑') : ''}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr key={rowKey(row)} data-health={health?.(row)} data-selected={selected?.(row)}>
              {columns.map(({ title, cell, numeric }) => (
                <td key={title} data-numeric={numeric}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function compare(a: string | number | null, b: string | number | null, descending: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
  return descending ? -order : order;
}
