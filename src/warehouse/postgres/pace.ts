/** Slots of a paced lane, given out by the server to all processes of a warehouse: its clock, one row a lane. */

import type { Rate } from '../session.ts'
import { quoted } from '../sql.ts'
import type { PostgresServer } from './server.ts'

/** A clock of the server that was set back must not hold anybody for longer than this many periods. */
const mostPeriods = 20

/**
 * Takes the next free slot of a lane; resolves to the milliseconds until it. No stretch of one period holds more slots
 * than the rate allows.
 */
export async function takeSlot(
  server: PostgresServer,
  schema: string,
  lane: string,
  { requests, perMs }: Rate,
): Promise<number> {
  const client = await server.checkOut(async () => {})
  let isBroken = true
  try {
    const { rows } = await client.query<{ wait_ms: number }>(
      `insert into ${quoted(schema)}.paces as known (lane, sent_at) values ($1, array[clock_timestamp()])
       on conflict (lane) do update set sent_at =
         -- As many as one period may hold: the oldest of them decides when the next may go.
         known.sent_at[greatest(1, cardinality(known.sent_at) - $2::int + 2):]
         || greatest(
           clock_timestamp(),
           case when cardinality(known.sent_at) >= $2::int
             then least(known.sent_at[cardinality(known.sent_at) - $2::int + 1], clock_timestamp() + $3 * ${mostPeriods} * interval '1 ms')
               + $3 * interval '1 ms'
           end
         )
       returning extract(epoch from sent_at[cardinality(sent_at)] - clock_timestamp())::float8 * 1000 as wait_ms`,
      [lane, requests, perMs],
    )
    isBroken = false
    return Math.max(0, rows[0]?.wait_ms ?? 0)
  } finally {
    server.giveBack(client, isBroken)
  }
}
