import { describe, expect, it } from 'vitest'
import { type FaultProfile, faultProfiles, type Sandbox } from '../../src/sandbox/index.ts'
import { ask, exportPath, withSandbox } from './ask.ts'

const path = exportPath('emailSend')

/** Of a client whom an answer may leave waiting for ever. */
const hastyMs = 300

/** What a client sees of one read: the text as far as it came, and how it ended. */
async function read(
  sandbox: Sandbox,
  from = path,
  patienceMs = 30_000,
): Promise<{ status: number; text: string; broken: boolean }> {
  const abort = new AbortController()
  let status = 0
  let text = ''
  const decoder = new TextDecoder()
  try {
    const response = await fetch(sandbox.url + from, {
      headers: { 'Api-Key': sandbox.keys.server },
      signal: abort.signal,
    })
    status = response.status
    let timer = setTimeout(() => abort.abort(), patienceMs)
    for await (const piece of response.body!) {
      clearTimeout(timer)
      timer = setTimeout(() => abort.abort(), patienceMs)
      text += decoder.decode(piece as Uint8Array, { stream: true })
    }
    clearTimeout(timer)
    return { status, text, broken: false }
  } catch {
    return { status, text, broken: true }
  }
}

describe('a fault that is asked for', () => {
  it('hits the next matching request and no other', () =>
    withSandbox({}, async (sandbox) => {
      const whole = (await read(sandbox)).text
      sandbox.faults.next({
        path: '/api/export/data.json',
        query: { dataTypeName: 'emailSend' },
        fault: 'reset',
        afterBytes: 1000,
        times: 2,
        skip: 1,
      })
      expect((await read(sandbox, exportPath('user'))).broken).toBe(false)
      expect((await read(sandbox)).text).toBe(whole)
      for (let count = 0; count < 2; count++) {
        const { broken, text, status } = await read(sandbox)
        expect([broken, status]).toEqual([true, 200])
        expect(whole.startsWith(text)).toBe(true)
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1000)
      }
      expect((await read(sandbox)).text).toBe(whole)
      expect(sandbox.requests.map(({ fault }) => fault)).toEqual([
        undefined,
        undefined,
        undefined,
        'reset',
        'reset',
        undefined,
      ])
    }))

  it('cuts a clean answer in mid-line, or ends it with an error object', () =>
    withSandbox({}, async (sandbox) => {
      const whole = (await read(sandbox)).text
      sandbox.faults.next({ fault: 'cut' })
      const cut = await read(sandbox)
      expect([cut.broken, cut.text.endsWith('\n'), whole.startsWith(cut.text)]).toEqual([false, false, true])
      expect(() => JSON.parse(cut.text.split('\n').at(-1)!)).toThrow()
      sandbox.faults.next({ fault: 'cut-line' })
      const last = (await read(sandbox)).text.split('\n').at(-1)!
      expect(JSON.parse(last)).toMatchObject({ code: 'GenericError' })
    }))

  it('falls silent until the client goes, answers what it is told to, or drops the connection', () =>
    withSandbox({}, async (sandbox) => {
      sandbox.faults.next({ fault: 'stall' })
      const stalled = await read(sandbox, path, hastyMs)
      expect([stalled.broken, stalled.text.length > 0]).toEqual([true, true])
      sandbox.faults.next({ fault: { status: 503, body: 'try later', headers: { 'retry-after': '7' } } })
      const told = await ask(sandbox, path)
      expect([told.status, told.text, told.headers.get('retry-after')]).toEqual([503, 'try later', '7'])
      sandbox.faults.next({ fault: 'drop' })
      expect(await read(sandbox)).toEqual({ status: 0, text: '', broken: true })
      sandbox.faults.next({
        fault: '5xx',
        times: Infinity,
        path: '/api/lists/getUsers',
        query: { listId: '957002' },
      })
      for (let count = 0; count < 5; count++)
        expect((await ask(sandbox, '/api/lists/getUsers?listId=957002')).status).toBeGreaterThan(499)
      expect((await ask(sandbox, '/api/lists/getUsers?listId=957001')).status).toBe(200)
      sandbox.faults.clear()
      expect((await ask(sandbox, '/api/lists/getUsers?listId=957002')).status).toBe(200)
    }))

  it('lets the link to a file expire', () =>
    withSandbox({ jobMs: 0, jobFileBytes: 200_000 }, async (sandbox) => {
      const body = { dataTypeName: 'emailSend', outputFormat: 'application/x-json-stream' }
      const { jobId } = (await ask(sandbox, '/api/export/start', { body })).json()
      const { files } = JSON.parse((await ask(sandbox, `/api/export/${jobId}/files`)).text) as {
        files: { file: string; url: string }[]
      }
      expect(files).toHaveLength(10)
      const rest = (await ask(sandbox, `/api/export/${jobId}/files?startAfter=${files.at(-1)!.file}`)).json()
        .files
      sandbox.faults.next({ path: '/files/', fault: 'expired' })
      const expired = await fetch(files[0]!.url)
      expect([expired.status, await expired.text()]).toEqual([
        403,
        expect.stringContaining('Request has expired'),
      ])
      let text = ''
      for (const { url } of [...files, ...(rest as unknown as typeof files)]) {
        const file = await (await fetch(url)).text()
        expect([Buffer.byteLength(file) <= 200_000, file.endsWith('\n')]).toEqual([true, true])
        text += file
      }
      const whole = (await ask(sandbox, '/api/export/data.json?dataTypeName=emailSend&range=All')).text
      expect(text === whole).toBe(true)
      expect((await fetch(files[0]!.url.replace('signature=', 'signature=0'))).status).toBe(403)
    }))
})

