/**
 * A Postgres server that speaks German: what a real one answers, with the sentences of its errors as its German
 * translation has them. (The binaries of the tests come without translations.)
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface GermanPostgres extends AsyncDisposable {
  readonly url: string
}

/** By the function of the server that raises the error. */
const sentences = new Map([
  ['ClientAuthentication', 'kein pg_hba.conf-Eintrag für Host »127.0.0.1«, keine Verschlüsselung'],
  ['auth_failed', 'Passwort-Authentifizierung für Benutzer »elt« fehlgeschlagen'],
  ['InitializeSessionUserId', 'Rolle »nobody« existiert nicht'],
  ['InitPostgres', 'Datenbank existiert nicht'],
  ['exec_parse_message', 'kann nicht mehrere Befehle in vorbereitete Anweisung einfügen'],
  ['analyzeCTE', 'WITH-Klausel mit datenmodifizierender Anweisung muss auf der obersten Ebene sein'],
  ['transformSelectStmt', 'SELECT ... INTO ist hier nicht erlaubt'],
])

/** Stands before a server; connections that are encrypted pass as they are. */
export async function startGermanPostgres(server: string): Promise<GermanPostgres> {
  const { hostname, port } = new URL(server)
  const sockets = new Set<Socket>()
  const relay = createServer((client) => {
    const onward = connect(Number(port), hostname)
    for (const socket of [client, onward]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.once('data', (first) => {
      onward.write(first)
      client.pipe(onward)
      if (first.readUInt32BE(4) === tlsRequest) onward.pipe(client)
      else translate(onward, client)
    })
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const url = new URL(server)
  url.port = String((relay.address() as AddressInfo).port)
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      relay.close()
      await once(relay, 'close')
    },
  }
}

const tlsRequest = 80877103

/** Messages are a letter, their length, and that many bytes less one; those of an error begin with E. */
function translate(from: Socket, to: Socket): void {
  let rest = Buffer.alloc(0)
  from.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
      const end = rest.readUInt32BE(1) + 1
      const message = rest.subarray(0, end)
      to.write(message[0] === 'E'.charCodeAt(0) ? inGerman(message) : message)
      rest = rest.subarray(end)
    }
  })
  from.on('end', () => to.end())
}

/** Fields are a letter and a text with a zero at its end: M is the message, S the severity as people read it. */
function inGerman(error: Buffer): Buffer {
  const fields = error.toString('utf8', 5).split('\0').filter(Boolean)
  const raisedBy = fields.find((field) => field.startsWith('R'))?.slice(1) ?? ''
  const translated = fields
    .filter((field) => !/^[DH]/.test(field))
    .map((field) => {
      if (field.startsWith('M')) return `M${sentences.get(raisedBy) ?? 'Fehler'}`
      return field === 'SERROR' ? 'SFEHLER' : field
    })
  const body = Buffer.from(`${translated.join('\0')}\0\0`)
  const head = Buffer.from('E0000')
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
