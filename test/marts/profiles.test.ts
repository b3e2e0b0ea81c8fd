/** Views that take profiles apart: lists, subscriptions, devices. */
import { expect } from 'vitest'
import { startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse, type Row } from '../support/warehouse.ts'
import { personOf } from './oracle.ts'

const texts = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

eachWarehouse(
  'lists, opt-outs, opt-ins and devices have a row each, as the profiles say',
  async (warehouse) => {
    await using sandbox = await startProject({ users: 80, lists: 4, projectType: 'hybrid' })
    // What a profile should not hold, and does: nothing of it stops the others.
    const [odd] = sandbox.truth.users()
    sandbox.data.users.put({
      ...odd,
      devices: [
        { token: 't"1', platform: 'APNS', endpointEnabled: true },
        'no device',
        null,
        { platform: 'GCM' },
      ],
      unsubscribedChannelIds: [7, null, 7],
      unsubscribedMessageTypeIds: 'none',
    } as Row)
    const sync = {
      streams: ['users', 'lists', 'channels', 'message_types'],
      start_date: '2020-01-01',
      window_in_days: 366,
    }
    await syncOnce(sandbox, warehouse, { sync, marts: {} })
    const users = sandbox.truth.users()
    const of = (name: string, field: string) =>
      users.flatMap((user) => [
        ...new Set(
          list(user[field])
            .filter((id) => id !== null)
            .map((id) => JSON.stringify({ person: personOf(user), [name]: String(id) })),
        ),
      ])
    const read = async (view: string, name: string) =>
      texts(await warehouse.query(`select person, ${name} from iterable_marts.${view}`))
    for (const [view, name, field] of [
      ['user_channel_optouts', 'channel_id', 'unsubscribedChannelIds'],
      ['user_message_type_optouts', 'message_type_id', 'unsubscribedMessageTypeIds'],
      ['user_message_type_optins', 'message_type_id', 'subscribedMessageTypeIds'],
      ['user_lists', 'list_id', 'userListIds'],
    ] as const) {
      const expected = of(name, field).sort()
      expect(expected.length, field).toBeGreaterThan(0)
      expect(await read(view, name), view).toEqual(expected)
    }
    const devices = users.flatMap((user) =>
      list(user.devices).flatMap((device) => {
        const { token, platform, applicationName, endpointEnabled } = Object(device) as Row
        if (typeof token !== 'string') return []
        const app = applicationName ?? null
        return [
          {
            person: personOf(user),
            token,
            platform,
            application_name: app,
            is_enabled: endpointEnabled ?? null,
          },
        ]
      }),
    )
    expect(devices.length).toBeGreaterThan(1)
    const columns = 'person, token, platform, application_name, is_enabled'
    expect(texts(await warehouse.query(`select ${columns} from iterable_marts.user_devices`))).toEqual(
      texts(devices),
    )
    const [channel] = await warehouse.query(
      'select count(*) as n from iterable_marts.user_channel_optouts where channel is not null',
    )
    expect(channel?.n).toBeGreaterThan(0)
  },
)
