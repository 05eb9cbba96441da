/** Panels of lines over logarithmic axes, as an SVG file: readable in a browser and on GitHub, no library. */
import { logAxis } from './log-axis.ts'

export interface Series {
  readonly name: string
  readonly color: string
  readonly isDashed: boolean
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface Panel {
  readonly title: string
  /** In place of those of the chart. */
  readonly xLabel?: string
  readonly yLabel?: string
  readonly series: readonly Series[]
  /** Lines across the panel, such as a limit, with what they mean. */
  readonly marks: readonly { readonly x: number; readonly color: string; readonly text: string }[]
}

export interface Chart {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly panels: readonly Panel[]
}

const size = { width: 480, height: 320 }
const margin = { left: 62, right: 18, top: 34, bottom: 50 }
const head = 74
const columns = 2
const ink = { text: '#1f2328', frame: '#8c959f', grid: '#d8dee4', fine: '#eff1f3' }

export function svgChart({ title, xLabel, yLabel, panels }: Chart): string {
  const width = columns * size.width
  const height = head + Math.ceil(panels.length / columns) * size.height
  const legend = legendOf(panels)
  const bodies = panels.map((panel, index) => {
    const [x, y] = [(index % columns) * size.width, head + Math.floor(index / columns) * size.height]
    return `<g transform="translate(${x} ${y})">${panelSvg(panel, panel.xLabel ?? xLabel, panel.yLabel ?? yLabel)}</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" fill="${ink.text}">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${margin.left}" y="26" font-size="16" font-weight="600">${escaped(title)}</text>
${legend}
${bodies.join('\n')}
</svg>
`
}

/** Names that panels share are told once. */
function legendOf(panels: readonly Panel[]): string {
  const byName = new Map(panels.flatMap(({ series }) => series.map(each => [each.name, each] as const)))
  const step = 195
  return [...byName.values()]
    .map((series, index) => {
      const x = margin.left + index * step
      return `${lineSvg(series, `M${x} 50h30`)}${dotSvg(series, x + 15, 50)}<text x="${x + 38}" y="54">${escaped(series.name)}</text>`
    })
    .join('')
}

function panelSvg({ title, series, marks }: Panel, xLabel: string, yLabel: string): string {
  const [width, height] = [size.width - margin.left - margin.right, size.height - margin.top - margin.bottom]
  const points = series.flatMap(({ points }) => points)
  const heading = `<text x="${margin.left}" y="22" font-weight="600">${escaped(title)}</text>`
  if (points.length === 0) return `${heading}<text x="${margin.left}" y="60">nothing was measured</text>`
  const xs = logAxis(
    [...points, ...marks].map(({ x }) => x),
    width,
  )
  const ys = logAxis(
    points.map(({ y }) => y),
    height,
  )
  const x = (value: number) => round(margin.left + xs.place(value))
  const y = (value: number) => round(margin.top + height - ys.place(value))
  const [right, bottom] = [margin.left + width, margin.top + height]
  const parts = [
    heading,
    ...xs.ticks.map(({ value, text }) => gridSvg(`M${x(value)} ${margin.top}V${bottom}`, text !== '')),
    ...ys.ticks.map(({ value, text }) => gridSvg(`M${margin.left} ${y(value)}H${right}`, text !== '')),
    ...xs.ticks.map(({ value, text }) => textSvg(x(value), bottom + 17, text, 'middle')),
    ...ys.ticks.map(({ value, text }) => textSvg(margin.left - 7, y(value) + 4, text, 'end')),
    `<rect x="${margin.left}" y="${margin.top}" width="${width}" height="${height}" fill="none" stroke="${ink.frame}"/>`,
    ...marks.map(mark => markSvg(x(mark.x), bottom, mark)),
    ...series.map(each => {
      const path = each.points.map((point, index) => `${index === 0 ? 'M' : 'L'}${x(point.x)} ${y(point.y)}`).join('')
      return lineSvg(each, path) + each.points.map(point => dotSvg(each, x(point.x), y(point.y))).join('')
    }),
    textSvg(margin.left + width / 2, bottom + 38, xLabel, 'middle'),
    `<text transform="translate(16 ${margin.top + height / 2}) rotate(-90)" text-anchor="middle">${escaped(yLabel)}</text>`,
  ]
  return parts.join('')
}

function gridSvg(path: string, isWritten: boolean): string {
  return `<path d="${path}" stroke="${isWritten ? ink.grid : ink.fine}"/>`
}

function textSvg(x: number, y: number, text: string, anchor: 'middle' | 'end'): string {
  return text === '' ? '' : `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(text)}</text>`
}

function markSvg(x: number, bottom: number, { color, text }: Panel['marks'][number]): string {
  const label = `<text transform="translate(${x - 4} ${bottom - 6}) rotate(-90)" font-size="10" fill="${color}" stroke="#ffffff" stroke-width="3" paint-order="stroke">${escaped(text)}</text>`
  return `<path d="M${x} ${margin.top}V${bottom}" stroke="${color}" stroke-opacity="0.55" stroke-dasharray="1 3"/>${label}`
}

function lineSvg({ color, isDashed }: Series, path: string): string {
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="2"${isDashed ? ' stroke-dasharray="6 4"' : ''}/>`
}

function dotSvg({ color, isDashed }: Series, x: number, y: number): string {
  return `<circle cx="${x}" cy="${y}" r="3.5" fill="${isDashed ? '#ffffff' : color}" stroke="${color}" stroke-width="1.5"/>`
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10
}

function escaped(text: string): string {
  return text.replace(/[<>&]/g, sign => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[sign] as string)
}
