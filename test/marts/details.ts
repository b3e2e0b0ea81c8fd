/** What a world has besides its messages: texts of bounces, skips, templates, subscriptions, an experiment. */
import type { Sandbox } from '../../src/sandbox/index.ts'
import { worldStart } from './world.ts'

/** Adds them to the world before it is read. */
export function addDetails(sandbox: Sandbox): void {
  addBounces(sandbox)
  addSkips(sandbox)
  addTemplates(sandbox)
  addPurchases(sandbox)
  addSubscriptions(sandbox)
  addExperiment(sandbox)
}

/** What the servers wrote of bounces, and bounces of which they said nothing. */
function addBounces({ data, truth }: Sandbox): void {
  for (const [index, row] of truth.events('emailBounce').entries()) {
    const { recipientState, status, ...message } = row
    const text = { bounceMessage: `550 reason ${index % 3}`, unsubSource: 'HardBounce', channelIds: [9] }
    if (index % 2 === 0) data.events('emailUnSubscribe').push({ ...message, ...text })
    if (index % 5 === 0) data.events('emailBounce').push({ ...message, recipientState })
  }
}

/** Skips of other media than e-mail, on days with sends and without, some without a reason or a campaign. */
function addSkips({ data, truth }: Sandbox): void {
  for (const [type, skip, campaignId] of [
    ['pushSend', 'pushSendSkip', 104],
    ['smsSend', 'smsSendSkip', 105],
  ] as const) {
    for (const [index, row] of truth.events(type).entries()) {
      if (index % 4 > 0) continue
      const reason = [undefined, 'ExperimentHoldOut', 'NoEnabledDevices'][(index / 4) % 3]
      data.events(skip).push({
        ...row,
        eventName: skip,
        messageId: `${skip}-${index}`,
        campaignId: index % 16 === 0 ? undefined : campaignId,
        ...(reason === undefined ? {} : { reason }),
      })
    }
  }
  data.events('emailSendSkip').push({
    email: 'a@example.org',
    campaignId: 999,
    messageId: 'gone',
    reason: 'ExperimentHoldOut',
    createdAt: '2026-01-05 10:00:00 +00:00',
  })
}

/** Of the two templates of campaign 103 one has several languages; that of 101 is gone. */
function addTemplates({ data }: Sandbox): void {
  for (const [templateId, campaignId, more] of [
    [1000, 100, {}],
    [1003, 103, { clientTemplateId: 'translated' }],
    [2000, 103, {}],
  ] as const) {
    data.templates.push({
      templateId,
      campaignId,
      name: `Template ${templateId}`,
      templateType: 'Blast',
      messageMedium: 'Email',
      createdAt: worldStart.getTime() + 1000,
      updatedAt: worldStart.getTime() + 1000,
      ...more,
    })
  }
}

/** Some purchases name the template, be it another than that of the message before it. */
function addPurchases({ data, truth }: Sandbox): void {
  const templates = [undefined, 1003, 2000]
  const purchases = truth.events('purchase')
  data.events('purchase').clear()
  for (const [index, row] of purchases.entries()) {
    const templateId = row.campaignId === 103 ? templates[index % 3] : undefined
    data.events('purchase').push(templateId === undefined ? row : { ...row, templateId })
  }
  // Two templates of a campaign to one buyer: the later one counts.
  const buyer = { itblUserId: 'buyer', email: 'buyer@example.org', campaignId: 103 }
  for (const [hour, templateId] of [2000, 1003].entries()) {
    const message = { ...buyer, templateId, messageId: `both-${hour}`, messageTypeId: 5, channelId: 9 }
    data.events('emailSend').push({ ...message, createdAt: `2026-01-06 0${hour}:00:00 +00:00` })
  }
  data.events('purchase').push({ ...buyer, total: 7, createdAt: '2026-01-06 09:00:00 +00:00' })
}

/** Changes of everything that one can subscribe to, some of it named twice, or gone, or by a journey. */
function addSubscriptions({ data, truth }: Sandbox): void {
  data.lists.push({ id: 3, name: 'Readers', createdAt: 0, listType: 'Standard' })
  const scopes = [
    { emailListIds: [3, 4], channelIds: [1], messageTypeIds: [11, 77], workflowId: 70 },
    { emailListId: 3, emailListIds: [3], signupSource: 'WebForm' },
    { emailListIds: [], campaignId: 100 },
    { channelId: 2, channelIds: [2], campaignId: 101 },
  ]
  for (const [index, user] of truth.users().entries()) {
    const at = `2026-01-${String(10 + (index % 15))} 08:00:00 +00:00`
    const { channelId, ...scope } = scopes[index % 4] ?? {}
    const who = { email: user.email, userId: user.userId, itblUserId: user.itblUserId, createdAt: at }
    data.events('emailSubscribe').push({ ...who, ...scope })
    if (index % 3 > 0) continue
    data.events('emailUnSubscribe').push({
      ...who,
      ...scope,
      createdAt: at.replace('08:', '09:'),
      unsubSource: 'ApiCall',
      ...(channelId === undefined ? {} : { channelId }),
    })
  }
}

/** Of the two templates of campaign 103 one is the control; the sandbox has figures of each. */
function addExperiment({ data }: Sandbox): void {
  const variants = [1003, 2000].map((templateId, index) => ({
    id: 9000 + index,
    name: `Variant ${index}`,
    value: { templateId },
    isControl: index === 0,
  }))
  for (const [id, status] of [
    [71, 'winner_found'],
    [72, 'draft'],
  ] as const) {
    data.experiments.push({
      id,
      status,
      name: 'Subjects',
      author: 'a@example.com',
      channelType: 'email',
      variants,
      creationDate: worldStart.getTime(),
      startDate: worldStart.getTime(),
      meta: { campaignId: 103 },
    })
  }
}
