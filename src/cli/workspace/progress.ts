/** Shows how far a job is: a bar that moves in a terminal, a line now and then in a pipe and in CI. */
import type { JobDescription } from '../../client/index.ts'
import { cutText, displayWidth } from '../terminal.ts'

/** Where progress is shown; `process.stderr` is one. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ProgressOptions {
  readonly stream: ProgressStream
  readonly environment: NodeJS.ProcessEnv
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

const maxBarWidth = 24
const minBarWidth = 8
/** Lines of a pipe are this far apart, unless the status changes. */
const lineIntervalMs = 10_000
const clearLine = '\r\x1b[K'

export class JobProgress {
  readonly #stream: ProgressStream
  readonly #now: () => number
  readonly #isBar: boolean
  #startedAt: number | undefined
  #shown = ''
  #shownAt = Number.NEGATIVE_INFINITY
  #status = ''

  constructor({ stream, environment, now }: ProgressOptions) {
    this.#stream = stream
    this.#now = now
    // A terminal of CI keeps every frame of a bar, and a dumb one cannot go back to the start of a line.
    this.#isBar = stream.isTTY === true && !environment.CI && environment.TERM !== 'dumb'
  }

  update(job: JobDescription): void {
    const now = this.#now()
    if (job.status !== 'NotStarted') this.#startedAt ??= now
    if (this.#isBar) return this.#draw(job, now)
    const line = `${job.status}  ${describeCounts(job)}`
    const isNews = job.status !== this.#status || now - this.#shownAt >= lineIntervalMs
    if (!isNews || line === this.#shown) return
    this.#stream.write(`${line}\n`)
    this.#remember(line, job, now)
  }

  /** Leaves the last state on a line of its own. */
  end(): void {
    if (this.#isBar && this.#shown !== '') this.#stream.write('\n')
    this.#shown = ''
  }

  #draw(job: JobDescription, now: number): void {
    const rest = [describeCounts(job), this.#describeTime(job, now)].filter(Boolean).join('  ')
    const width = (this.#stream.columns || 80) - 1 // a full line would wrap
    const bar = drawBar(job.progress.percent, width - displayWidth(`${job.status}    ${rest}`))
    const line = cutText([job.status, ...bar, rest].join('  '), width)
    if (line === this.#shown) return
    this.#stream.write(`${clearLine}${line}`)
    this.#remember(line, job, now)
  }

  #remember(line: string, { status }: JobDescription, now: number): void {
    this.#shown = line
    this.#shownAt = now
    this.#status = status
  }

  /** What is left, by the speed so far. */
  #describeTime({ status, progress: { percent } }: JobDescription, now: number): string {
    const elapsedMs = now - (this.#startedAt ?? now)
    if (status !== 'Running' || percent < 2 || elapsedMs < 2000) return ''
    return `${describeSeconds((elapsedMs / percent) * (100 - percent))} left`
  }
}

/** @returns none where there is no room for a bar */
function drawBar(percent: number, room: number): string[] {
  const width = Math.min(maxBarWidth, room)
  if (width < minBarWidth) return []
  const filled = Math.round((width * percent) / 100)
  return ['█'.repeat(filled) + '░'.repeat(width - filled)]
}

/** @returns e.g. ` 37%  15,006 of 40,000 rows, 12 failed` */
function describeCounts({ progress }: JobDescription): string {
  const { rows, succeeded, failed, percent } = progress
  const count = (value: number) => value.toLocaleString('en-US')
  const share = `${String(Math.floor(percent)).padStart(3)}%`
  if (rows === 0) return share // the input is being split
  const done = `${share}  ${count(succeeded + failed)} of ${count(rows)} rows`
  return failed > 0 ? `${done}, ${count(failed)} failed` : done
}

function describeSeconds(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000))
  if (seconds < 100) return `${seconds} s`
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}
