/** User tables in three levels. Table names in any case, keys exact. */
import { json, notFound } from '../answers.ts'
import type { MetadataRow } from '../options.ts'
import type { SandboxRoute } from './route.ts'

const keysPerPage = 100

export const metadataRoutes: readonly SandboxRoute[] = [
  {
    method: 'GET',
    pattern: '/api/metadata',
    handle: (_, { project }) => {
      const names = [...new Set(project.metadata.map(({ table }) => table))]
      return json({ results: names.map((name) => ({ name })) })
    },
  },
  {
    method: 'GET',
    pattern: '/api/metadata/{name}',
    handle: ({ parts: [table = ''], query }, { project }) => {
      const rows = rowsOf(project.metadata, table)
      const start = Number(query.get('nextMarker') ?? 0)
      const results = rows.slice(start, start + keysPerPage).map(({ value, ...row }) => row)
      const end = start + keysPerPage
      return json({ results, ...(end < rows.length ? { nextMarker: String(end) } : {}) })
    },
  },
  {
    method: 'GET',
    pattern: '/api/metadata/{name}/{name}',
    handle: ({ parts: [table = '', key] }, { project }) => {
      const row = rowsOf(project.metadata, table).find((row) => row.key === key)
      return row ? json(row) : notFound(`No metadata for key ${key} in table ${table}`)
    },
  },
]

const rowsOf = (rows: readonly MetadataRow[], name: string) =>
  rows.filter(({ table }) => table.toLowerCase() === name.toLowerCase())
