/** A message as workflows of Microsoft Teams take it: an Adaptive Card. Pure. */
import { type Message, told } from './message.ts'

/** What Teams posts has at most 28 kB; the texts of a message are far below. */
export function teamsOf(message: Message) {
  const { headline, error, facts, hints } = told(message)
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          // Newer ones are not shown on telephones.
          version: '1.4',
          fallbackText: headline,
          body: [
            plain(headline, { size: 'large', weight: 'bolder', color: colors[message.event] }),
            ...(error === null ? [] : [plain(error, { fontType: 'monospace' })]),
            { type: 'FactSet', facts: facts.map(([title, value]) => ({ title, value })) },
            ...hints.map(([why, command]) =>
              plain(`${why}: ${command}`, { fontType: 'monospace', size: 'small' }),
            ),
          ],
        },
      },
    ],
  }
}

/** Text blocks read Markdown; the names of jobs, and errors, are not Markdown. */
const plain = (text: string, look: Readonly<Record<string, string>>) => ({
  type: 'RichTextBlock',
  inlines: [{ type: 'TextRun', text, ...look }],
})

const colors: Readonly<Record<Message['event'], string>> = {
  success: 'good',
  recovery: 'good',
  held: 'warning',
  paused: 'attention',
  failure: 'attention',
  test: 'default',
}
