/** A report of campaigns on the terminal: tables, with bars and sparklines where somebody looks. */
import type { PerformanceReport } from '../index.ts'
import {
  aboutText,
  campaignName,
  emptyText,
  leftOutText,
  meanings,
  missingTexts,
  money,
  percent,
  totalLines,
} from '../ui/report-words.ts'
import { bar, sparkline } from './bars.ts'
import type { Terminal } from './terminal.ts'
import { count, counted, wrapped } from './text.ts'

/** Campaigns and days that the terminal shows; `--json` and `--html` have the others. */
const mostRows = 20
const barWidth = 6
const sparkWidth = 11

export function sayReport(terminal: Terminal, report: PerformanceReport): void {
  const { bold } = terminal.colors
  for (const line of wrapped(aboutText(report), terminal.width)) terminal.say(bold(line))
  const empty = emptyText(report)
  if (empty !== null) terminal.say(`\n${wrapped(empty, terminal.width).join('\n')}`)
  sayTotals(terminal, report)
  if (report.campaign) sayDepth(terminal, report, report.campaign)
  else if (report.campaigns.length > 0) sayCampaigns(terminal, report)
  if (report.providers.length > 0) sayProviders(terminal, report)
  const room = Math.min(terminal.width, 100)
  terminal.say()
  for (const text of [...missingTexts(report), leftOutText(report), ...meanings]) {
    if (text === null) continue
    const [first = '', ...more] = wrapped(text, room - 2)
    terminal.say([`- ${first}`, ...more.map((line) => `  ${line}`)].join('\n'))
  }
}

function sayTotals(terminal: Terminal, report: PerformanceReport): void {
  const rows = totalLines(report).map(({ label, now, before, change }) => [
    ...[label, now],
    ...(before === null ? [] : [before, change ?? '']),
  ])
  const head = report.before ? ['', 'range', 'range before', 'change'] : ['', 'range']
  terminal.say()
  terminal.sayTable(head, rows, 'lrrr', ['range before'])
  if (!terminal.isSeen || report.totals.sent === 0) return
  const line = (name: string, values: readonly number[]) => [name, sparkline(values, 56)]
  terminal.say()
  terminal.sayTable(
    ['day by day', ''],
    [
      line('sent', valuesOf(report, 'sent')),
      ...(report.totals.human_opened ? [line('opened', valuesOf(report, 'human_opened'))] : []),
      ...(report.totals.human_clicked ? [line('clicked', valuesOf(report, 'human_clicked'))] : []),
      ...(report.totals.click_revenue ? [line('revenue', valuesOf(report, 'click_revenue'))] : []),
    ],
    'll',
  )
}

const valuesOf = (
  { by_day }: PerformanceReport,
  column: 'sent' | 'human_opened' | 'human_clicked' | 'click_revenue',
): readonly number[] => by_day.map((day) => day[column] ?? 0)

function sayCampaigns(terminal: Terminal, { campaigns, campaigns_in_range }: PerformanceReport): void {
  const shown = campaigns.slice(0, mostRows)
  const most = Math.max(...shown.map(({ sent }) => sent))
  const { isSeen } = terminal
  const head = ['campaign', 'id', 'medium', 'sent', ...(isSeen ? [' '] : []), 'opens', 'clicks']
  const rows = shown.map((one) => [
    ...[campaignName(one), String(one.campaign_id), one.medium, count(one.sent)],
    ...(isSeen ? [bar(one.sent, most, barWidth)] : []),
    ...[percent(one.human_open_rate), percent(one.human_click_rate)],
    ...[percent(one.bounce_rate), count(one.unsubscribed), money(one.click_revenue)],
    ...(isSeen ? [one.opens_by_day ? sparkline(one.opens_by_day, sparkWidth) : ''] : []),
  ])
  terminal.say(`\n${terminal.colors.bold('Campaigns, those that sent most first')}`)
  terminal.sayTable(
    [...head, 'bounces', 'unsubs', 'revenue', ...(isSeen ? ['opens by day'] : [])],
    rows,
    isSeen ? 'lrlrlrrrrrl' : 'lrlrrrrrr',
    ['unsubs', 'bounces', 'medium', 'id', 'opens by day'],
  )
  if (campaigns_in_range > shown.length)
    terminal.say(
      `${shown.length} of ${counted(campaigns_in_range, 'campaign')}; --html and --json show up to 200`,
    )
}

