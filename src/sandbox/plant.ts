/** The profiles that live in the data: bad lines for good, and rows that appear late. */
import { eventShares } from './data/catalog.ts'
import type { Project } from './project.ts'
import { systemTime } from './times.ts'

const hourMs = 3_600_000

/** A handful of lines per data type that no retry mends; fewer than any sensible limit of rejects. */
export function plantBadLines(project: Project, until: number): void {
  for (const dataType of [...Object.keys(eventShares), 'user']) {
    const shelf = project.events(dataType)
    const at = (hours: number) => new Date(until - hours * hourMs)
    const time = systemTime(until - 30 * hourMs)
    shelf.pushRaw(`{"createdAt":"${time}","email":"torn@exa`, at(30))
    shelf.pushRaw('<html><body>502 Bad Gateway</body></html>', at(31))
    shelf.pushRaw(`["${dataType}","an array"]`, at(100))
    shelf.pushRaw(`{"createdAt":"${time}","note":"an unescaped " quote"}`, at(200))
    if (dataType !== 'user') shelf.pushRaw('{"email":"timeless@example.com"}', at(32))
  }
}

/** Rows of the last twelve hours that the first read does not bring. */
export function plantLateRows(project: Project, until: number): void {
  for (const dataType of Object.keys(eventShares)) {
    const rows = [1, 5, 11].map((hours) => {
      const createdAt = systemTime(until - hours * hourMs)
      return { createdAt, email: `late.${hours}@example.com`, eventName: dataType, late: true }
    })
    project.events(dataType).pushLate(rows)
  }
}
