/**
 * From the rows of the query to a frozen plan: duplicates, the difference to what Iterable last acknowledged, batches.
 * Everything is set-based SQL in one transaction, so that a plan is there whole or not at all.
 */
import { sql } from 'kysely'
import type { ExportOp } from '../../state/tables/exports.ts'
import type { StateDatabase } from '../../state/tables.ts'
import type { Tx } from '../../warehouse/session.ts'
import { change, ownTable, quoted, type Sql } from '../../warehouse/sql.ts'
import { type ExportSettings, isTracked } from '../definition/settings.ts'
import { stageColumns } from '../rows/lines.ts'
import type { Staged } from '../rows/stage.ts'
import { cutBatches } from './cut.ts'
import { dropForgotten, markForgotten } from './forgotten.ts'
import { dropOutdated } from './refusals.ts'
import { countStrangers } from './strangers.ts'

/** From so many rows on, statistics pay. */
const worthCounting = 1_000

/** Staged rows that may be sent. */
const valid = sql`code is null and payload is not null`

/** What a row that only names a person takes at most. */
const identifierBytes = 300

export interface PlanCounts {
  /** Rows of the query. */
  readonly queried: number
  /** Rows that may not be sent, by us or because Iterable refused the very same before or has forgotten the person. */
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
  /** Of those to be removed: people who were adopted, and whom no run of this export has sent yet. */
  readonly strangers: number
}

export interface PlanInput {
  readonly runId: string
  readonly name: string
  readonly settings: ExportSettings
  readonly staged: Staged
  readonly now: Date
}

/** Fills `plan`, `batches` and `rejected_rows` for a run. */
export async function makePlan(tx: Tx, input: PlanInput): Promise<PlanCounts> {
  const { settings } = input
  const work = new Work(tx, input)
  await work.load()
  const found = await work.survey()
  if (found.refusals > 0) await work.dropOutdatedRefusals()
  const forgotten = found.knowsForgotten ? await work.markForgotten() : 0
  if (found.repeated > 0) await work.markDuplicates()
  if (found.refused > 0) await work.markRefusedBefore()
  const isMarked = forgotten + found.repeated + found.refused > 0
  if (isMarked || found.invalid > 0) await work.recordRejects()
  const rows = isMarked
    ? await work.countKinds()
    : { valid: found.rows - found.invalid, skipped: 0, invalid: found.invalid, refused: 0 }
  const frozen = await work.freeze(found)
  await work.countRows(found.members)
  return {
    queried: found.rows,
    rejected: rows.invalid + rows.refused,
    invalid: rows.invalid,
    skipped: rows.skipped,
    ...frozen,
    unchanged: rows.valid - (settings.action === 'remove' ? frozen.remove : frozen.add + frozen.update),
    members: found.members,
    strangers: frozen.remove > 0 && found.members > 0 ? await countStrangers(tx.db, input.runId) : 0,
  }
}

/** What is known of the rows before any of them is marked: it decides which steps are needed. */
interface Survey {
  readonly rows: number
  /** Rows that may not be sent, by what stands in them. */
  readonly invalid: number
  /** People who come more than once. */
  readonly repeated: number
  /** Rows that Iterable once refused, and those of them that it refused for good. */
  readonly refusals: number
  readonly refused: number
  /** People that this export manages. */
  readonly members: number
  /** One person may be going as an e-mail and coming as a userId. */
  readonly exchangesIdentifiers: boolean
  /** The hashes of forgotten people are replicated. */
  readonly knowsForgotten: boolean
}

/** Rows of the plan, by operation. */
type Frozen = Pick<PlanCounts, ExportOp>

class Work {
  readonly #tx: Tx
  readonly #input: PlanInput
  #staging: Sql = sql``

  constructor(tx: Tx, input: PlanInput) {
    this.#tx = tx
    this.#input = input
  }

  #table(name: keyof StateDatabase): Sql {
    return ownTable(this.#tx, name)
  }

  #run(statement: Sql): Promise<number> {
    return change(this.#tx.db, statement)
  }

  /** The people of this export on this list. */
  get managed(): Sql {
    return sql`(select member_key, payload, hash from ${this.#managedRows}) as m`
  }

