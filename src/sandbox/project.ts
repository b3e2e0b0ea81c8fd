/** The fake project: every store filled from the seed, the present, and the truth about it all. */
import { dataTypes, eventShares, spellingOf } from './data/catalog.ts'
import { eventAt, type Scene } from './data/events.ts'
import { embeddedCampaigns, emptyLibrary, makeLibrary } from './data/library.ts'
import { isMember, makeLists, makeMetadata } from './data/lists.ts'
import { makeCampaigns, makeChannels, makeMessageTypes, makeTemplates } from './data/messages.ts'
import { personAt } from './data/people.ts'
import { declaredFields, profileOf } from './data/profiles.ts'
import { randomFor } from './data/random.ts'
import type { Row, RowFailure, SandboxData, SandboxOptions, SandboxProjectType } from './options.ts'
import { PartCache, type RowSource, Shelf } from './shelf.ts'
import { People } from './store.ts'
import { systemTime } from './times.ts'

const dayMs = 86_400_000

export interface Project extends SandboxData {
  readonly seed: number
  readonly projectType: SandboxProjectType
  readonly users: People
  events(dataType: string): Shelf
  now(): Date
  setNow(now: Date): void
  advance(milliseconds: number): void
  /** Id of the next list that is made. */
  nextListId(): number
}

export function makeProject(options: SandboxOptions): Project {
  const {
    seed = 1,
    days = 30,
    empty = false,
    region = 'us',
    now = new Date('2026-02-01T00:00:00Z'),
  } = options
  const projectType = options.projectType ?? (region === 'eu' ? 'hybrid' : 'email')
  let readNow = typeof now === 'function' ? now : () => now
  let until = Math.floor((options.until ?? readNow()).getTime() / 1000) * 1000

  const lists = empty ? [] : makeLists(options.lists ?? 6, until)
  const templates = empty ? [] : makeTemplates(seed, until)
  const listIds = lists.map(({ id }) => id)
  const messages = makeCampaigns(seed, templates, listIds)
  const library = empty ? emptyLibrary() : makeLibrary(seed, until, messages)
  const campaigns = [...messages, ...embeddedCampaigns(library.embeddedTemplates)]
  const users = new People(projectType, lists)
  const population = empty ? 0 : (options.users ?? 200)
  for (let index = 0; index < population; index++) {
    const person = personAt(index, seed, projectType)
    users.put(profileOf(person, seed, until, projectType))
    const name = person.email ?? person.userId!
    for (const [list, { id }] of lists.entries()) {
      if (isMember(seed, list, index)) users.members(id).add(name)
    }
  }

  const shelves = new Map<string, Shelf>()
  const cache = new PartCache(options.cacheBytes ?? 2 ** 31)
  const sources = makeSources()
  for (const dataType of dataTypes) shelves.set(dataType, new Shelf(dataType, cache, sources.get(dataType)))
  let listCount = 0

  return {
    seed,
    projectType,
    users,
    lists,
    campaigns,
    templates,
    ...library,
    channels: empty ? [] : makeChannels(),
    messageTypes: empty ? [] : makeMessageTypes(until),
    metadata: empty ? [] : makeMetadata(seed, until),
    // Without a prototype: `constructor` is a field like any other.
    fields: Object.assign(Object.create(null) as Record<string, string>, declaredFields),
    forgotten: new Set<string>(),
    rowFailures: new Map<string, RowFailure>(),
    members: (listId) => users.members(listId),
    events: (dataType) => {
      const shelf = shelves.get(spellingOf(dataType) ?? '')
      if (!shelf) throw new RangeError(`the export API knows no dataTypeName ${dataType}`)
      return shelf
    },
    now: () => readNow(),
    setNow: (value) => {
      readNow = () => value
    },
    advance: (milliseconds) => {
      const later = new Date(readNow().getTime() + milliseconds)
      if (typeof now !== 'function') readNow = () => later
      const before = until
      until += milliseconds
      touchProfiles(before)
    },
    nextListId: () => {
      listCount += 1
      return 958_000 + listCount
    },
  }

  function makeSources(): Map<string, RowSource> {
    const { emailSend, users: benchUsers } = options.bench ?? {}
    const start = until - days * dayMs
    const perDay = (total: number) => (block: number) =>
      Math.round(((block + 1) * total) / days) - Math.round((block * total) / days)
    const rates = new Map(
      Object.entries(eventShares).map(([dataType, share]) => {
        const total = Math.max(3, Math.round((options.eventsPerDay ?? 200) * share * days))
        return [dataType, perDay(dataType === 'emailSend' && emailSend !== undefined ? emailSend : total)]
      }),
    )
    const people = Array.from({ length: Math.min(population || 2000, 10_000) }, (_, index) =>
      personAt(index, seed, projectType),
    )
    const byMedium = new Map<string, Row[]>()
    for (const campaign of campaigns) {
      const medium = String(campaign.messageMedium)
      byMedium.set(medium, [...(byMedium.get(medium) ?? []), campaign])
    }
    const scene: Scene = {
      seed,
      projectType,
      people,
      listIds,
      start,
      sendsIn: (dataType, block) => rates.get(dataType)!(block),
      campaigns: (medium) => byMedium.get(medium) ?? [],
    }
    const sources = new Map<string, RowSource>()
    const source = (rowsIn: RowSource['rowsIn'], rowAt: RowSource['rowAt']) => ({
      start,
      until: () => until,
      rowsIn,
      rowAt,
    })
    for (const [dataType, rowsIn] of rates) {
      if (empty && !(dataType === 'emailSend' && emailSend !== undefined)) continue
      sources.set(
        dataType,
        source(rowsIn, (block, index) => eventAt(scene, dataType, block, index)),
      )
    }
    if (benchUsers) sources.set('user', source(perDay(benchUsers), benchUser(perDay(benchUsers), start)))
    return sources
  }

  /** Numbered from a million on, so that they never meet the people of the store. */
  function benchUser(rowsIn: RowSource['rowsIn'], start: number): RowSource['rowAt'] {
    const firsts: number[] = [1_000_000]
    return (block, index) => {
      while (firsts.length <= block) firsts.push(firsts.at(-1)! + rowsIn(firsts.length - 1))
      const number = firsts[block]! + index
      const at = start + block * dayMs + randomFor(seed, 'bench', number).below(86_400) * 1000
      const row = profileOf(personAt(number, seed, projectType), seed, at, projectType)
      row.profileUpdatedAt = systemTime(at)
      return { at, row }
    }
  }

  /** A few people changed while time went on. */
  function touchProfiles(before: number): void {
    users.all().forEach((profile, index) => {
      if (index % 25 !== 3) return
      const at = before + Math.floor(((until - before) * ((index % 100) + 1)) / 101)
      users.put({
        ...profile,
        orderCount: Number(profile.orderCount ?? 0) + 1,
        profileUpdatedAt: systemTime(at),
      })
    })
  }
}
