/** What text messages, RCS and WhatsApp say beyond who, when and which campaign. */
import type { Row } from '../options.ts'
import type { Random } from './random.ts'

type Details = Readonly<Record<string, (random: Random) => Row>>

const smsChannel = { messageTypeId: 51_006, channelId: 12_014 }
const number = (random: Random) => `+1503555${1000 + random.below(9000)}`
const texts = ['Your order is on its way', 'Nur heute: 20 % Rabatt', 'До свидания, зима ❄️']
const ours = '+15035550100'
/** The account is a number for WhatsApp, and a text in what is received. */
const twilio = { espName: 'twilio', espAccountId: 4_711, billingParty: 'iterable' }

export const phoneDetails: Details = {
  smsSend: (random) => ({
    ...smsChannel,
    toPhoneNumber: number(random),
    fromPhoneNumberId: 7,
    smsMessage: random.pick(texts),
    smsSendCount: 1 + random.below(3),
    isSMSEstimation: true,
    espName: 'twilio',
  }),
  smsBounce: (random) => ({
    toPhoneNumber: number(random),
    fromPhoneNumberId: 7,
    smsMessage: random.pick(texts),
    smsProviderResponse: { status: 400, code: 21_610, message: 'unsubscribed recipient', more_info: '' },
  }),
  smsClick: (random) => ({
    ...smsChannel,
    clickedUrl: `https://sms.example.com/${random.hex(8)}`,
    isBot: random.chance(0.1),
  }),
  smsReceived: (random) => ({
    fromPhoneNumber: number(random),
    toPhoneNumber: ours,
    smsMessage: random.pick(['STOP', 'yes', 'да']),
    smsReceiveCount: 1,
    espAccountId: 'AC0123',
  }),
  smsSendSkip: (random) => ({ ...smsChannel, reason: random.pick(['QuietHoursSendSkip', 'LocaleMismatch']) }),
  smsUsageInfo: (random) => ({
    toPhoneNumber: number(random),
    smsSendCount: 1 + random.below(3),
    isSMSEstimation: false,
    messageStatus: random.pick(['delivered', 'undelivered']),
    ...(random.chance(0.2) ? { errorCode: 30_003 } : {}),
  }),
  rcsSend: (random) => ({ toPhoneNumber: number(random), espName: 'twilio' }),
  rcsSendSkip: () => ({ reason: 'FrequencyCapping' }),
  whatsAppSend: (random) => ({
    ...twilio,
    toWhatsAppPhoneNumber: number(random),
    fromWhatsAppSenderId: 3,
    renderedWhatsAppMessage: random.pick(texts),
  }),
  whatsAppSeen: (random) => ({
    ...twilio,
    seenMessageId: random.hex(32),
    fromWhatsAppPhoneNumber: ours,
    toWhatsAppPhoneNumber: number(random),
  }),
  whatsAppClick: (random) => ({
    clickedUrl: `https://wa.example.com/${random.hex(8)}`,
    userAgentDevice: 'Android',
  }),
  // The same field twice, once under a dotted name: so rows of the real API come.
  whatsAppReceived: (random) => {
    const text = random.pick(['STOP', 'yes', 'да'])
    return {
      replyToMessageId: random.hex(32),
      fromWhatsAppPhoneNumber: number(random),
      toWhatsAppPhoneNumber: ours,
      whatsAppMessage: { type: 'text', text },
      'whatsAppMessage.type': 'text',
      sanitized: { inputText: text },
      'sanitized.inputText': text,
      espAccountId: 'AC0123',
    }
  },
  whatsAppBounce: (random) => ({
    toWhatsAppPhoneNumber: number(random),
    messageStatus: 'failed',
    errorCode: 63_016,
  }),
  whatsAppSendSkip: () => ({ reason: 'FrequencyCapping', transactionalData: '{}', espName: 'twilio' }),
  whatsAppUsageInfo: (random) => ({ ...twilio, messageStatus: random.pick(['delivered', 'read']) }),
}
