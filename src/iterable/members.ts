/** `lists/getUsers`: a text with one member a line, and nothing that says where it ends. */
import { MalformedResponseError } from './errors.ts'
import { isErrorObject, shown } from './forms.ts'

export interface MembersOf {
  /** Lines of an e-mail-based project are always addresses (of whatever form: Iterable does not promise valid ones). */
  readonly isEmailProject: boolean
}

/**
 * The members, some at a time; blank lines are left out.
 * @throws MalformedResponseError for anything but a list of members: a page of a proxy, JSON, an error in its place.
 */
export async function* memberLines(
  body: AsyncIterable<Buffer>,
  of: MembersOf,
): AsyncGenerator<readonly string[]> {
  // Cut at newlines before decoding, so that no character is torn.
  let rest: Buffer = Buffer.alloc(0)
  for await (const block of body) {
    const text = Buffer.concat([rest, block])
    if (text.length > longestLine && text.indexOf(10) < 0) {
      throw new MalformedResponseError('list_users', `a line of it is longer than ${longestLine} bytes`)
    }
    const end = text.lastIndexOf(10) + 1
    rest = text.subarray(end)
    if (end > 0) yield members(text.subarray(0, end), of)
  }
  if (rest.length > 0) yield members(rest, of)
}

/** No identifier is as long as this: whatever never ends is not a list. */
const longestLine = 1_000_000

function members(text: Buffer, { isEmailProject }: MembersOf): readonly string[] {
  const lines = text
    .toString()
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line.trim() !== '')
  for (const line of lines) {
    // A userId may be anything, `{3F2504E0-…}` too.
    const isForeign = /^\s*</.test(line) || isErrorObject(line) || isDocument(line, isEmailProject)
    if (isForeign) throw new MalformedResponseError('list_users', `a line of it is ${shown(line)}`)
  }
  return lines
}

function isDocument(line: string, isEmailProject: boolean): boolean {
  if (!/^\s*[{[]/.test(line)) return false
  if (isEmailProject) return true
  try {
    return typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}
