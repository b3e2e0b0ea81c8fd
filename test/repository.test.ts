/** What a host of repositories reads: issue forms, workflows, the changelog and the policy of security. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const packageJson = JSON.parse(read('package.json'))

const named = {
  id: z.string().regex(/^[\w-]+$/),
  validations: z.strictObject({ required: z.boolean() }).optional(),
}
const labelled = { label: z.string().min(1), description: z.string().optional() }

/** The forms that GitHub takes; it shows none of a file that has a fault. */
const issueForm = z.strictObject({
  name: z.string().min(4),
  description: z.string().min(4),
  labels: z.array(z.string()),
  body: z
    .array(
      z.discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('markdown'),
          attributes: z.strictObject({ value: z.string().min(1) }),
        }),
        z.strictObject({ type: z.literal('input'), ...named, attributes: z.strictObject(labelled) }),
        z.strictObject({
          type: z.literal('textarea'),
          ...named,
          attributes: z.strictObject({ ...labelled, render: z.string().optional() }),
        }),
        z.strictObject({
          type: z.literal('dropdown'),
          ...named,
          attributes: z.strictObject({
            ...labelled,
            options: z.array(z.string().regex(/^(?!none$)/i)).min(1),
          }),
        }),
      ]),
    )
    .refine((body) => body.some(({ type }) => type !== 'markdown')),
})

describe('issue forms', () => {
  const forms = readdirSync(join(root, '.github/ISSUE_TEMPLATE')).filter((file) => file !== 'config.yml')
  test.each(forms)('%s is one', (file) => {
    const { body } = issueForm.parse(parse(read(`.github/ISSUE_TEMPLATE/${file}`)))
    const ids = body.flatMap((field) => ('id' in field ? [field.id] : []))
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('lead elsewhere for what is no issue', () => {
    const link = z.strictObject({ name: z.string(), url: z.url(), about: z.string() })
    const config = z.strictObject({ blank_issues_enabled: z.boolean(), contact_links: z.array(link).min(1) })
    const { contact_links } = config.parse(parse(read('.github/ISSUE_TEMPLATE/config.yml')))
    expect(contact_links.every(({ url }) => url.startsWith(packageJson.homepage))).toBe(true)
  })
})

describe('the release', () => {
  const { on, permissions, jobs } = parse(read('.github/workflows/release.yml'))

  test('is of a tag, tested before, and has the rights that provenance needs and no others', () => {
    expect(on).toEqual({ push: { tags: ['v[0-9]+.[0-9]+.[0-9]+*'] } })
    expect(permissions).toEqual({})
    expect(jobs.publish).toMatchObject({
      needs: 'test',
      permissions: { contents: 'write', 'id-token': 'write' },
    })
    const commands: string[] = jobs.publish.steps.flatMap(({ run }: { run?: string }) => run ?? [])
    expect(commands.join('\n')).toMatch(/npm publish --provenance --access public/)
    expect(JSON.stringify(jobs)).not.toMatch(/secrets\.|_TOKEN":"(?!\$\{\{ github\.token)/)
  })

  test('runs what the repository has', () => {
    for (const { steps } of Object.values<{ steps: { run?: string }[] }>({
      ...jobs,
      ...parse(read('.github/workflows/ci.yml')).jobs,
    })) {
      for (const { run = '' } of steps)
        for (const [script] of run.matchAll(/\.ci\/[\w.-]+/g)) expect(read(script)).not.toBe('')
    }
  })

  test('fails where the tag is of another version', () => {
    const notes = (tag: string) =>
      execFileSync(process.execPath, ['.ci/release-notes.mjs', tag], {
        cwd: root,
        encoding: 'utf8',
        stdio: 'pipe',
      })
    expect(() => notes('v9.9.9')).toThrow(/the tag says 9\.9\.9, package\.json \d/)
  })
})

test('the policy of security says where to report, and is part of the package', () => {
  expect(read('SECURITY.md')).toMatch(/## Reporting[\s\S]*## Supported versions/)
  expect(packageJson.files).toContain('SECURITY.md')
})

describe('the changelog', () => {
  const sections = read('CHANGELOG.md').split(/^## /m)

  test('is in the form of Keep a Changelog, the newest version first', () => {
    const heads = sections.slice(1).map((section) => section.split('\n')[0] as string)
    expect(heads[0]).toBe('[Unreleased]')
    const form = /^\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d$/
    const versions = heads.slice(1).map((head) => (form.exec(head) ?? []).slice(1).map(Number))
    expect(versions.filter((parts) => parts.length !== 3)).toEqual([])
    const inOrder = [...versions].sort(
      (a, b) => (b[0] ?? 0) - (a[0] ?? 0) || (b[1] ?? 0) - (a[1] ?? 0) || (b[2] ?? 0) - (a[2] ?? 0),
    )
    expect(versions).toEqual(inOrder)
    expect(heads.some((head) => head.startsWith(`[${packageJson.version}] `))).toBe(true)
  })

  test('says of each change what kind it is, in a line that begins with a dash', () => {
    for (const section of sections.slice(1)) {
      const [head, ...groups] = section.split(/^### /m)
      expect(head?.trim().split('\n')).toHaveLength(1)
      for (const group of groups) {
        const [kind, ...lines] = group.trim().split('\n')
        expect(['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']).toContain(kind)
        expect(lines.filter((line) => line !== '' && !/^(- | {2})\S/.test(line))).toEqual([])
      }
    }
  })

  test('is what a release says of itself', () => {
    const notes = execFileSync(process.execPath, ['.ci/release-notes.mjs', `v${packageJson.version}`], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(notes).toMatch(/^### Added\n\n- /)
  })
})
