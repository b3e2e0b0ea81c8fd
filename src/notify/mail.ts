/** E-mail over SMTP. */
import type { NotificationsConfig } from '../config/schema.ts'
import { type Message, mailOf } from './message.ts'

/** Shorter than the time after which another worker tries. */
const timeoutMs = 15_000

/** Sends a message to all recipients at once. Rejects with what the server said. */
export async function sendMail(
  { smtp_url, from }: NonNullable<NotificationsConfig['email']>,
  recipients: readonly string[],
  message: Message,
): Promise<void> {
  // Loaded only where a message goes out.
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    url: smtp_url,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  })
  try {
    await transport.sendMail({
      from,
      to: [...recipients],
      ...mailOf(message),
      messageId: `<${message.id}@iterable-elt>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
      date: new Date(message.at),
    })
  } finally {
    transport.close()
  }
}