type Campaign = NonNullable<PerformanceReport['campaign']>

function sayDepth(terminal: Terminal, report: PerformanceReport, campaign: Campaign): void {
  const { bold } = terminal.colors
  sayDays(terminal, report)
  const { links, devices, variants } = campaign
  if (links.length > 0) {
    terminal.say(`\n${bold('Links')}`)
    terminal.sayTable(
      ['link', 'clicks', 'by people', 'people'],
      links
        .slice(0, mostRows)
        .map((one) => [
          campaignName({ campaign_id: campaign.campaign_id, campaign_name: one.url }),
          ...[count(one.clicks), count(one.human_clicks), count(one.people)],
        ]),
      'lrrr',
    )
  }
  if (devices.length > 0) {
    terminal.say(`\n${bold('Devices')}`)
    const most = Math.max(...devices.map(({ human_opened }) => human_opened))
    terminal.sayTable(
      ['device', 'opened', ...(terminal.isSeen ? [' '] : [])],
      devices
        .slice(0, mostRows)
        .map(({ device, human_opened }) => [
          ...[device, count(human_opened)],
          ...(terminal.isSeen ? [bar(human_opened, most, 2 * barWidth)] : []),
        ]),
      'lrl',
    )
  }
  if (variants.length > 0) {
    terminal.say(`\n${bold('Variants, over the whole life of the campaign')}`)
    terminal.sayTable(
      ['template', 'delivered', 'opens', 'clicks', 'lift of opens', 'p', 'lift of clicks', 'p of clicks'],
      variants.map((one) => [
        `${one.template_name ?? one.template_id}${one.is_control ? ' (control)' : ''}`,
        ...[count(one.delivered), percent(one.human_open_rate), percent(one.human_click_rate)],
        ...[percent(one.open_lift), chance(one.open_p_value)],
        ...[percent(one.click_lift), chance(one.click_p_value)],
      ]),
      'lrrrrrrr',
    )
  }
}

const chance = (p: number | null): string => (p === null ? '–' : p < 0.001 ? '< 0.001' : p.toFixed(3))

function sayDays(terminal: Terminal, { by_day }: PerformanceReport): void {
  const days = by_day.filter(
    ({ sent, human_opened, human_clicked, unsubscribed, click_orders }) =>
      sent + (human_opened ?? 0) + (human_clicked ?? 0) + (unsubscribed ?? 0) + (click_orders ?? 0) > 0,
  )
  if (days.length === 0) return
  const shown = days.slice(-mostRows)
  const most = Math.max(...shown.map(({ human_opened }) => human_opened ?? 0))
  const { isSeen } = terminal
  terminal.say(`\n${terminal.colors.bold('Day by day')}`)
  terminal.sayTable(
    ['day', 'sent', 'opened', ...(isSeen ? [' '] : []), 'clicked', 'unsubscribed', 'revenue'],
    shown.map((one) => [
      ...[one.day, count(one.sent), count(one.human_opened)],
      ...(isSeen ? [bar(one.human_opened, most, barWidth)] : []),
      ...[count(one.human_clicked), count(one.unsubscribed), money(one.click_revenue)],
    ]),
    isSeen ? 'lrrlrrr' : 'lrrrrr',
  )
  if (days.length > shown.length)
    terminal.say(`the last ${shown.length} of ${days.length} days; --html and --json have all of them`)
}

function sayProviders(terminal: Terminal, { providers }: PerformanceReport): void {
  const most = Math.max(...providers.map(({ sent }) => sent))
  const { isSeen } = terminal
  terminal.say(`\n${terminal.colors.bold('Mailbox providers (e-mail)')}`)
  terminal.sayTable(
    ['provider', 'sent', ...(isSeen ? [' '] : []), 'bounces', 'opens', 'complaints'],
    providers.map((one) => [
      ...[one.mailbox_provider, count(one.sent)],
      ...(isSeen ? [bar(one.sent, most, barWidth)] : []),
      ...[percent(one.bounce_rate), percent(one.human_open_rate), percent(one.complaint_rate)],
    ]),
    isSeen ? 'lrlrrr' : 'lrrrr',
  )
}
