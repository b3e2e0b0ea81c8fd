/** Everything that the warehouse knows of one person, and why somebody is, or is not, on a list. */
import { sql } from 'kysely'
import { isTracked } from '../export/definition/settings.ts'
import { readExports as readSaved } from '../state/exports.ts'
import type { Db } from '../state/tables.ts'
import type { Session } from '../warehouse/session.ts'
import { streamTable } from '../warehouse/sql.ts'
import { type Identity, type PersonList, readPersonLists, spellings } from './person-lists.ts'
import { memberKeys, streamsWithPeople } from './person-places.ts'
import { type ReportSource, readState } from './read.ts'
import { textOf } from './stream.ts'

/** What an export has to do with a person. */
export interface PersonExport {
  readonly export: string
  readonly list_id: number | null
  /**
   * `member`: Iterable has acknowledged them. `removed`: it has acknowledged their removal. `unsure`: the outcome of the
   * last request is unknown. `rejected`: Iterable, or a check before sending, refused them. `waiting`: they are part of a
   * held plan. `absent`: the query did not return them. `untracked`: whom the export has sent is not kept. `never`:
   * nothing has run yet.
   */
  readonly state: 'member' | 'removed' | 'unsure' | 'rejected' | 'waiting' | 'absent' | 'untracked' | 'never'
  readonly since: string | null
  readonly reason: string | null
  readonly last_run: { readonly run_id: string; readonly state: string; readonly at: string } | null
}

export interface Person {
  /** As it was asked for. */
  readonly asked: string
  readonly email: string | null
  readonly user_id: string | null
  /** The row of `users`, values as text; null where there is none. */
  readonly profile: Readonly<Record<string, string | null>> | null
  readonly lists: readonly PersonList[]
  readonly exports: readonly PersonExport[]
}

/** Undefined where nothing was ever synced. `asked` is an e-mail address in any case, or a userId. */
export function readPerson(source: ReportSource, asked: string): Promise<Person | undefined> {
  return readState(source, async (session, tables) => {
    const columns = await streamsWithPeople(session, tables)
    const has = (table: string) => tables.has(`${session.names.streams}.${table}`)
    const profile = has('users') ? await readProfile(session, asked, columns.get('users')) : null
    const email = profile?.email ?? (asked.includes('@') ? asked : null)
    const userId = profile?.userId ?? (asked.includes('@') ? null : asked)
    const identity: Identity = { email, userId }
    return {
      asked,
      email,
      user_id: userId,
      profile,
      lists: await readPersonLists(session, tables, identity),
      exports: tables.has(`${session.names.sync}.export_runs`) ? await readExports(session, identity) : [],
    }
  })
}

async function readProfile(
  session: Session,
  asked: string,
  columns: ReadonlySet<string> = new Set(),
): Promise<Person['profile']> {
  const isEmail = asked.includes('@') && columns.has('email')
  const conditions = [
    // As it is usually spelt, it is found by the key of the table; else every profile is looked at.
    ...(isEmail ? [sql`email in (${spellings(asked)})`] : []),
    ...(columns.has('userId') ? [sql`${sql.ref('userId')} = ${asked}`] : []),
    ...(isEmail ? [sql`lower(email) = ${asked.toLowerCase()}`] : []),
  ]
  for (const condition of conditions) {
    const { rows } = await sql<Record<string, unknown>>`
      select * from ${streamTable(session, 'users')} where ${condition} limit 1`.execute(session.tables)
    const [row] = rows
    if (row) return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, textOf(value)]))
  }
  return null
}

async function readExports({ db }: Session, { email, userId }: Identity): Promise<readonly PersonExport[]> {
  const keys = memberKeys({ email: email === null ? [] : [email], userId: userId === null ? [] : [userId] })
  if (keys.length === 0) return []
  const exports = await readSaved(db)
  const lists = await db.selectFrom('export_runs').select(['export', 'list_id']).distinct().execute()
  if (lists.length === 0) return exports.map(({ name }) => ({ ...unknown, export: name }))
  // By the columns of their index, from the first on: a list may have millions.
  const ofThem = <Table extends 'members' | 'export_rejects'>(table: Table) =>
    db
      .selectFrom<'members' | 'export_rejects'>(table)
      .selectAll()
      .where('export', 'in', [...new Set(lists.map((list) => list.export))])
      .where('list_id', 'in', [...new Set(lists.map(({ list_id }) => list_id))])
      .where('member_key', 'in', keys)
      .execute()
  const members = await ofThem('members')
  const refused = await ofThem('export_rejects')
  const held = await db
    .selectFrom('plan as p')
    .innerJoin('export_runs as r', 'r.run_id', 'p.run_id')
    .select(['r.export', 'p.op', 'p.run_id'])
    .where('r.phase', '=', 'held')
    .where('p.member_key', 'in', keys)
    .execute()
  const answers: PersonExport[] = []
  for (const { name, settings } of exports) {
    const last = await readLastRun(db, name)
    const { list_id, ...kind } = (settings ?? {}) as Parameters<typeof isTracked>[0] & {
      readonly list_id?: unknown
    }
    const told = {
      export: name,
      last_run: last,
      list_id: typeof list_id === 'number' ? list_id : null,
    }
    const waiting = held.find((row) => row.export === name)
    const refusal = refused.find((row) => row.export === name)
    const member = members.find((row) => row.export === name)
    if (waiting) {
      const reason = `the held run ${waiting.run_id.slice(0, 8)} would ${waiting.op} them`
      answers.push({ ...told, state: 'waiting', since: null, reason })
    } else if (refusal) {
      const since = refusal.rejected_at.toISOString()
      answers.push({ ...told, state: 'rejected', since, reason: `${refusal.code}: ${refusal.reason}` })
    } else if (member) {
      const state = member.hash === '' ? 'unsure' : member.status
      answers.push({ ...told, state, since: member.confirmed_at.toISOString(), reason: null })
    } else if (!last) {
      answers.push({ ...told, state: 'never', since: null, reason: null })
    } else {
      const rejected = await readRejection(db, last.run_id, [email, userId])
      answers.push(
        rejected
          ? { ...told, state: 'rejected', since: last.at, reason: `${rejected.code}: ${rejected.reason}` }
          : { ...told, state: isTracked(kind) ? 'absent' : 'untracked', since: null, reason: null },
      )
    }
  }
  return answers
}

const unknown = { list_id: null, state: 'never', since: null, reason: null, last_run: null } as const

async function readLastRun(db: Db, name: string): Promise<PersonExport['last_run']> {
  const row = await db
    .selectFrom('export_runs as e')
    .innerJoin('runs as r', 'r.run_id', 'e.run_id')
    .select(['e.run_id', 'r.state', 'e.started_at'])
    .where('e.export', '=', name)
    .orderBy('e.started_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ? { run_id: row.run_id, state: row.state, at: row.started_at.toISOString() } : null
}

/** A row that was refused before it was sent has no key: its text is looked through. */
async function readRejection(
  db: Db,
  runId: string,
  identifiers: readonly (string | null)[],
): Promise<{ readonly code: string; readonly reason: string } | undefined> {
  const known = identifiers.filter((one) => one !== null).map((one) => one.toLowerCase())
  const text = sql<string>`lower(coalesce(cast("row" as varchar), raw, ''))`
  return db
    .selectFrom('rejected_rows')
    .select(['code', 'reason'])
    .where('run_id', '=', runId)
    .where((row) => row.or(known.map((one) => sql<boolean>`strpos(${text}, ${JSON.stringify(one)}) > 0`)))
    .limit(1)
    .executeTakeFirst()
}
