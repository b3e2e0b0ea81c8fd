/**
 * From the rows of the query to a frozen plan: duplicates, the difference to what Iterable last acknowledged, batches.
 * Everything is set-based SQL in one transaction, so that a plan is there whole or not at all.
 */
import { sql, type Transaction } from 'kysely'
import type { ExportOp, StateDatabase } from '../state/tables.ts'
import type { Session } from '../warehouse/session.ts'
import type { TableColumn } from '../warehouse/shape.ts'
import { instant, literal, quoted } from '../warehouse/sql.ts'
import { cutBatches } from './cut.ts'
import { type ExportSettings, isTracked } from './settings.ts'
import { readStage, type Staged, stageColumns } from './stage.ts'

/** From so many rows on, statistics pay. */
const worthCounting = 1_000

/** What a row that only names a person takes at most. */
const identifierBytes = 300

export interface PlanCounts {
  /** Rows of the query. */
  readonly queried: number
  /** Rows that may not be sent, by us or because Iterable refused the very same before. */
  readonly rejected: number
  /** Of those: found invalid by us. */
  readonly invalid: number
  /** The same person again. */
  readonly skipped: number
  readonly add: number
  readonly update: number
  readonly remove: number
  readonly unchanged: number
  /** People that this export manages before the run. */
  readonly members: number
}

export interface PlanInput {
  readonly runId: string
  readonly name: string
  readonly settings: ExportSettings
  readonly staged: Staged
  readonly now: Date
}

/** Fills `plan`, `batches` and `rejected_rows` for a run. */
export async function makePlan(
  session: Session,
  trx: Transaction<StateDatabase>,
  input: PlanInput,
): Promise<PlanCounts> {
  const { settings } = input
  const work = new Work(session, trx, input)
  await session.forBulk(trx)
  await work.load()
  await work.markDuplicates()
  if (isTracked(settings)) await work.markRefusedBefore()
  await work.recordRejects()
  const members = isTracked(settings) ? await work.count(`select count(*) as n from ${work.managed}`) : 0
  await work.freeze(settings)
  await cutBatches(session, trx, input.runId)
  await work.countRows(members)
  return work.counts(members)
}

class Work {
  readonly #session: Session
  readonly #trx: Transaction<StateDatabase>
  readonly #input: PlanInput
  #staging = ''

  constructor(session: Session, trx: Transaction<StateDatabase>, input: PlanInput) {
    this.#session = session
    this.#trx = trx
    this.#input = input
  }

