/** Rows that were deleted stay in their pages until a vacuum clears these, and frequent values in the statistics. */
import { messageOf } from '../../errors.ts'
import type { PostgresServer } from './server.ts'

/** Vacuums tables, one after another, beside whoever reads and writes them. Returns what could not be. */
export async function vacuum(server: PostgresServer, tables: readonly string[]): Promise<readonly string[]> {
  const notices: string[] = []
  const client = await server.connectAlone()
  try {
    for (const table of tables) {
      await client.query(`vacuum (analyze) ${table}`).catch((error: unknown) => {
        notices.push(`${table} could not be vacuumed: ${messageOf(error)}`)
      })
    }
  } finally {
    await client.end()
  }
  return [...notices, 'backups and the write-ahead log of the server keep what they have until they end']
}
