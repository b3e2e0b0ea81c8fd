/** What each data type says beyond who, when and which campaign. */
import type { Row } from '../options.ts'
import { mobileDetails } from './mobile.ts'
import type { SandboxPerson } from './people.ts'
import { phoneDetails } from './phone.ts'
import type { Random } from './random.ts'

const agents = [
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)',
]

export const subjects = [
  'Your order is on its way',
  'Nur heute: 20 % Rabatt',
  '春の新作が届きました',
  'عروض خاصة لك',
  'До свидания, зима ❄️',
]

/** Fields beyond the common ones, by data type. */
export const details: Readonly<Record<string, (random: Random, person: SandboxPerson) => Row>> = {
  emailOpen: (random, person) => ({
    ...visit(random, person),
    ...(random.chance(0.4) ? { proxySource: 'Gmail', isBot: true } : {}),
  }),
  emailClick: (random, person) => ({
    ...visit(random, person),
    url: `https://www.example.com/p/${random.below(300)}?utm_source=mail&x=%C3%A9`,
    hrefIndex: random.below(9),
    isBot: random.chance(0.05),
  }),
  hostedUnsubscribeClick: (random, person) => ({
    ...visit(random, person),
    url: `https://links.example.com/u/${random.hex(12)}`,
  }),
  emailBounce: (random) =>
    random.chance(0.6)
      ? { recipientState: 'HardBounce', status: '5.1.1' }
      : { recipientState: 'SoftBounce', status: '4.2.2' },
  emailComplaint: () => ({ recipientState: 'Complaint' }),
  emailSendSkip: (random) => ({
    reason: random.pick(['DuplicateMarketingMessage', 'FrequencyCapped', 'UserUnsubscribed']),
    messageTypeId: 51002,
    channelId: 12011,
    transactionalData: random.chance(0.9) ? '{}' : 'no json',
  }),
  ...mobileDetails,
  ...phoneDetails,
  journeyExit: (random) => ({
    workflowId: 157_274,
    workflowName: 'Welcome',
    exitReason: random.pick(['completed', 'exitRule']),
  }),
  purchase: (random) => ({
    id: random.hex(24),
    total: random.below(50_000) / 100,
    shoppingCartItems: [
      {
        id: `${random.below(500)}`,
        name: 'Tee — grün',
        price: 12.5,
        quantity: 1 + random.below(3),
        categories: ['tea'],
      },
    ],
    'gift note': 'für dich',
  }),
  customEvent: (random) => ({
    eventName: random.pick(['quizFinished', 'Cart Updated', '検索']),
    score: random.chance(0.5) ? random.below(100) : random.below(1000) / 10,
    tags: ['a', 'b'],
    'Page Url': 'https://www.example.com/quiz',
  }),
}

function visit(random: Random, { home }: SandboxPerson): Row {
  const known = random.chance(0.8)
  return {
    ip: `203.0.113.${random.below(256)}`,
    userAgent: random.pick(agents),
    userAgentDevice: random.pick(['Gmail', 'Other', 'iPhone']),
    ...(known ? { city: home.city, region: home.region } : {}),
    country: home.country,
  }
}
