/** The sixteen tables against what the project holds, for every type of project. */
import { describe, expect } from 'vitest'
import type { SandboxProjectType } from '../../src/sandbox/index.ts'
import {
  ago,
  days,
  eventStreams,
  expectedEvents,
  expectedRows,
  outcome,
  present,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { eachWarehouse, everyWarehouse } from '../support/warehouse.ts'

describe.each<SandboxProjectType>(['email', 'userId', 'hybrid'])('a project of type %s', (projectType) => {
  // What people are known by is the same to every warehouse.
  const onWarehouses = projectType === 'hybrid' ? everyWarehouse : eachWarehouse
  onWarehouses('is replicated row by row and value by value', async (warehouse) => {
    await using sandbox = await startProject({ projectType, users: 60, eventsPerDay: 150, lists: 6 })
    // Profiles and templates are up to years older than the events.
    const from = ago(days(730))
    const report = await syncOnce(sandbox, warehouse, {
      sync: { start_date: from.toISOString(), window_in_days: 366, settle: '5m' },
    })
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    expect(report.streams).toHaveLength(16)

    const to = ago(5 * 60_000)
    for (const stream of eventStreams) {
      const expected = await expectedEvents(sandbox, warehouse, stream, from, to)
      expect(expected.length, stream).toBeGreaterThan(0)
      expect(await rowsOf(warehouse, stream), stream).toEqual(expected)
    }
    const { truth, data } = sandbox
    const rows = {
      users: truth.users(from, to),
      campaigns: data.campaigns,
      templates: truth.templates(),
      channels: data.channels,
      message_types: data.messageTypes,
      metadata: truth.metadata(),
      lists: data.lists.map((list) => ({ ...list })),
      list_users: truth.listUsers().map((member) => ({ ...member, updatedAt: present.getTime() })),
    }
    for (const [table, expected] of Object.entries(rows)) {
      expect(expected.length, table).toBeGreaterThan(0)
      expect(await rowsOf(warehouse, table), table).toEqual(await expectedRows(warehouse, table, expected))
    }
  })
})
