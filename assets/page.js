/** What the pages do beyond reading: charts, and following what happens. Without it everything can still be read. */

const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const seriesColor = (index) => colorOf(`--series-${(index % 5) + 1}`)

/** Days and instants stand on an axis of time, words beside each other. */
function positionsOf(labels) {
  const times = labels.map((label) =>
    /^\d{4}-\d\d-\d\d/.test(label) ? Date.parse(label) / 1000 : Number.NaN,
  )
  const isTime = labels.length > 0 && times.every((at) => !Number.isNaN(at))
  const isOrdered = times.every((at, index) => index === 0 || at > times[index - 1])
  return isTime && isOrdered
    ? { isTime: true, xs: times }
    : { isTime: false, xs: labels.map((_, index) => index) }
}

const shortLabel = (label = '') => label.replace(/^\d{4}-(\d\d-\d\d)T(\d\d:\d\d).*$/, '$1 $2').slice(0, 16)

/** Values upon each other: the last series is drawn first, and is the sum of all. */
function stacked(series) {
  const sums = series.map(({ name, values }, index) => ({
    name,
    shown: values,
    values: values.map((_, at) =>
      series.slice(0, index + 1).reduce((sum, one) => sum + (one.values[at] ?? 0), 0),
    ),
    color: index,
  }))
  return sums.reverse()
}

function drawChart(figure) {
  const { kind, labels, series } = JSON.parse(figure.dataset.chart)
  if (labels.length === 0 || figure.querySelector('.uplot')) return
  // Runs stand side by side: an hour without any is not worth its room.
  const { isTime, xs } =
    kind === 'stack' ? { isTime: false, xs: labels.map((_, index) => index) } : positionsOf(labels)
  const drawn = kind === 'stack' ? stacked(series) : series.map((one, index) => ({ ...one, color: index }))
  const axis = { stroke: colorOf('--soft'), grid: { stroke: colorOf('--line'), width: 1 } }
  const options = {
    width: Math.max(320, Math.min(figure.clientWidth, 1100)),
    height: 240,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), 'UTC'),
    scales: {
      // Half a bar's room on either side.
      x: isTime ? { time: true } : { time: false, range: () => [-0.5, labels.length - 0.5] },
      y: { range: (_, least, most) => [Math.min(0, least ?? 0), most > 0 ? most * 1.05 : 1] },
    },
    axes: [
      isTime ? axis : { ...axis, values: (_, marks) => marks.map((at) => shortLabel(labels[at])) },
      { ...axis, size: 70, values: (_, marks) => marks.map((value) => value.toLocaleString('en')) },
    ],
    series: [
      isTime
        ? { value: '{YYYY}-{MM}-{DD} {HH}:{mm}' }
        : { label: 'at', value: (_, at) => shortLabel(labels[at]) },
      ...drawn.map(({ name, shown, color }) => ({
        label: name,
        stroke: seriesColor(color),
        width: 2,
        ...(kind !== 'line' && { fill: seriesColor(color), paths: uPlot.paths.bars({ size: [0.8, 40] }) }),
        points: { show: kind === 'line' && labels.length < 40 },
        value: (_, value, __, at) => ((shown ? shown[at] : value) ?? '–').toLocaleString('en'),
      })),
    ],
  }
  const place = document.createElement('div')
  place.setAttribute('aria-hidden', 'true')
  figure.insertBefore(place, figure.querySelector('details'))
  new uPlot(options, [xs, ...drawn.map(({ values }) => values)], place)
}

const drawCharts = () => {
  for (const figure of document.querySelectorAll('figure[data-chart]')) drawChart(figure)
}

/** Puts the present state in place of what is shown, unless somebody is at it. */
async function refresh() {
  const main = document.querySelector('main[data-live]')
  if (!main) return
  const isPending = main.querySelector('[data-pending]') !== null
  if (main.querySelector('[data-still]') && !isPending) return
  const isAtIt = () => main.contains(document.activeElement) || main.querySelector('details[open]') !== null
  if (isAtIt()) return
  const answer = await fetch(location.href, { headers: { Accept: 'text/html' } })
  if (!answer.ok || answer.redirected) return
  const { title, body } = new DOMParser().parseFromString(await answer.text(), 'text/html')
  const fresh = body.querySelector('main')
  if (!fresh || isAtIt()) return
  document.title = title
  main.replaceChildren(...fresh.childNodes)
  drawCharts()
}

let isFollowing = false

/** What is still being read shows itself when it is there. */
function followPending() {
  if (isFollowing || !document.querySelector('main [data-pending]')) return
  isFollowing = true
  setTimeout(() => {
    refresh()
      .catch(() => {})
      .finally(() => {
        isFollowing = false
        followPending()
      })
  }, 500)
}

drawCharts()
followPending()
if (document.querySelector('main[data-live]')) {
  const happenings = new EventSource('/live')
  happenings.addEventListener('changed', () => {
    refresh()
      .catch(() => {})
      .finally(followPending)
  })
}
