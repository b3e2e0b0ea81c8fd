/**
 * One of several processes that sync streams of their own into one lake, plain JavaScript on the built package. Its only
 * argument is the task as JSON; the last line printed is the result.
 */
import { open } from '../dist/index.js'

const { streams, url, apiKey, catalog, lake, extensions, start, now } = JSON.parse(process.argv[2])
const present = new Date(now)
const elt = await open(
  {
    warehouse: { type: 'ducklake', catalog, data_path: lake, extension_directory: extensions },
    connections: { bench: { api_key: apiKey, base_url: url, rate_limits: 'off' } },
    sync: { start_date: start, settle: '0s', window_in_days: 1, lookback: '0s', sweep: 'off' },
  },
  { clock: { now: () => present, sleep: () => Promise.resolve() } },
)
const begunMs = Date.now()
const report = await elt.sync({ streams })
const endedMs = Date.now()
await elt[Symbol.asyncDispose]()
if (report.state !== 'succeeded') throw new Error(JSON.stringify(report, null, 1))
const windows = report.streams.reduce((sum, stream) => sum + stream.windows, 0)
console.log(JSON.stringify({ begunMs, endedMs, windows, rows: report.rows_written }))
