/** A job that was found by its type and time may be another program's: its rows must at least lie in the window. */
import { open } from 'node:fs/promises'
import { JobError } from './job-errors.ts'
import { timeOf } from './times.ts'
import type { Window } from './windows.ts'

const lookedAtBytes = 2 ** 16

/** @throws JobError when a row among the first of a file is of another time. */
export async function refuseForeignWindow(path: string, timeField: string, window: Window): Promise<void> {
  for (const line of await firstLines(path)) {
    const at = atOf(line, timeField)
    if (!at || (at >= window.from && at < window.to)) continue
    throw new JobError('discarded', 'the job that was found has rows of another time: it is not ours')
  }
}

async function firstLines(path: string): Promise<readonly string[]> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(lookedAtBytes), 0, lookedAtBytes, 0)
    // The last one may be cut.
    return buffer.toString('utf8', 0, bytesRead).split('\n').slice(0, -1)
  } finally {
    await file.close()
  }
}

function atOf(line: string, field: string): Date | undefined {
  try {
    return timeOf((JSON.parse(line) as Record<string, unknown>)[field])
  } catch {
    return undefined
  }
}
