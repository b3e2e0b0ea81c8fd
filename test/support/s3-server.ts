/**
 * A server of S3 that lets in whoever names its key (it computes no signatures of version 4), in a process of its own: DuckDB
 * waits for it on the threads with which Node reads files, and a server in the same process would find none of them free.
 * Takes the directory for its files, and says its port.
 */
import S3rver from 's3rver'

const server = new S3rver({
  port: 0,
  address: '127.0.0.1',
  silent: true,
  directory: process.argv[2] as string,
  configureBuckets: [{ name: 'lake', configs: [] }],
})
const { port } = await server.run()
process.stdout.write(`${port}\n`)
