/** The warehouse that a configuration names. */
import type { Config, WarehouseConfig } from '../config/schema.ts'
import { ConfigError } from '../errors.ts'
import { refuseNamesake } from './duckdb/file-name.ts'
import { openDuckdb } from './duckdb/warehouse.ts'
import type { Warehouse } from './session.ts'

/** What of the host a warehouse needs. */
export interface WarehouseHost {
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Hears once, in words, when another program holds the warehouse and must be waited for. */
  readonly onWait?: ((message: string) => void) | undefined
  readonly now: () => Date
}

/**
 * Opens it; it is touched when it is first used. Once it is closed it refuses all work.
 * @throws ConfigError where its settings cannot be.
 */
export async function openWarehouse(config: Config, host: WarehouseHost): Promise<Warehouse> {
  const warehouse = await openKind(config, host)
  const { lockStreams } = warehouse
  let isClosed = false
  const unlessClosed = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!isClosed) return work()
    throw new ConfigError('this warehouse has been closed; open the configuration once more', {
      code: 'closed',
    })
  }
  return {
    ...warehouse,
    use: (work, options) => unlessClosed(() => warehouse.use(work, options)),
    transaction: (work, options) => unlessClosed(() => warehouse.transaction(work, options)),
    lock: (job) => unlessClosed(() => warehouse.lock(job)),
    ...(lockStreams && {
      lockStreams: (streams: readonly string[], runId: string) =>
        unlessClosed(() => lockStreams(streams, runId)),
    }),
    watch: (tables, onChange) => unlessClosed(() => warehouse.watch(tables, onChange)),
    async [Symbol.asyncDispose]() {
      if (isClosed) return
      isClosed = true
      await warehouse[Symbol.asyncDispose]()
    },
  }
}

async function openKind(
  { warehouse, schema, spool_directory, exports }: Config,
  { env: environment, onWait, now }: WarehouseHost,
): Promise<Warehouse> {
  const shared = { schema, spoolDirectory: spool_directory, onWait }
  if (isDuckdb(warehouse)) {
    const allowsExternalAccess = exports.allow_external_access
    if ('instance' in warehouse)
      return openDuckdb({ source: warehouse.instance, allowsExternalAccess, ...shared })
    refuseNamesake(warehouse.path, schema)
    return openDuckdb({
      source: warehouse.path,
      now,
      memoryLimit: warehouse.memory_limit,
      threads: warehouse.threads,
      allowsExternalAccess,
      ...shared,
    })
  }
  if (warehouse.type === 'ducklake') {
    const { openDucklake } = await import('./ducklake/warehouse.ts')
    return openDucklake({
      catalog: warehouse.catalog,
      dataPath: warehouse.data_path,
      storage: warehouse.storage,
      extensionDirectory: warehouse.extension_directory,
      memoryLimit: warehouse.memory_limit,
      threads: warehouse.threads,
      allowsExternalAccess: exports.allow_external_access,
      environment: environment ?? {},
      ...shared,
    })
  }
  // Loaded only where it is used: the Postgres client costs a DuckDB user memory for nothing.
  const { openPostgres } = await import('./postgres/warehouse.ts')
  return openPostgres({
    source: 'pool' in warehouse ? warehouse.pool : warehouse,
    queryRole: exports.role,
    allowsExternalAccess: exports.allow_external_access,
    readers: warehouse.readers,
    indexes: warehouse.indexes,
    isPartitioned: warehouse.partition === 'month',
    environment,
    ...shared,
  })
}

/** True for the warehouse that one process at a time can open. */
export const isDuckdb = (
  warehouse: WarehouseConfig,
): warehouse is Extract<WarehouseConfig, { type: 'duckdb' }> => warehouse.type === 'duckdb'