describe('fault profiles', () => {
  /** A client as patient as any: a few tries, and a second look at a torn or erroneous last line. */
  async function patientRead(
    sandbox: Sandbox,
    from: string,
    patienceMs?: number,
  ): Promise<{ text: string; tries: number }> {
    for (let tries = 1; tries <= 20; tries++) {
      const { status, text, broken } = await read(sandbox, from, patienceMs)
      if (status === 200 && !broken && (text === '' || text.endsWith('\n'))) return { text, tries }
    }
    throw new Error(`not read in twenty tries: ${from}`)
  }

  const windows = (dataType: string) =>
    ['01', '08', '15', '22'].map((day, index) => {
      const end = ['08', '15', '22', '29'][index]
      return exportPath(
        dataType,
        `startDateTime=2026-01-${day}%2000:00:00&endDateTime=2026-01-${end}%2000:00:00`,
      )
    })

  for (const profile of [
    '429',
    '429-bare',
    '5xx',
    'reset',
    'cut',
    'cut-line',
    'stall',
  ] satisfies FaultProfile[]) {
    it(`${profile} strikes some windows and yields to a patient client`, () =>
      withSandbox({ faults: profile }, async (sandbox) => {
        const paths = [...windows('emailSend'), ...windows('emailOpen')]
        let tries = 0
        for (const from of paths) {
          const result = await patientRead(sandbox, from, profile === 'stall' ? hastyMs : undefined)
          tries += result.tries
          const query = new URLSearchParams(from.split('?')[1])
          const rows = result.text
            .split('\n')
            .slice(0, -1)
            .map((line) => JSON.parse(line) as unknown)
          expect(rows).toEqual(
            sandbox.truth.events(
              query.get('dataTypeName')!,
              query.get('startDateTime')!,
              query.get('endDateTime')!,
            ),
          )
        }
        expect(tries).toBeGreaterThan(paths.length)
        const faulty = sandbox.requests.filter(({ fault }) => fault !== undefined)
        expect(faulty.every(({ fault }) => fault === profile)).toBe(true)
      }))
  }

  it('may be combined, and a patient client still gets everything', () =>
    withSandbox({ faults: ['429', '5xx', 'reset', 'cut', 'cut-line', 'stall'] }, async (sandbox) => {
      for (const dataType of ['emailSend', 'emailOpen', 'emailClick']) {
        for (const from of windows(dataType)) {
          await patientRead(sandbox, from, hastyMs)
        }
      }
      const kinds = new Set(sandbox.requests.map(({ fault }) => fault))
      for (const kind of ['429', '5xx', 'reset', 'cut', 'cut-line', 'stall']) expect(kinds).toContain(kind)
    }))

  it('strike the same requests again with the same seed', async () => {
    const strikes: unknown[] = []
    for (let run = 0; run < 2; run++) {
      await withSandbox({ faults: ['429-bare', '5xx'], seed: 9 }, async (sandbox) => {
        for (const from of windows('emailSend')) await patientRead(sandbox, from)
        strikes.push(sandbox.requests.map(({ status, fault }) => [status, fault]))
      })
    }
    expect(strikes[1]).toEqual(strikes[0])
  })

  it('429 says how long to wait and 429-bare does not', async () => {
    for (const [faults, wait] of [
      ['429', '1'],
      ['429-bare', null],
    ] as const) {
      await withSandbox({ faults }, async (sandbox) => {
        const { status, headers } = await ask(sandbox, '/api/lists')
        expect([status, headers.get('retry-after')]).toEqual([429, wait])
      })
    }
  })

  it('bad-lines leaves the same torn lines among the good ones on every read', () =>
    withSandbox({ faults: 'bad-lines' }, async (sandbox) => {
      const { text } = await read(sandbox)
      expect((await read(sandbox)).text).toBe(text)
      const bad = sandbox.truth.badLines('emailSend', '2026-01-01', '2026-02-01')
      expect(bad.length).toBeGreaterThan(3)
      const lines = text.split('\n').slice(0, -1)
      expect(lines.length).toBe(
        bad.length + sandbox.truth.events('emailSend', '2026-01-01', '2026-02-01').length,
      )
      for (const line of bad) expect(lines).toContain(line)
    }))

  it('late shows some rows only to the second read', () =>
    withSandbox({ faults: 'late' }, async (sandbox) => {
      const count = async () => (await read(sandbox)).text.split('\n').length - 1
      const truth = sandbox.truth.events('emailSend', '2026-01-01', '2026-02-01').length
      expect([await count(), await count(), await count()]).toEqual([truth - 3, truth, truth])
    }))

  it('shrink brings fewer rows once when a window is read again', () =>
    withSandbox({ faults: 'shrink' }, async (sandbox) => {
      const first = (await read(sandbox)).text
      const second = (await read(sandbox)).text
      expect([second.length < first.length, second.endsWith('\n'), first.startsWith(second)]).toEqual([
        true,
        true,
        true,
      ])
      expect((await read(sandbox)).text).toBe(first)
    }))

  it('slow takes its time and brings everything', () =>
    withSandbox({ faults: 'slow' }, async (sandbox) => {
      const start = performance.now()
      const { text } = await read(sandbox)
      expect(performance.now() - start).toBeGreaterThan(300)
      expect(text.split('\n').length - 1).toBe(
        sandbox.truth.events('emailSend', '2026-01-01', '2026-02-01').length,
      )
    }))

  it('have names that are all known', () =>
    withSandbox({ faults: faultProfiles }, async (sandbox) => {
      expect((await fetch(`${sandbox.url}/health`)).status).toBe(200)
    }))
})
