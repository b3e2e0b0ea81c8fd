/** `baseline: adopt`: the first run of a mirror takes over who is on the list already. */
import type { Transaction } from 'kysely'
import { ConfigError } from '../../errors.ts'
import type { StateDatabase } from '../../state/tables.ts'
import type { Tx } from '../../warehouse/session.ts'
import { instant, literal, quoted } from '../../warehouse/sql.ts'
import type { ExportInput } from '../context.ts'
import type { Definition } from '../definition/definition.ts'
import type { Mapping } from '../rows/mapping.ts'
import { fetchMembers } from './members-file.ts'
import { adoptedHash } from './strangers.ts'

/** True for a mirror that is to adopt and manages nobody yet. */
export async function needsBaseline(
  db: Transaction<StateDatabase>,
  { name, settings }: Definition,
): Promise<boolean> {
  if (settings.action !== 'mirror' || settings.baseline !== 'adopt') return false
  const [known] = await db
    .selectFrom('members')
    .select('member_key')
    .where('export', '=', name)
    .where('list_id', '=', settings.list_id)
    .limit(1)
    .execute()
  return known === undefined
}

/**
 * Reads the list; `store` makes its people those of the export, with nothing known of their fields.
 * @param mapping Says by which identifier the export knows people.
 * @throws ConfigError where the list does not tell that identifier.
 */
export async function adoptMembers(input: ExportInput, { reserved }: Pick<Mapping, 'reserved'>, now: Date) {
  const { definition, warehouse, client, connection, runId, signal } = input
  const { name, settings } = definition
  const byUserId = settings.identifier === 'user_id' || reserved.email === undefined
  if (byUserId && connection.project_type === 'email') {
    throw new ConfigError(
      `export "${name}": baseline: adopt compares the query with the list, and of people in an email-based project a list tells only the e-mail address; return email, or leave baseline out`,
      { code: 'missing_identifier' },
    )
  }
  const file = await fetchMembers({
    warehouse,
    client,
    runId,
    signal,
    by: [byUserId ? 'userId' : 'email'],
    listId: settings.list_id,
    projectType: connection.project_type,
  })
  return {
    async store(tx: Tx): Promise<void> {
      const table = `${quoted(tx.names.sync)}.${quoted('members')}`
      const columns = [
        'export',
        'list_id',
        'member_key',
        'status',
        'payload',
        'hash',
        'run_id',
        'confirmed_at',
      ]
      const values = `${literal(name)}, ${settings.list_id}, member_key, 'member', payload, ${literal(adoptedHash)}, ${literal(runId)}, ${instant(now)}`
      await tx.appendQuery(table, columns, `select ${values} from (${file.select})`)
    },
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
}