  get #managedRows(): Sql {
    const { name, settings } = this.#input
    const status = settings.action === 'remove' ? 'removed' : 'member'
    return sql`${this.#table('members')}
      where export = ${name} and list_id = ${settings.list_id} and status = ${status}`
  }

  /** Rows of `export_rejects` of this export and its list. */
  get #refusals(): Sql {
    const { name, settings } = this.#input
    return sql`${this.#table('export_rejects')} where export = ${name} and list_id = ${settings.list_id}`
  }

  /** Those that Iterable refused for good, of the operations of this export. */
  get #refused(): Sql {
    const isOp = this.#input.settings.action === 'remove' ? sql`op = 'remove'` : sql`op <> 'remove'`
    return sql`(select member_key, hash, code, reason from ${this.#refusals} and permanent and ${isOp}) as r`
  }

  async load(): Promise<void> {
    this.#staging = await this.#tx.stage(stageColumns, this.#input.staged.select)
  }

  async survey(): Promise<Survey> {
    const { settings } = this.#input
    // E-mails and userIds are told apart by the first character of a key.
    const kinds = sql`min(substr(member_key, 1, 1)) as lowest, max(substr(member_key, 1, 1)) as highest`
    const tracked = isTracked(settings)
      ? sql`(select count(*) as members, ${kinds} from ${this.managed}) as m,
          (select count(*) as refused from ${this.#refused}) as r,
          (select count(*) as refusals from ${this.#refusals}) as e`
      : sql`(select 0 as members, cast(null as varchar) as lowest, cast(null as varchar) as highest, 0 as refused, 0 as refusals) as m`
    const { rows } = await sql<
      Record<'rows' | 'invalid' | 'repeated' | 'members' | 'refusals' | 'refused' | 'hashes', number> & {
        readonly has_both: boolean | null
      }
    >`
      select members, refusals, refused, rows, invalid, repeated, hashes,
        least(m.lowest, s.lowest) <> greatest(m.highest, s.highest) as has_both
      from ${tracked},
        (select count(*) as rows, count(code) as invalid, ${kinds} from ${this.#staging}) as s,
        (select count(*) as repeated from (${this.#repeated}) as repeated) as d,
        (select count(*) as hashes from ${this.#table('columns')} where stream = 'forgotten_users') as f
    `.execute(this.#tx.db)
    const [{ has_both, hashes, ...found }] = rows as [(typeof rows)[number]]
    const exchangesIdentifiers = settings.action === 'mirror' && found.members > 0 && has_both === true
    return { ...found, exchangesIdentifiers, knowsForgotten: hashes > 0 }
  }

  get #repeated(): Sql {
    return sql`select member_key from ${this.#staging} where code is null group by member_key having count(*) > 1`
  }

  /** What is asked for by key while the plan is sent. */
  async countRows(members: number): Promise<void> {
    const tables: readonly (keyof StateDatabase)[] =
      members > 0 ? ['plan', 'batches', 'members'] : ['plan', 'batches']
    if (members + this.#input.staged.rows < worthCounting) return
    for (const table of tables) await this.#tx.analyze(`${quoted(this.#tx.names.sync)}.${quoted(table)}`)
  }

  /** Nobody who asked to be forgotten is sent. Returns how many rows they are. */
  markForgotten(): Promise<number> {
    return markForgotten(this.#tx, this.#staging)
  }

  /** Who comes again is marked, the first row of each person goes on. */
  async markDuplicates(): Promise<void> {
    const { on_duplicate } = this.#input.settings
    const isSkipped = { first: sql`true`, identical_ok: sql`hash = first_hash`, fail: sql`false` }[
      on_duplicate
    ]
    await this.#run(sql`
      update ${this.#staging} as s set code = d.code, reason = d.reason from (
        select seq, case when ${isSkipped} then 'skip' else 'duplicate' end as code,
          concat('the same person as in row ', first_seq,
            case when hash = first_hash then '' else ', with other values' end) as reason
        from (
          select seq, hash, row_number() over w as n, first_value(hash) over w as first_hash,
            first_value(seq) over w as first_seq
          from ${this.#staging} where code is null and member_key in (${this.#repeated})
          window w as (partition by member_key order by seq)
        ) as numbered where n > 1
      ) as d where s.seq = d.seq`)
  }

  /** Nothing of what was refused before is sent again that the query does not want any more. */
  dropOutdatedRefusals(): Promise<void> {
    const isMirror = this.#input.settings.action === 'mirror'
    const [refusals, staging, managed] = [this.#refusals, this.#staging, this.managed]
    return dropOutdated(this.#tx.db, { refusals, staging, managed, isMirror })
  }

  /** What Iterable refused for good is not sent again until it changes. */
  async markRefusedBefore(): Promise<void> {
    await this.#run(sql`
      update ${this.#staging} as s set code = r.code, reason = concat(r.reason, ' (refused before, unchanged since)')
      from ${this.#refused}
      where s.code is null and s.member_key = r.member_key and s.hash = r.hash`)
  }

  async recordRejects(): Promise<void> {
    const { runId, name, now } = this.#input
    await this.#run(sql`
      insert into ${this.#table('rejected_rows')} (run_id, source, code, reason, row, raw, rejected_at)
      select cast(${runId} as varchar), cast(${`export:${name}`} as varchar), code, reason,
        cast(coalesce(row_text, payload) as json), null, cast(${now} as timestamptz)
      from ${this.#staging} where code is not null and code <> 'skip'`)
  }

  /** Writes the plan in the order of sending, and cuts it into batches. Returns how many rows each operation has. */
  async freeze(found: Survey): Promise<Frozen> {
    const { action, send } = this.#input.settings
    if (action === 'mirror' && found.members > 0 && found.knowsForgotten) await this.#dropForgotten()
    // Whoever is managed by nobody yet is all of them.
    const isAll = found.members === 0 || (send === 'all' && action !== 'mirror')
    const planned = isAll ? await this.#planAll() : await this.#planChanges(found)
    if (planned === 0) return { add: 0, update: 0, remove: 0 }
    await cutBatches(this.#tx, this.#input.runId)
    const { rows } = await sql<{ op: ExportOp; n: number }>`
      select op, cast(sum(row_count) as bigint) as n from ${this.#table('batches')}
      where run_id = ${this.#input.runId} group by op`.execute(this.#tx.db)
    const of = (op: ExportOp) => rows.find((row) => row.op === op)?.n ?? 0
    return { add: of('add'), update: of('update'), remove: of('remove') }
  }

  /** Everybody comes, or goes. Returns how many they are. */
  #planAll(): Promise<number> {
    const isRemoval = this.#input.settings.action === 'remove'
    return this.#run(sql`
      insert into ${this.#table('plan')} (run_id, seq, op, member_key, payload, hash, before, bytes)
      select cast(${this.#input.runId} as varchar), row_number() over (),
        cast(${isRemoval ? 'remove' : 'add'} as varchar), member_key, payload, hash, cast(null as varchar),
        ${isRemoval ? sql.lit(identifierBytes) : sql`bytes`}
      from ${this.#staging} where ${valid}`)
  }

  /** Who comes, has changed, or goes: one join of keys and hashes. Only of those are payloads looked up. Returns how many. */
  #planChanges({ exchangesIdentifiers }: Survey): Promise<number> {
    const { action } = this.#input.settings
    const isMirror = action === 'mirror'
    const comes = sql.lit(action === 'remove' ? 'remove' : 'add')
    const first = sql.lit(exchangesIdentifiers ? 'remove' : 'add')
    return this.#run(sql`
      insert into ${this.#table('plan')} (run_id, seq, op, member_key, payload, hash, before, bytes)
      with differences as materialized (
        select s.seq as staged, m.member_key as managed,
          case when m.member_key is null then ${comes} when s.member_key is null then 'remove' else 'update' end as op
        from (select seq, member_key, hash from ${this.#staging} where ${valid}) as s
          ${isMirror ? sql`full` : sql`left`} join (select member_key, hash from ${this.#managedRows}) as m
            on m.member_key = s.member_key
        where m.member_key is null ${isMirror ? sql`or s.member_key is null` : sql``}
          ${action === 'remove' ? sql`` : sql`or m.hash <> s.hash`}
      ),
      numbered as materialized (
        select staged, managed, op,
          row_number() over (order by case op when ${first} then 1 when 'remove' then 4 when 'add' then 2 else 3 end, staged, managed) as seq
        from differences
          -- Also a row that may not be sent says that its person belongs on the list.
          left join (select distinct member_key from ${this.#staging} where code is not null) as o
            on o.member_key = managed and staged is null
        where o.member_key is null
      )
      select cast(${this.#input.runId} as varchar), d.seq, d.op, s.member_key, s.payload, s.hash,
        case when m.hash <> '' then m.payload end, case d.op when 'remove' then ${sql.lit(identifierBytes)} else s.bytes end
      from numbered as d join ${this.#staging} as s on s.seq = d.staged
        left join ${this.managed} on m.member_key = d.managed
      union all
      select cast(${this.#input.runId} as varchar), d.seq, d.op, m.member_key, m.payload, m.hash,
        cast(null as varchar), ${sql.lit(identifierBytes)}
      from numbered as d join ${this.managed} on m.member_key = d.managed
      where d.staged is null`)
  }

  /** Managed people who are gone from the query, and forgotten. */
  async #dropForgotten(): Promise<void> {
    const candidates = sql`select m.member_key from ${this.managed} where not exists
      (select 1 from ${this.#staging} as s where s.member_key = m.member_key and s.code is distinct from 'forgotten')`
    await dropForgotten(this.#tx, this.#managedRows, candidates)
  }

  /** The rows once they are marked, by what becomes of them. */
  async countKinds(): Promise<Readonly<Record<'valid' | 'skipped' | 'invalid' | 'refused', number>>> {
    const { rows } = await sql<{ what: string; n: number }>`
      select case when code is null then 'valid' when code = 'skip' then 'skipped'
        when payload is null or code = 'duplicate' then 'invalid' else 'refused' end as what, count(*) as n
      from ${this.#staging} group by 1`.execute(this.#tx.db)
    const of = (what: string) => rows.find((row) => row.what === what)?.n ?? 0
    return { valid: of('valid'), skipped: of('skipped'), invalid: of('invalid'), refused: of('refused') }
  }
}
