/** A real PgBouncer in transaction mode before a Postgres server: what hosted databases put between it and us. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { freePort } from './embedded-postgres.ts'

export interface Pooler extends AsyncDisposable {
  readonly url: string
}

/** Where `pgbouncer` is on this machine; `.ci/run` installs it where a package manager has it. */
export const pgbouncer: string | undefined = findPgbouncer()

function findPgbouncer(): string | undefined {
  const path = [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter)
  try {
    return execFileSync('sh', ['-c', 'command -v pgbouncer'], { env: { PATH: path } })
      .toString()
      .trim()
  } catch {
    return undefined
  }
}

/** Few backends, given out in turns: no two transactions of one client meet the same one by chance. */
export async function startPgbouncer(server: string, backends = 4): Promise<Pooler> {
  if (!pgbouncer) throw new Error('there is no pgbouncer on this machine')
  const { hostname, port, username, password, pathname } = new URL(server)
  const folder = await mkdtemp(join(tmpdir(), 'elt-pgbouncer-'))
  const own = await freePort()
  const database = decodeURIComponent(pathname.slice(1))
  const settings = join(folder, 'pgbouncer.ini')
  await writeFile(
    settings,
    `[databases]
${database} = host=${hostname} port=${port} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${backends}
max_client_conn = 100
server_round_robin = 1
`,
  )
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0
  const nobody = 65534
  await chmod(folder, 0o755)
  await chmod(settings, 0o644)
  if (isRoot) await chown(folder, nobody, nobody)
  const child = spawn(pgbouncer, [settings], { stdio: 'ignore', ...(isRoot && { uid: nobody, gid: nobody }) })
  const address = new URL(server)
  address.port = `${own}`
  address.hostname = '127.0.0.1'
  await untilItAnswers(address.href, child)
  return {
    url: address.href,
    async [Symbol.asyncDispose]() {
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      return
    } catch (error) {
      if (tries > 1_000 || child.exitCode !== null) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      await client.end().catch(() => {})
    }
  }
}
