/** Passwords of people, kept as scrypt hashes. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { passwordHash } from '../config/password-hash.ts'

/** What OWASP's cheat sheet asks of scrypt where memory is dear: this takes 32 MB for a moment. */
const usual = { cost: 2 ** 15, block: 8, lanes: 3 } as const
const keyBytes = 32

/** What stands in `ui.users` for a password. */
export async function passwordHashOf(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(password, salt, usual)
  const { cost, block, lanes } = usual
  return ['scrypt', cost, block, lanes, salt.toString('base64url'), key.toString('base64url')].join(':')
}

/** Takes as long for somebody unknown (`hash` undefined) as for others. */
export async function isPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [, cost, block, lanes, salt = '', key = ''] = passwordHash.exec(hash ?? '') ?? []
  const parameters = hash ? { cost: Number(cost), block: Number(block), lanes: Number(lanes) } : usual
  const derived = await derive(password, Buffer.from(salt, 'base64url'), parameters).catch(() => undefined)
  return hash !== undefined && derived !== undefined && isSameSecret(derived, Buffer.from(key, 'base64url'))
}

/** Compares in a time that tells nothing. */
export const isSameSecret = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b)

function derive(
  password: string,
  salt: Uint8Array,
  { cost, block, lanes }: { readonly cost: number; readonly block: number; readonly lanes: number },
): Promise<Buffer> {
  const options: ScryptOptions = { N: cost, r: block, p: lanes, maxmem: 256 * cost * block }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, keyBytes, options, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}
