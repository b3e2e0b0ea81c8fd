/** Slots of a paced lane, given out by the server to all processes of a warehouse: its clock, one row a lane. */

import type { QueryResultRow } from 'pg'
import type { PaceBook, PacedLane } from '../pace-book.ts'
import { quoted } from '../sql.ts'
import type { PostgresServer } from './server.ts'

/** A clock of the server that was set back must not hold anybody for longer than this many periods. */
const mostPeriods = 20

/** The book of a warehouse. */
export function paceBook(server: PostgresServer, schema: string): PaceBook {
  const paces = `${quoted(schema)}.paces`
  const ask = (statement: string, values: readonly unknown[]) => waitOf(server, statement, values)
  return {
    // No stretch of one period holds more slots than the rate allows, and none is before the lane opens again.
    takeSlot: (lane, { requests, perMs }) =>
      ask(
        `insert into ${paces} as known (lane, sent_at) values ($1, array[clock_timestamp()])
         on conflict (lane) do update set sent_at =
           -- As many as one period may hold: the oldest of them decides when the next may go.
           known.sent_at[greatest(1, cardinality(known.sent_at) - $2::int + 2):]
           || greatest(
             clock_timestamp(),
             known.closed_until,
             case when cardinality(known.sent_at) >= $2::int
               then least(known.sent_at[cardinality(known.sent_at) - $2::int + 1], clock_timestamp() + $3 * ${mostPeriods} * interval '1 ms')
                 + $3 * interval '1 ms'
             end
           )
         returning extract(epoch from sent_at[cardinality(sent_at)] - clock_timestamp())::float8 * 1000 as wait_ms`,
        [lane, requests, perMs],
      ),
    async hold(lane, waitMs) {
      await ask(
        `insert into ${paces} as known (lane, sent_at, closed_until)
         values ($1, '{}', clock_timestamp() + $2 * interval '1 ms')
         on conflict (lane) do update set closed_until = greatest(known.closed_until, excluded.closed_until)
         returning 0 as wait_ms`,
        [lane, waitMs],
      )
    },
    heldMs: (lane) =>
      ask(
        `select extract(epoch from closed_until - clock_timestamp())::float8 * 1000 as wait_ms from ${paces} where lane = $1`,
        [lane],
      ),
    async lanes() {
      const [known] = await rowsOf<{ is_there: boolean }>(
        server,
        'select to_regclass($1) is not null as is_there',
        [paces],
      )
      if (!known?.is_there) return []
      const rows = await rowsOf<LaneRow>(
        server,
        `select lane, sent_at, closed_until from ${paces} order by lane`,
        [],
      )
      return rows.map(
        ({ lane, sent_at, closed_until }): PacedLane => ({
          lane,
          slots: sent_at,
          closedUntil: closed_until ?? undefined,
        }),
      )
    },
  }
}

interface LaneRow {
  readonly lane: string
  readonly sent_at: readonly Date[]
  readonly closed_until: Date | null
}

async function waitOf(
  server: PostgresServer,
  statement: string,
  values: readonly unknown[],
): Promise<number> {
  const [row] = await rowsOf<{ wait_ms: number | null }>(server, statement, values)
  return Math.max(0, row?.wait_ms ?? 0)
}

async function rowsOf<Row extends QueryResultRow>(
  server: PostgresServer,
  statement: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  const client = await server.checkOut(async () => {})
  let isBroken = true
  try {
    const { rows } = await client.query<Row>(statement, [...values])
    isBroken = false
    return rows
  } finally {
    server.giveBack(client, isBroken)
  }
}
