/**
 * Our side of the benchmark, plain JavaScript on the built package, so that memory and time are the product's alone.
 * Its only argument is the task as JSON; the last line printed is the result.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from '../dist/index.js'

const { stream, directory, url, apiKey, warehouse, database, keep, name, start, now } = JSON.parse(
  process.argv[2],
)
const path = join(directory, `${name}-warehouse.duckdb`)
if (!keep) await rm(path, { force: true })
const present = new Date(now)
await measure(
  await open(
    {
      warehouse: warehouse === 'duckdb' ? { type: 'duckdb', path } : { type: 'postgres', url: database },
      schema: name,
      connections: { bench: { api_key: apiKey, base_url: url, rate_limits: 'off' } },
      sync: { start_date: start, settle: '0s' },
    },
    { clock: { now: () => present, sleep: () => Promise.resolve() } },
  ),
)

async function measure(elt) {
  const begin = performance.now()
  const before = process.cpuUsage()
  const report = await elt.sync({ streams: [stream] })
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(before)
  const { maxRSS } = process.resourceUsage()
  let rows
  if (stream !== 'core') {
    // Not the rows written: profiles that Iterable has no time of come with every window, and are one row all the same.
    for await (const row of elt.query(`select count(*) as rows from "${name}"."${stream}"`)) rows = row.rows
  }
  await elt[Symbol.asyncDispose]()
  if (report.state !== 'succeeded') throw new Error(JSON.stringify(report, null, 1))
  console.log(
    JSON.stringify({
      seconds,
      cpuSeconds: (user + system) / 1e6,
      rssMb: maxRSS / 1024,
      rows,
      apiCalls: report.streams.reduce((sum, { api_calls }) => sum + api_calls, 0),
    }),
  )
}
