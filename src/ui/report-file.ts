/** A report of campaigns as one file: nothing is loaded from anywhere, and everything can be read without JavaScript. */
import { createHash } from 'node:crypto'
import type { PerformanceReport } from '../index.ts'
import { count } from '../words.ts'
import { readAsset } from './assets.ts'
import { type Html, html } from './html.ts'
import { chart, htmlTable, sparkSvg } from './parts.ts'
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
} from './report-words.ts'

/** The document; `signature` says what made it, and when. */
export async function reportFile(report: PerformanceReport, signature: string): Promise<string> {
  const [styles, scripts] = await Promise.all([
    Promise.all(['uplot.css', 'page.css'].map(textOf)),
    Promise.all(['uplot.js', 'page.js'].map(textOf)),
  ])
  // Styles and scripts of our own may stand here and no others: their hashes are the policy.
  const policy = [
    ...["default-src 'none'", "base-uri 'none'", "form-action 'none'", 'img-src data:'],
    `style-src ${styles.map(hashOf).join(' ')}`,
    `script-src ${scripts.map(hashOf).join(' ')}`,
  ].join('; ')
  const title = html`<title>${aboutText(report)}</title>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
${title}
<link rel="icon" href="data:,">
${styles.map((text) => `<style>${text}</style>`).join('\n')}
</head>
<body>
${bodyOf(report, signature)}
${scripts.map((text) => `<script>${text}</script>`).join('\n')}
</body>
</html>
`
}

const textOf = async (name: string): Promise<string> => (await readAsset(name))?.text ?? ''

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

function bodyOf(report: PerformanceReport, signature: string): Html {
  const { campaign, campaigns, providers } = report
  const empty = emptyText(report)
  return html`<main id="main">
    <h1>${campaign ? campaignName(campaign) : 'Campaigns'}</h1>
    <p class="soft">${aboutText(report)}</p>
    ${empty !== null && html`<p class="notice">${empty}</p>`}
    ${missingTexts(report).map((text) => html`<p class="notice">${text}</p>`)}
    <h2>In total</h2>
    ${totals(report)}
    ${report.totals.sent > 0 && charts(report)}
    ${campaign ? depth(campaign) : campaigns.length > 0 && ranking(report)}
    ${
      providers.length > 0 &&
      html`<h2>Mailbox providers (e-mail)</h2>
        ${htmlTable(
          'Mailbox providers',
          ['provider', 'sent', 'delivered', 'bounces', 'human opens', 'complaints'],
          providers.map((one) => [
            ...[one.mailbox_provider, count(one.sent), count(one.delivered)],
            ...[percent(one.bounce_rate), percent(one.human_open_rate), percent(one.complaint_rate)],
          ]),
          'lrrrrr',
        )}`
    }
    <h2>What the numbers mean</h2>
    <ul>${[leftOutText(report), ...meanings].map((text) => text !== null && html`<li>${text}</li>`)}</ul>
    <p class="soft">${signature}</p>
  </main>`
}

const totals = (report: PerformanceReport): Html =>
  htmlTable(
    'Totals',
    ['number', 'range', ...(report.before ? ['range before', 'change'] : [])],
    totalLines(report).map(({ label, now, before, change }) => [
      ...[label, now],
      ...(before === null ? [] : [before, change]),
    ]),
    'lrrr',
  )

function charts({ by_day, totals: all }: PerformanceReport): Html {
  const labels = by_day.map(({ day }) => day)
  const values = (column: 'sent' | 'human_opened' | 'human_clicked' | 'click_revenue') =>
    by_day.map((day) => day[column])
  const series = [
    { name: 'sent', values: values('sent') },
    { name: 'human opens', values: values('human_opened') },
    { name: 'human clicks', values: values('human_clicked') },
  ]
  return html`
    <h2>Day by day</h2>
    ${chart({ title: 'Messages by day', kind: 'line', labels, series })}
    ${
      all.click_revenue !== null &&
      all.click_revenue > 0 &&
      chart({
        title: 'Revenue after a click by day',
        kind: 'bars',
        labels,
        series: [{ name: 'revenue', values: values('click_revenue') }],
      })
    }`
}

const ranking = ({ campaigns, campaigns_in_range }: PerformanceReport): Html => html`
  <h2>Campaigns, those that sent most first</h2>
  ${htmlTable(
    'Campaigns',
    [
      ...['campaign', 'id', 'medium', 'sent', 'delivered', 'human opens', 'human clicks', 'bounces'],
      ...['unsubscribes', 'complaints', 'orders', 'revenue after a click', 'opens by day'],
    ],
    campaigns.map((one) => [
      ...[html`<bdi>${campaignName(one)}</bdi>`, String(one.campaign_id), one.medium],
      ...[count(one.sent), count(one.delivered)],
      ...[percent(one.human_open_rate), percent(one.human_click_rate), percent(one.bounce_rate)],
      ...[percent(one.unsubscribe_rate), percent(one.complaint_rate)],
      ...[count(one.click_orders), money(one.click_revenue)],
      one.opens_by_day && sparkSvg(one.opens_by_day, 'opens'),
    ]),
    'lrlrrrrrrrrrl',
  )}
  ${campaigns_in_range > campaigns.length && html`<p class="soft">${campaigns.length} of ${count(campaigns_in_range)} campaigns.</p>`}`

const depth = ({ links, devices, variants }: NonNullable<PerformanceReport['campaign']>): Html => html`
  <h2>Links</h2>
  ${htmlTable(
    'Links',
    ['link', 'clicks', 'clicks of people', 'people'],
    links.map((one) => [one.url, count(one.clicks), count(one.human_clicks), count(one.people)]),
    'lrrr',
  )}
  ${
    devices.length > 0 &&
    html`<h2>Devices</h2>
      ${htmlTable(
        'Devices',
        ['device', 'opened'],
        devices.map((one) => [one.device, count(one.human_opened)]),
        'lr',
      )}`
  }
  ${
    variants.length > 0 &&
    html`<h2>Variants, over the whole life of the campaign</h2>
      ${htmlTable(
        'Variants',
        ['template', 'delivered', 'human opens', 'human clicks', 'lift of opens', 'p', 'lift of clicks', 'p'],
        variants.map((one) => [
          `${one.template_name ?? one.template_id}${one.is_control ? ' (control)' : ''}`,
          ...[count(one.delivered), percent(one.human_open_rate), percent(one.human_click_rate)],
          ...[percent(one.open_lift), one.open_p_value?.toFixed(3) ?? null],
          ...[percent(one.click_lift), one.click_p_value?.toFixed(3) ?? null],
        ]),
        'lrrrrrrr',
      )}`
  }`
