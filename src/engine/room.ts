/** What this process may use of the machine: the limits of its container (cgroups) count, and the cores it is bound to. */
import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import type { Room } from './budget.ts'

/** Never more than the machine has, whatever the limit says. */
export function roomHere(): Room {
  const limit = process.constrainedMemory()
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  const quota = coresOfQuota(readCgroup)
  return {
    cores: Math.max(1, Math.floor(Math.min(availableParallelism(), quota))),
    memoryMb: Math.floor(bytes / 2 ** 20),
  }
}

/**
 * How many cores the group of the process, and those around it, may keep busy; Infinity where nothing says so. `read` has
 * the text of a file below `/sys/fs/cgroup`, or of `/proc/self/cgroup` for an empty name. Node's own answer knows of this
 * from 22 on only.
 */
export function coresOfQuota(read: (name: string) => string | undefined): number {
  const own = /^0::(\/.*)$/m.exec(read('') ?? '')?.[1] ?? '/'
  const parts = own.split('/').filter((part) => part !== '')
  const groups = parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
  const quotas = ['', ...groups].map((group) => coresOf(read(`${group}/cpu.max`)))
  const [quota, period] = ['quota', 'period'].map((what) => read(`/cpu/cpu.cfs_${what}_us`)?.trim())
  return Math.min(...quotas, coresOf(quota === undefined ? undefined : `${quota} ${period}`))
}

/** `150000 100000` is one and a half; `max`, and -1 in older kernels, mean no limit. */
function coresOf(text: string | undefined): number {
  const [, quota, period] = /^(\d+) (\d+)\s*$/.exec(text ?? '') ?? []
  return quota === undefined || Number(period) === 0 ? Infinity : Number(quota) / Number(period)
}

function readCgroup(name: string): string | undefined {
  try {
    return readFileSync(name === '' ? '/proc/self/cgroup' : `/sys/fs/cgroup${name}`, 'utf8')
  } catch {
    return undefined
  }
}
