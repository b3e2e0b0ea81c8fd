/** Reads the list back after sending and compares it with what was sent. */
import { sql } from 'kysely'
import { InterruptedError } from '../../errors.ts'
import type { Tx } from '../../warehouse/session.ts'
import type { TypedColumn } from '../../warehouse/shape.ts'
import { ownTable, type Sql } from '../../warehouse/sql.ts'
import { type ExportInput, inTransaction } from '../context.ts'
import { isTracked } from '../definition/settings.ts'
import { fetchMembers } from '../plan/members-file.ts'
import type { Verification } from '../progress.ts'

/** Iterable shows membership late, by up to a minute: who is missing is looked for again. */
const triesToFind = 3
const pauseMs = 15_000

/**
 * The list and the export, compared; by the plan of the run, or by the members of a mirror. Undefined when the user wants
 * to stop: all was sent, and the run is over without.
 */
export async function verifyList(input: ExportInput, runId: string): Promise<Verification | undefined> {
  try {
    return await compareList(input, runId)
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error
    input.emit({ type: 'notice', message: 'interrupted: everything was sent, but the list was not compared' })
    return undefined
  }
}

async function compareList(input: ExportInput, runId: string): Promise<Verification> {
  const { definition, warehouse, client, connection, clock, signal } = input
  for (let tries = 1; ; tries += 1) {
    await using file = await fetchMembers({
      warehouse,
      client,
      runId,
      signal,
      listId: definition.settings.list_id,
      projectType: connection.project_type,
      byUserId: definition.settings.identifier === 'user_id',
    })
    const found = await inTransaction(input, (tx) => compare(tx, input, runId, file.select), { signal })
    if ((found.missing === 0 && found.left_over === 0) || tries >= triesToFind) return found
    await clock.sleep(pauseMs, signal)
  }
}

async function compare(
  tx: Tx,
  { definition }: ExportInput,
  runId: string,
  select: string,
): Promise<Verification> {
  const { name, settings } = definition
  const plan = (isOp: Sql) => sql`
    select member_key from ${ownTable(tx, 'plan')} as planned where run_id = ${runId} and ${isOp} and not exists
      (select 1 from ${ownTable(tx, 'export_rejects')} as r where r.export = ${name} and r.run_id = ${runId}
        and r.member_key = planned.member_key)`
  const present =
    isTracked(settings) && settings.action !== 'remove'
      ? sql`select member_key from ${ownTable(tx, 'members')}
          where export = ${name} and list_id = ${settings.list_id} and status = 'member'`
      : plan(sql`op <> 'remove'`)
  const staging = await tx.stage(columns, select)
  const keys = async (query: Sql) => {
    const { rows } = await sql<{ n: number }>`select count(*) as n from (${query}) as q`.execute(tx.db)
    return rows[0]?.n ?? 0
  }
  const isThere = sql`exists (select 1 from ${staging} as s where s.member_key = p.member_key)`
  const missing = sql`select member_key from (${present}) as p where not ${isThere}`
  const left = sql`select member_key from (${plan(sql`op = 'remove'`)}) as p where ${isThere}`
  const others = sql`select member_key from ${staging} as s
    where not exists (select 1 from (${present}) as p where s.member_key = p.member_key)`
  const { rows } = await sql<{ key: string }>`
    select member_key as key from (${missing} union all ${left}) as q limit 5`.execute(tx.db)
  return {
    expected: await keys(present),
    missing: await keys(missing),
    left_over: await keys(left),
    others: await keys(others),
    examples: rows.map(({ key }) => key.slice(2)),
  }
}

const columns: readonly TypedColumn[] = [
  { name: 'member_key', type: 'text' },
  { name: 'payload', type: 'text' },
]
