/** Which DuckDB this process has. */
import { version } from '@duckdb/node-api'

/** e.g. `1.5.5` */
export const engineVersion = (): string => version().replace(/^v/, '')
