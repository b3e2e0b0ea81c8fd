/** Reads the list back after sending and compares it with what was sent. */
import { sql } from 'kysely'
import { InterruptedError } from '../errors.ts'
import type { Session } from '../warehouse/session.ts'
import type { TableColumn } from '../warehouse/shape.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import { type ExportInput, inSession } from './context.ts'
import { readMembers } from './members-file.ts'
import type { Verification } from './progress.ts'
import { isTracked } from './settings.ts'

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
    await using file = await readMembers({
      ...{ warehouse, client, runId, signal, listId: definition.settings.list_id },
      ...{ projectType: connection.project_type, byUserId: definition.settings.identifier === 'user_id' },
    })
    const found = await inSession(input, (session) => compare(session, input, runId, file.select), { signal })
    if ((found.missing === 0 && found.left_over === 0) || tries >= triesToFind) return found
    await clock.sleep(pauseMs, signal)
  }
}

async function compare(
  session: Session,
  { definition }: ExportInput,
  runId: string,
  select: string,
): Promise<Verification> {
  const { name, settings } = definition
  const table = (of: string) => `${quoted(session.names.sync)}.${quoted(of)}`
  const plan = (op: string) =>
    `select member_key from ${table('plan')} as planned where run_id = ${literal(runId)} and op ${op} and not exists
       (select 1 from ${table('export_rejects')} as r where r.export = ${literal(name)} and r.run_id = ${literal(runId)}
         and r.member_key = planned.member_key)`
  const present =
    isTracked(settings) && settings.action !== 'remove'
      ? `select member_key from ${table('members')} where export = ${literal(name)} and list_id = ${settings.list_id} and status = 'member'`
      : plan("<> 'remove'")
  return session.db.transaction().execute(async (trx) => {
    await session.forBulk(trx)
    const staging = await session.createStaging(trx, columns)
    await session.appendQuery(trx, staging, ['member_key', 'payload'], select)
    const keys = async (query: string) => {
      const { rows } = await sql
        .raw<{ n: number | string }>(`select count(*) as n from (${query}) as q`)
        .execute(trx)
      return Number(rows[0]?.n ?? 0)
    }
    const missing = `select member_key from (${present}) as p where not exists (select 1 from ${staging} as s where s.member_key = p.member_key)`
    const left = `select member_key from (${plan("= 'remove'")}) as p where exists (select 1 from ${staging} as s where s.member_key = p.member_key)`
    const others = `select member_key from ${staging} as s where not exists (select 1 from (${present}) as p where s.member_key = p.member_key)`
    const { rows } = await sql
      .raw<{ key: string }>(`select member_key as key from (${missing} union all ${left}) as q limit 5`)
      .execute(trx)
    return {
      expected: await keys(present),
      missing: await keys(missing),
      left_over: await keys(left),
      others: await keys(others),
      examples: rows.map(({ key }) => key.slice(2)),
    }
  })
}

const columns: readonly TableColumn[] = ['member_key', 'payload'].map((name) => ({
  ...({ source: name, name, type: 'text', origin: 'ours' } as const),
  embedded: false,
  previousTypes: [],
}))
