/** A message as Slack's incoming webhooks take it: blocks, and a text for where there is no room for them. Pure. */
import { type Message, told } from './message.ts'

/** Slack refuses a whole message for one text that is longer. */
const longest = { header: 150, section: 3_000, field: 2_000, fields: 10 } as const

export function slackOf(message: Message) {
  const { headline, error, facts, hints } = told(message)
  return {
    text: escaped(headline),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(headline, longest.header), emoji: false } },
      ...(error === null ? [] : [{ type: 'section', text: markdown(quoted(error, longest.section)) }]),
      {
        type: 'section',
        fields: facts
          .slice(0, longest.fields)
          .map(([name, value]) => markdown(cut(`*${name}*\n${escaped(value)}`, longest.field))),
      },
      ...(hints.length === 0
        ? []
        : [
            {
              type: 'section',
              text: markdown(hints.map(([why, command]) => `${why}: ${inCode(command)}`).join('\n')),
            },
          ]),
    ],
  }
}

const markdown = (text: string) => ({ type: 'mrkdwn', text })

/** Nothing in it is a mention, a link or a sign of formatting. */
function quoted(text: string, room: number): string {
  const fence = '```'
  const plain = escaped(text.replaceAll('`', "'"))
  return `${fence}${cut(plain, room - 2 * fence.length)}${fence}`
}

const inCode = (text: string): string => `\`${escaped(text.replaceAll('`', "'"))}\``

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** An escaped sign is not cut in two. */
const cut = (text: string, room: number): string =>
  text.length <= room ? text : `${text.slice(0, room - 1).replace(/&\w*$|[\uD800-\uDBFF]$/, '')}…`
