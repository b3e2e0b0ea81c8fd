/** How much of a sync is still to come, by the plan that `--dry-run` shows, kept true while streams get on. */
import type { IterableClient } from '../iterable/client.ts'
import type { EndpointName } from '../iterable/endpoints.ts'
import type { SyncEvent } from './progress.ts'

/** A stream, the endpoint that it is read from, and how many parts it has, as far as that is known. */
export interface PlannedStream {
  readonly stream: string
  readonly endpoint: EndpointName
  readonly parts: number
}

interface Known extends PlannedStream {
  done: number
  total: number
}

/** Turns events of streams into those of the whole, which it puts behind them. */
export function withWhole(
  client: Pick<IterableClient, 'secondsFor'>,
  planned: readonly PlannedStream[],
  emit: (event: SyncEvent) => void,
): (event: SyncEvent) => void {
  const streams = new Map<string, Known>(
    planned.map((one) => [one.stream, { ...one, done: 0, total: one.parts }]),
  )
  let streamsDone = 0
  const tellWhole = () => {
    const all = [...streams.values()]
    emit({
      type: 'whole',
      streamsDone,
      streams: all.length,
      done: sum(all.map(({ done }) => done)),
      total: sum(all.map(({ total }) => total)),
      secondsLeft: secondsLeft(client, all),
    })
  }
  return (event) => {
    emit(event)
    if (event.type === 'started') return tellWhole()
    const known =
      event.type === 'progress'
        ? streams.get(event.stream)
        : event.type === 'finished'
          ? streams.get(event.report.stream)
          : undefined
    if (!known) return
    if (event.type === 'progress') {
      if (known.done === event.done && known.total === event.total) return
      Object.assign(known, { done: event.done, total: event.total })
    } else {
      // Whatever became of it, nothing of it is to come.
      known.total = known.done
      streamsDone += 1
    }
    tellWhole()
  }
}

/** By the rate limits alone: each endpoint has its own, so the slowest one decides. */
function secondsLeft({ secondsFor }: Pick<IterableClient, 'secondsFor'>, all: readonly Known[]): number {
  const left = new Map<EndpointName, number>()
  for (const { endpoint, done, total } of all) left.set(endpoint, (left.get(endpoint) ?? 0) + total - done)
  return Math.max(0, ...[...left].map(([endpoint, parts]) => secondsFor(endpoint, parts)))
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
