import { expect, test } from 'vitest'
import { pacedEndpoints as configuredNames } from '../../src/config/endpoints.ts'
import { configSchema } from '../../src/config/schema.ts'
import { endpointNames } from '../../src/iterable/endpoints.ts'
import { apiKey, clientOf, json, serve, virtualClock } from './server.ts'

test('the configuration knows the same endpoints as the client', () => {
  expect([...configuredNames].sort()).toEqual([...endpointNames].sort())
})

test('a connection of the configuration is what the client takes, its limits are kept', async () => {
  await using server = await serve(json([]))
  const { iterable } = configSchema.shape.connections.parse({
    iterable: { api_key: apiKey, base_url: server.url, rate_limits: { export: '2/min', lists: 'off' } },
  })
  const clock = virtualClock()
  await using client = clientOf(server, iterable, { clock })
  for (let turn = 0; turn < 3; turn++) await client.json('export')
  for (let turn = 0; turn < 150; turn++) await client.json('lists')
  expect(clock.slept).toEqual([61_201])
})
