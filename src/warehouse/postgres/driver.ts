/**
 * What the driver itself says, known by its words: its own errors have no codes. They are English in every country; read
 * from pg 8.23 and pg-pool 3.14.
 */
import { messageOf } from '../../errors.ts'

/** The server has answered that it speaks no TLS. */
export const speaksNoTls = (error: unknown): boolean =>
  /^The server does not support SSL connections/.test(messageOf(error))

/** Whoever was asked for TLS has answered as no Postgres server does. */
export const isStrange = (error: unknown): boolean =>
  /^There was an error establishing an SSL connection/.test(messageOf(error))

/** The server asks for a password, and there is none. */
export const lacksPassword = (error: unknown): boolean =>
  /^SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be /.test(messageOf(error))

/** No connection was made in time: the client's own timer, that of a pool which makes one, that of a pool which has none free. */
export const isLate = (error: unknown): boolean =>
  /^timeout expired|^Connection terminated due to connection timeout|^timeout exceeded when trying to connect/.test(
    messageOf(error),
  )

/** The connection has ended under a statement, or before it. */
export const isEnded = (error: unknown): boolean =>
  /^Connection terminated|^Client (?:has encountered a connection error|was closed) and is not queryable/.test(
    messageOf(error),
  )
