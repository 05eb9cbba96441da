import assert from 'node:assert/strict'

/** Prometheus text format 0.0.4, line by line (prometheus.io, "Exposition formats"). */
const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/
const comment = /^# (?:HELP [a-zA-Z_:]\w* .*|TYPE [a-zA-Z_:]\w* (?:counter|gauge|histogram))$/

/** The samples of a page; complains about every line that the format does not allow. */
export class PrometheusPage {
  readonly #values = new Map<string, number>()

  constructor(text: string) {
    assert.ok(text.endsWith('\n'))
    for (const line of text.slice(0, -1).split('\n')) {
      if (comment.test(line)) continue
      const match = sample.exec(line)
      assert.ok(match, `not a line of the format: ${line}`)
      const key = keyOf(match[1] as string, match[2]?.split(/(?<="),/) ?? [])
      assert.ok(!this.#values.has(key), `twice: ${line}`)
      this.#values.set(key, match[3] === '+Inf' ? Number.POSITIVE_INFINITY : Number(match[3]))
    }
  }

  /** @param labels  all labels of the series */
  valueOf(name: string, labels: Record<string, string> = {}): number | undefined {
    return this.#values.get(
      keyOf(
        name,
        Object.entries(labels).map(([label, value]) => `${label}="${value}"`),
      ),
    )
  }

  /** All series of a metric added up. */
  totalOf(name: string): number {
    return [...this.#values].reduce((sum, [key, value]) => (key.startsWith(`${name}{`) ? sum + value : sum), 0)
  }

  /** Every series: its name and its labels, sorted. */
  get keys(): string[] {
    return [...this.#values.keys()]
  }

  get(key: string): number | undefined {
    return this.#values.get(key)
  }
}

function keyOf(name: string, labels: string[]): string {
  return `${name}{${labels.sort().join(',')}}`
}
