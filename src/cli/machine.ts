/** What the program runs on: facts for a report of a fault. Names of settings are told, never their values. */
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, freemem, homedir, release, totalmem } from 'node:os'

export interface Machine {
  readonly platform: {
    readonly system: string
    readonly release: string
    readonly architecture: string
    readonly libc: string | null
    readonly is_container: boolean
    readonly timezone: string
    readonly locale: string
  }
  readonly processor: { readonly model: string | null; readonly cores: number; readonly usable: number }
  readonly memory: {
    readonly total_bytes: number
    readonly free_bytes: number
    /** What the container may take; null where nothing says so. */
    readonly limit_bytes: number | null
  }
  /** Null: no limit. */
  readonly limits: {
    readonly open_files: number | null
    readonly file_size_blocks: number | null
    readonly virtual_memory_kbytes: number | null
  }
  /** Variables of the environment that change how the program works, as far as they are set. */
  readonly environment: readonly string[]
}

type Env = Readonly<Record<string, string | undefined>>

export function machineOf(env: Env): Machine {
  const { header, userLimits } = report()
  const { timeZone, locale } = Intl.DateTimeFormat().resolvedOptions()
  const models = cpus()
  const limit = process.constrainedMemory()
  return {
    platform: {
      system: process.platform,
      release: release(),
      architecture: process.arch,
      libc: header.glibcVersionRuntime === undefined ? null : `glibc ${header.glibcVersionRuntime}`,
      is_container:
        ['/.dockerenv', '/run/.containerenv'].some(existsSync) || 'KUBERNETES_SERVICE_HOST' in env,
      timezone: timeZone,
      locale,
    },
    processor: { model: models[0]?.model ?? null, cores: models.length, usable: availableParallelism() },
    memory: {
      total_bytes: totalmem(),
      free_bytes: freemem(),
      limit_bytes: limit > 0 && limit < totalmem() ? limit : null,
    },
    limits: {
      open_files: limitOf(userLimits, 'open_files'),
      file_size_blocks: limitOf(userLimits, 'file_size_blocks'),
      virtual_memory_kbytes: limitOf(userLimits, 'virtual_memory_kbytes'),
    },
    environment: Object.keys(env)
      .filter((name) => concerning.test(name) && env[name])
      .sort(),
  }
}

const concerning =
  /^(ITERABLE_.*|DATABASE_URL|PG[A-Z]+|(HTTPS?|NO|ALL)_PROXY|NODE_(OPTIONS|ENV|EXTRA_CA_CERTS)|NO_COLOR|FORCE_COLOR|TZ|TMPDIR|SMTP_URL|OTEL_.*|CI)$/i

/** Free bytes where a path is, or will be; null where nobody can say. */
export async function freeBytes(path: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch {
    return null
  }
}

/** The folder of the person at home is nobody's business. */
export function withoutHome(text: string): string {
  const home = homedir()
  return home.length > 1 ? text.replaceAll(home, '~') : text
}

interface Report {
  readonly header: { readonly glibcVersionRuntime?: string }
  readonly userLimits?: Readonly<Record<string, { readonly soft: number | 'unlimited' }>>
}

function report(): Report {
  if (!process.report) return { header: {} }
  // Looking up names of hosts would take seconds where the network is away.
  Object.assign(process.report, { excludeNetwork: true })
  return process.report.getReport() as unknown as Report
}

function limitOf(limits: Report['userLimits'], name: string): number | null {
  const soft = limits && Object.hasOwn(limits, name) ? limits[name]?.soft : undefined
  return typeof soft === 'number' ? soft : null
}
