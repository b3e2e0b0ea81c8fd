/** CSV as RFC 4180 has it. */

/** A line of a CSV file. */
export function csvLine(values: readonly (string | null)[]): string {
  return `${values.map(csvField).join(',')}\r\n`
}

/** RFC 4180; NULL is an empty field, empty text a quoted one. */
function csvField(text: string | null): string {
  if (text === null) return ''
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
