/**
 * Slots of a paced lane, for all processes of a DuckDB file: a log beside it that is only appended to. Where a claim
 * stands in the log says when it may go, and everybody works out the same; so nobody locks, and whoever dies leaves
 * nothing behind but a slot that he did not use.
 */
import { appendFile, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../folders.ts'
import type { PaceBook, Rate } from '../pace-book.ts'

/** A lane whose slots come more often is free again before another process has begun. */
const slowFromMs = 1_000
const hourMs = 3_600_000

/** The book of a warehouse, in a folder of its own. */
export function paceFiles(directory: string, now: () => Date): PaceBook {
  const read = async () => {
    const hour = hourOf(now())
    const texts = await Promise.all([hour - 1, hour].map((one) => textOf(join(directory, `${one}`))))
    return texts.join('').split('\n').flatMap(entryOf)
  }
  const write = async (entry: Entry) => {
    await makeFolder(directory)
    const path = join(directory, `${hourOf(now())}`)
    await appendFile(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 })
  }
  return {
    async takeSlot(lane, rate) {
      if (rate.perMs / rate.requests < slowFromMs) return 0
      const claim: Claim = { lane, by: `${process.pid}-${++claims}`, at: now().getTime(), ...rate }
      await write(claim)
      const entries = await read()
      await removeOld(directory, hourOf(now()))
      return waitMs(entries, claim, now())
    },
    hold: (lane, waitMs) => write({ lane, until: now().getTime() + waitMs }),
    async heldMs(lane) {
      const until = (await read()).map((entry) => (isHold(entry) && entry.lane === lane ? entry.until : 0))
      return Math.max(0, Math.max(0, ...until) - now().getTime())
    },
    async lanes() {
      const entries = await read()
      const names = [...new Set(entries.map(({ lane }) => lane))].sort()
      return names.map((lane) => {
        const { slots, closedUntil } = given(entries, lane, now().getTime())
        return {
          lane,
          slots: slots.map((at) => new Date(at)),
          closedUntil: closedUntil > 0 ? new Date(closedUntil) : undefined,
        }
      })
    },
  }
}

let claims = 0

interface Claim extends Rate {
  readonly lane: string
  readonly by: string
  readonly at: number
}

interface Hold {
  readonly lane: string
  readonly until: number
}

type Entry = Claim | Hold

const isHold = (entry: Entry): entry is Hold => 'until' in entry

const hourOf = (at: Date): number => Math.floor(at.getTime() / hourMs)

const textOf = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })

/** A line that was cut (a full disk) says nothing. */
function entryOf(line: string): Entry[] {
  try {
    const entry: unknown = line === '' ? null : JSON.parse(line)
    return typeof entry === 'object' && entry !== null && 'lane' in entry ? [entry as Entry] : []
  } catch {
    return []
  }
}

/** How long a claim waits for its slot. */
function waitMs(entries: readonly Entry[], ours: Claim, now: Date): number {
  const isOurs = (entry: Entry) => !isHold(entry) && entry.by === ours.by && entry.at === ours.at
  // Where ours was not written whole, it comes after all others.
  const before = entries.findIndex(isOurs)
  const { slots } = given(before < 0 ? [...entries, ours] : entries.slice(0, before + 1), ours.lane, ours.at)
  return Math.max(0, (slots.at(-1) ?? 0) - now.getTime())
}

/** The slots of all claims of a lane, in their order. */
function given(
  entries: readonly Entry[],
  lane: string,
  latest: number,
): { readonly slots: readonly number[]; readonly closedUntil: number } {
  const slots: number[] = []
  let closedUntil = 0
  for (const entry of entries) {
    if (entry.lane !== lane) continue
    if (isHold(entry)) {
      closedUntil = Math.max(closedUntil, entry.until)
      continue
    }
    // A clock that was ahead, and has been set back, must not hold anybody.
    const at = Math.min(entry.at, latest)
    const before = slots.at(-entry.requests)
    slots.push(Math.max(at, closedUntil, before === undefined ? 0 : before + entry.perMs))
  }
  return { slots, closedUntil }
}

/** What is older than two hours holds nobody any more. */
async function removeOld(directory: string, hour: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (/^\d+$/.test(name) && Number(name) < hour - 1) await rm(join(directory, name), { force: true })
  }
}
