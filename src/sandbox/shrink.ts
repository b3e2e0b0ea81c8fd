/** The profile `shrink`: the first re-read of each data type brings only half of its rows. */
import type { SandboxFault } from './faults.ts'
import { readTime } from './times.ts'

export function makeShrink(
  isOn: boolean,
): (path: string, query: URLSearchParams) => SandboxFault | undefined {
  const readUpTo = new Map<string, number>()
  const shrunk = new Set<string>()
  return (path, query) => {
    if (!isOn || !path.startsWith('/api/export/data.')) return undefined
    const dataType = (query.get('dataTypeName') ?? '').toLowerCase()
    const from = readTime(query.get('startDateTime')) ?? -Infinity
    const to = readTime(query.get('endDateTime')) ?? Infinity
    const before = readUpTo.get(dataType)
    readUpTo.set(dataType, Math.max(before ?? -Infinity, to))
    if (before === undefined || from >= before || shrunk.has(dataType)) return undefined
    shrunk.add(dataType)
    return { kind: 'shrink' }
  }
}
