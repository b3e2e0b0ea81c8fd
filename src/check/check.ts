/** Tests the configuration against the world: each connection's key, the warehouse, and what is to run. */

import { catalogue, type Stream, selectStreams } from '../catalog/index.ts'
import { type CheckItem, type CheckReport, ok, reportOf, warning } from './item.ts'
import { checkIterable, type IterableCheck } from './iterable.ts'
import { inspectJobs, type JobsCheck, jobItems } from './jobs.ts'
import { checkNotifications } from './notifications.ts'
import { checkWarehouse, type WarehouseCheck } from './warehouse.ts'

export type CheckInput = WarehouseCheck & Omit<IterableCheck, 'connection'> & JobsCheck

/** Says per item whether it is well, what is wrong and what to change. Only an abort is thrown. */
export async function check(input: CheckInput): Promise<CheckReport> {
  const connections = Object.entries(input.config.connections)
  const items: CheckItem[] = [
    connections.length > 0
      ? ok('configuration', 'the configuration is complete')
      : warning('configuration', 'there is no connection to Iterable', 'add one under "connections"'),
  ]
  for (const [name, connection] of connections) {
    const replicated = name === input.config.sync.connection ? replicatedBy(input) : undefined
    const found = await checkIterable({ ...input, connection: { ...connection, name }, replicated })
    items.push(...found.map((item) => ({ ...item, connection: name })))
  }
  const warehouse = await checkWarehouse(input)
  const isReadable = warehouse.every(({ item, state }) => item !== 'warehouse' || state !== 'failed')
  const jobs = jobItems(await inspectJobs({ ...input, isReadable }))
  const notifications = await checkNotifications({ ...input, isReadable })
  return reportOf([...items, ...warehouse, ...jobs, ...notifications])
}

/** Streams that any sync of the configuration has; undefined where one of its patterns matches none, which is told elsewhere. */
function replicatedBy({ config }: CheckInput): readonly Stream[] | undefined {
  const connection = config.connections[config.sync.connection ?? '']
  if (!connection) return undefined
  const known = catalogue(connection.project_type)
  const selections = [config.sync.streams, ...Object.values(config.sync.jobs).map(({ streams }) => streams)]
  try {
    return selections.flatMap((streams) => selectStreams(known, streams))
  } catch {
    return undefined
  }
}