  #table(name: keyof StateDatabase): string {
    return `${quoted(this.#session.names.sync)}.${quoted(name)}`
  }

  async #run(statement: string): Promise<number> {
    const { numAffectedRows } = await sql.raw(statement).execute(this.#trx)
    return Number(numAffectedRows ?? 0n)
  }

  async count(statement: string): Promise<number> {
    const { rows } = await sql.raw<{ n: number | string }>(statement).execute(this.#trx)
    return Number(rows[0]?.n ?? 0)
  }

  /** The people of this export on this list. */
  get managed(): string {
    const { name, settings } = this.#input
    const status = settings.action === 'remove' ? 'removed' : 'member'
    return `(select member_key, payload, hash from ${this.#table('members')}
      where export = ${literal(name)} and list_id = ${settings.list_id} and status = '${status}') as m`
  }

  async load(): Promise<void> {
    this.#staging = await this.#session.createStaging(this.#trx, stagingColumns)
    await this.#session.appendQuery(
      this.#trx,
      this.#staging,
      stageColumns,
      readStage(this.#input.staged.file),
    )
  }

  /** What is asked for by key while the plan is sent. */
  async countRows(members: number): Promise<void> {
    const tables: readonly (keyof StateDatabase)[] =
      members > 0 ? ['plan', 'batches', 'members'] : ['plan', 'batches']
    if (members + this.#input.staged.rows < worthCounting) return
    for (const table of tables) await this.#session.analyze(this.#trx, this.#table(table))
  }

  /** Who comes again is marked, the first row of each person goes on. */
  async markDuplicates(): Promise<void> {
    const repeated = `select member_key from ${this.#staging} where code is null group by member_key having count(*) > 1`
    if ((await this.count(`select count(*) as n from (${repeated}) as repeated`)) === 0) return
    const { on_duplicate } = this.#input.settings
    const isSkipped = { first: 'true', identical_ok: 'hash = first_hash', fail: 'false' }[on_duplicate]
    await this.#run(`
      update ${this.#staging} as s set code = d.code, reason = d.reason from (
        select seq, case when ${isSkipped} then 'skip' else 'duplicate' end as code,
          concat('the same person as in row ', first_seq,
            case when hash = first_hash then '' else ', with other values' end) as reason
        from (
          select seq, hash, row_number() over w as n, first_value(hash) over w as first_hash,
            first_value(seq) over w as first_seq
          from ${this.#staging} where code is null and member_key in (${repeated})
          window w as (partition by member_key order by seq)
        ) as numbered where n > 1
      ) as d where s.seq = d.seq`)
  }

  /** What Iterable refused for good is not sent again until it changes. */
  async markRefusedBefore(): Promise<void> {
    const { name, settings } = this.#input
    const isRemoval = settings.action === 'remove' ? "op = 'remove'" : "op <> 'remove'"
    await this.#run(`
      update ${this.#staging} as s set code = r.code, reason = concat(r.reason, ' (refused before, unchanged since)')
      from ${this.#table('export_rejects')} as r
      where r.export = ${literal(name)} and r.list_id = ${settings.list_id} and r.permanent and r.${isRemoval}
        and s.code is null and s.member_key = r.member_key and s.hash = r.hash`)
  }

  async recordRejects(): Promise<void> {
    const { runId, name, now } = this.#input
    await this.#run(`
      insert into ${this.#table('rejected_rows')} (run_id, source, code, reason, row, raw, rejected_at)
      select ${literal(runId)}, ${literal(`export:${name}`)}, code, reason,
        cast(coalesce(row_text, payload) as json), null, ${instant(now)}
      from ${this.#staging} where code is not null and code <> 'skip'`)
  }

  /** Writes the plan in the order of sending. */
  async freeze({ action, send }: ExportSettings): Promise<void> {
    const rows = `${this.#staging} as s`
    const valid = 's.code is null and s.payload is not null'
    if (action !== 'mirror' && send === 'all') {
      const bytes = action === 'remove' ? `${identifierBytes}` : 's.bytes'
      await this.#insert(
        action,
        `s.member_key, s.payload, s.hash, cast(null as varchar), ${bytes}`,
        `${rows} where ${valid}`,
      )
      return
    }
    const joined = (condition: string) => `
      (select s.seq from ${rows} left join ${this.managed} on m.member_key = s.member_key
       where ${valid} and ${condition}) as d join ${rows} on s.seq = d.seq`
    if (action === 'remove') {
      const columns = `s.member_key, s.payload, s.hash, cast(null as varchar), ${identifierBytes}`
      await this.#insert('remove', columns, joined('m.member_key is null'))
      return
    }
    const add = () =>
      this.#insert(
        'add',
        's.member_key, s.payload, s.hash, cast(null as varchar), s.bytes',
        joined('m.member_key is null'),
      )
    const update = () =>
      this.#insert(
        'update',
        "s.member_key, s.payload, s.hash, case when m.hash = '' then null else m.payload end, s.bytes",
        `${joined('m.hash <> s.hash')} join ${this.managed} on m.member_key = s.member_key`,
      )
    const remove = () =>
      this.#insert(
        'remove',
        `m.member_key, m.payload, m.hash, cast(null as varchar), ${identifierBytes}`,
        // Also a row that may not be sent says that its person belongs on the list.
        `${this.managed} where not exists (select 1 from ${rows} where s.member_key = m.member_key)`,
      )
    const steps = [add, update, ...(action === 'mirror' ? [remove] : [])]
    if (action === 'mirror' && (await this.#exchangesIdentifiers()))
      steps.unshift(steps.pop() as () => Promise<void>)
    for (const step of steps) await step()
  }

  /** One person may be going as an e-mail and coming as a userId: who goes, goes first. */
  async #exchangesIdentifiers(): Promise<boolean> {
    const kinds = async (from: string, column: string) =>
      this.count(`select count(distinct substr(${column}, 1, 1)) as n from ${from}`)
    const before = await kinds(this.managed, 'm.member_key')
    const both = await kinds(
      `(select member_key from ${this.managed} union all select member_key from ${this.#staging}) as k`,
      'k.member_key',
    )
    return before > 0 && both > 1
  }

  async #insert(op: ExportOp, columns: string, from: string): Promise<void> {
    const { runId } = this.#input
    const offset = await this.count(
      `select coalesce(max(seq), 0) as n from ${this.#table('plan')} where run_id = ${literal(runId)}`,
    )
    await this.#run(`
      insert into ${this.#table('plan')} (run_id, op, member_key, payload, hash, before, bytes, seq)
      select ${literal(runId)}, '${op}', ${columns}, ${offset} + row_number() over () from ${from}`)
  }

  async counts(members: number): Promise<PlanCounts> {
    const { rows } = await sql
      .raw<{ what: string; n: number | string }>(
        `select case when code is null then 'valid' when code = 'skip' then 'skipped'
           when payload is null or code = 'duplicate' then 'invalid' else 'refused' end as what, count(*) as n
         from ${this.#staging} group by 1
         union all
         select op, count(*) from ${this.#table('plan')} where run_id = ${literal(this.#input.runId)} group by 1`,
      )
      .execute(this.#trx)
    const of = (what: string) => Number(rows.find((row) => row.what === what)?.n ?? 0)
    const { action } = this.#input.settings
    const [add, update, remove] = [of('add'), of('update'), of('remove')]
    const planned = action === 'remove' ? remove : add + update
    return {
      queried: of('valid') + of('skipped') + of('invalid') + of('refused'),
      rejected: of('invalid') + of('refused'),
      invalid: of('invalid'),
      skipped: of('skipped'),
      ...{ add, update, remove, members },
      unchanged: of('valid') - planned,
    }
  }
}

const stagingColumns: readonly TableColumn[] = stageColumns.map((name) => ({
  source: name,
  name,
  type: name === 'seq' || name === 'bytes' ? 'bigint' : 'text',
  origin: 'ours',
  embedded: false,
  previousTypes: [],
}))
