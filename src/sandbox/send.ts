/** Sends an answer with backpressure, and breaks it on the way where a fault says so. */
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SandboxAnswer } from './answers.ts'
import { genericErrorBody } from './answers.ts'
import type { SandboxFault } from './faults.ts'

/** Resolves to true when the client has been handed the whole answer as it should be. */
export async function send(
  res: ServerResponse,
  answer: SandboxAnswer,
  fault: SandboxFault | undefined,
): Promise<boolean> {
  const { status, type, headers, chunked } = answer
  if (fault) return sendBroken(res, answer, fault)
  if (chunked) {
    res.writeHead(status, { 'content-type': type, ...headers })
    for (const piece of answer.body) if (!(await write(res, piece))) return false
    return finish(res)
  }
  const body = Buffer.concat([...answer.body])
  res.writeHead(status, { 'content-type': type, 'content-length': body.length, ...headers })
  return (await write(res, body)) && finish(res)
}

async function sendBroken(
  res: ServerResponse,
  answer: SandboxAnswer,
  { kind, afterBytes }: SandboxFault,
): Promise<boolean> {
  const body = Buffer.concat([...answer.body])
  const offset = Math.min(body.length, afterBytes ?? Math.floor(body.length / 2))
  const head = { 'content-type': answer.type, ...answer.headers }
  res.writeHead(answer.status, head)
  res.flushHeaders()
  switch (kind) {
    case 'reset':
      await write(res, body.subarray(0, offset))
      // Give the bytes a moment on the wire: a reset discards what the client has not read.
      await sleep(20)
      res.socket?.resetAndDestroy()
      return false
    case 'stall':
      await write(res, body.subarray(0, offset))
      await new Promise((resolve) => res.once('close', resolve))
      return false
    case 'cut':
      await write(res, body.subarray(0, middleOfLine(body, offset)))
      return finish(res)
    case 'cut-line':
      await write(res, body.subarray(0, body.lastIndexOf(10, offset) + 1))
      await write(res, Buffer.from(JSON.stringify(genericErrorBody)))
      return finish(res)
    case 'shrink':
      await write(res, body.subarray(0, body.lastIndexOf(10, offset) + 1))
      return finish(res)
    default:
      await sleep(150)
      for (let at = 0; at < body.length; at += Math.ceil(body.length / 10)) {
        if (!(await write(res, body.subarray(at, at + Math.ceil(body.length / 10))))) return false
        await sleep(20)
      }
      return finish(res)
  }
}

/** An offset inside of the line that holds `offset`, so that the last line is torn. */
function middleOfLine(body: Buffer, offset: number): number {
  const start = offset > 0 ? body.lastIndexOf(10, offset - 1) + 1 : 0
  const newline = body.indexOf(10, offset)
  const end = newline < 0 ? body.length : newline
  return start + Math.max(1, Math.floor((end - start) / 2))
}

/** Waits while the client is slow; false when it has gone. */
async function write(res: ServerResponse, piece: Buffer): Promise<boolean> {
  if (res.destroyed) return false
  if (piece.length === 0 || res.write(piece)) return true
  return new Promise((resolve) => {
    const settle = (open: boolean) => {
      res.off('drain', onDrain)
      res.off('close', onClose)
      resolve(open)
    }
    const onDrain = () => settle(true)
    const onClose = () => settle(false)
    res.once('drain', onDrain)
    res.once('close', onClose)
  })
}

async function finish(res: ServerResponse): Promise<boolean> {
  if (res.destroyed) return false
  await new Promise<void>((resolve) => {
    res.once('close', resolve)
    res.end(resolve)
  })
  return res.writableFinished
}
