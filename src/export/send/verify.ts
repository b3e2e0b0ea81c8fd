/** Reads the list back after sending and compares it with what was sent. */
import { sql } from 'kysely'
import { InterruptedError } from '../../errors.ts'
import type { Tx } from '../../warehouse/session.ts'
import type { TypedColumn } from '../../warehouse/shape.ts'
import { ownTable, type Sql } from '../../warehouse/sql.ts'
import { type ExportInput, inTransaction } from '../context.ts'
import { isTracked } from '../definition/settings.ts'
import { fetchMembers, type MembersFile } from '../plan/members-file.ts'
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

async function compareList(input: ExportInput, runId: string): Promise<Verification | undefined> {
  const { warehouse, client, connection, clock, signal, emit } = input
  const { list_id: listId } = input.definition.settings
  const projectType = connection.project_type
  const named = await inTransaction(input, (tx) => identifiersOf(tx, input, runId), { signal })
  if (named.has('u') && projectType === 'email') {
    const why = 'in an email-based project a list tells e-mail addresses, and this export sends userIds'
    emit({ type: 'notice', message: `the list was not compared: ${why}` })
    return undefined
  }
  const by = [...named].map((kind) => (kind === 'u' ? ('userId' as const) : ('email' as const)))
  for (let tries = 1; ; tries += 1) {
    await using file = await fetchMembers({
      warehouse,
      client,
      runId,
      signal,
      listId,
      projectType,
      by: by.length > 0 && projectType === 'hybrid' ? by : ['email'],
    })
    const found = await inTransaction(input, (tx) => compare(tx, input, runId, file), { signal })
    if ((found.missing === 0 && found.left_over === 0) || tries >= triesToFind) return found
    await clock.sleep(pauseMs, signal)
  }
}

/** Who should be on the list, and who should not, by the plan of the run or by the members of a mirror. */
function wantedOf(
  tx: Tx,
  { definition }: ExportInput,
  runId: string,
): { readonly present: Sql; readonly absent: Sql } {
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
  return { present, absent: plan(sql`op = 'remove'`) }
}

/**
 * The kinds of identifiers by which people should be on the list, as keys begin: `e`, `u`. Who goes is told by another
 * only where nobody stays: it may be somebody who came under the first.
 */
async function identifiersOf(tx: Tx, input: ExportInput, runId: string): Promise<ReadonlySet<string>> {
  const { present, absent } = wantedOf(tx, input, runId)
  for (const people of [present, absent]) {
    const { rows } = await sql<{ kind: string }>`
      select distinct substr(member_key, 1, 1) as kind from (${people}) as q`.execute(tx.db)
    if (rows.length > 0) return new Set(rows.map(({ kind }) => kind))
  }
  return new Set()
}

async function compare(tx: Tx, input: ExportInput, runId: string, file: MembersFile): Promise<Verification> {
  const { present, absent } = wantedOf(tx, input, runId)
  const staging = await tx.stage(columns, file.select)
  const keys = async (query: Sql) => {
    const { rows } = await sql<{ n: number }>`select count(*) as n from (${query}) as q`.execute(tx.db)
    return rows[0]?.n ?? 0
  }
  const isThere = sql`exists (select 1 from ${staging} as s where s.member_key = p.member_key)`
  const absentees = sql`select member_key from (${present}) as p where not ${isThere}`
  const left = sql`select member_key from (${absent}) as p where ${isThere}`
  const { rows } = await sql<{ key: string }>`
    select member_key as key from (${absentees} union all ${left}) as q limit 5`.execute(tx.db)
  const [expected, missing, stayed] = [await keys(present), await keys(absentees), await keys(left)]
  const others = Math.max(0, file.people - (expected - missing))
  return {
    expected,
    missing,
    // Who left under one identifier may have come under the other; nobody is left over who is not one too many.
    left_over: Math.min(stayed, others),
    others,
    examples: rows.map(({ key }) => key.slice(2)),
  }
}

const columns: readonly TypedColumn[] = [
  { name: 'member_key', type: 'text' },
  { name: 'payload', type: 'text' },
]
