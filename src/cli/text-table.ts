/** Rows in columns as wide as their widest cell; numbers on the right. */
export function textTable(
  heads: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  // Heads stand over their columns: on the right where the first row has a number.
  const first = rows[0] ?? [];
  const head = heads.map((name, column) =>
    typeof first[column] === 'number' ? name.padStart(widths[column] ?? 0) : name,
  );
  return [line(head), ...rows.map(line)].join('\n');
}
