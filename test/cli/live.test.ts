/** Lines that change in place, as a terminal shows them. */
import { PassThrough } from 'node:stream'
import xterm from '@xterm/headless'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LiveLines } from '../../src/cli/live.ts'

const size = { columns: 60, rows: 20 }

/** A stream that claims to be a terminal, and the screen that it is drawn on. */
function screen(): { stream: NodeJS.WriteStream; shown(): Promise<string[]>; close(): void } {
  const terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true })
  const stream = Object.assign(new PassThrough(), { isTTY: true, ...size })
  stream.setEncoding('utf8').on('data', (text: string) => terminal.write(text.replaceAll('\n', '\r\n')))
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    async shown() {
      await new Promise<void>((resolve) => setImmediate(() => terminal.write('', resolve)))
      const { active } = terminal.buffer
      const lines = Array.from({ length: active.length }, (_, at) =>
        (active.getLine(at)?.translateToString(true) ?? '').trimEnd(),
      )
      return lines.slice(0, lines.findLastIndex((line) => line) + 1)
    },
    close: () => terminal.dispose(),
  }
}

const lineOf = fc.constantFrom('whole', 'opens', 'clicks', 'sends', 'users', 'lists')
const step = fc.record({
  lines: fc.uniqueArray(lineOf, { minLength: 1, maxLength: 5 }),
  said: fc.option(fc.constantFrom('DEBUG: one', 'DEBUG: two'), { nil: undefined }),
})

test('whatever comes and goes, what is said stands above, in order, and the latest lines below', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      const { stream, shown, close } = screen()
      let now: readonly string[] = []
      const live = new LiveLines(stream, () => now)
      const said: string[] = []
      for (const { lines, said: text } of steps) {
        now = lines
        live.redraw()
        expect(await shown()).toEqual([...said, ...lines])
        if (text === undefined) continue
        live.persist(text)
        said.push(text)
        expect(await shown()).toEqual([...said, ...lines])
      }
      live.stop()
      expect(await shown()).toEqual(said)
      close()
    }),
    { numRuns: 60 },
  )
})
