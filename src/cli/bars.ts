/** Numbers drawn with characters: without colours, a column of the terminal each. */

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
const steps = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** A bar as long as its share of `most`; anything above 0 can be seen. */
export function bar(value: number | null, most: number, width: number): string {
  if (value === null || value <= 0 || most <= 0) return ''
  const parts = Math.max(1, Math.round((Math.min(value, most) / most) * width * 8))
  return '█'.repeat(Math.floor(parts / 8)) + eighths[parts % 8]
}

/** Days side by side, several to a character where they are more than `width`. The lowest step is 0 and nothing else. */
export function sparkline(values: readonly number[], width: number): string {
  const size = Math.max(1, Math.ceil(values.length / width))
  const sums = Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    values.slice(index * size, (index + 1) * size).reduce((sum, value) => sum + value, 0),
  )
  const most = Math.max(...sums, 0)
  return sums
    .map((sum) => (sum <= 0 ? steps[0] : steps[Math.max(1, Math.round((sum / most) * (steps.length - 1)))]))
    .join('')
}
