import { encodeLines } from '../../jobs/output/result-lines.ts'
import type { RowResult } from '../../jobs/row-scorer.ts'
import { type Answer, describeFailure, readJson } from '../answer.ts'
import { onOneLine, openTerminal, type Terminal } from '../terminal.ts'
import { formatAnswer, formatResults } from './answer-table.ts'

/** Rows of a long file that a terminal shows. */
const rowsShown = 20
const failuresShown = 10

/** Prints answers: tables in a terminal, else JSON; what fails, on standard error. */
export class AnswerPrinter {
  readonly #name: string
  readonly #isJson: boolean
  readonly #terminal: Terminal
  #rowCount = 0
  #failureCount = 0
  #shown: RowResult[] = []
  readonly #failures: { readonly row: number; readonly message: string }[] = []

  constructor(name: string, isJson: boolean) {
    this.#name = name
    this.#isJson = isJson || !process.stdout.isTTY
    this.#terminal = openTerminal()
  }

  /** @returns whether it is no failure */
  printAnswer(answer: Answer): boolean {
    const isGood = answer.status < 400
    if (!isGood) {
      const { code, message } = describeFailure(answer)
      console.error(
        `error: ${onOneLine(message)} (${onOneLine(code)}, HTTP status ${answer.status})${adviceOn(answer.status)}`,
      )
    }
    if (this.#isJson) process.stdout.write(isText(answer) ? `${readJson(answer).trimEnd()}\n` : answer.body)
    else if (isGood) console.log(this.#show(answer))
    return isGood
  }

  #show(answer: Answer): string {
    if (!isText(answer))
      return `${answer.body.length} bytes of ${answer.contentType}; write them to a file with "> file"`
    const json = readJson(answer)
    return formatAnswer(json, this.#terminal) ?? json
  }

  /** @returns whether anybody still reads, which `| head` does not for long */
  async printRows(results: readonly RowResult[]): Promise<boolean> {
    const first = this.#rowCount
    this.#rowCount += results.length
    for (const [index, result] of results.entries()) {
      if ('prediction' in result) continue
      this.#failureCount++
      const row = first + index
      if (this.#failures.length < failuresShown)
        this.#failures.push({ row, message: `${result.message} (${result.code})` })
    }
    if (!this.#isJson) {
      this.#shown.push(...results.slice(0, rowsShown - this.#shown.length))
      return true
    }
    const lines = encodeLines({ format: 'jsonl' }, first, results).trimEnd().replaceAll('\n', ',\n')
    return write(`${first === 0 ? '[\n' : ',\n'}${lines}`)
  }

  /** @returns whether all rows were scored */
  endRows(): boolean {
    if (this.#isJson) process.stdout.write(this.#rowCount === 0 ? '[]\n' : '\n]\n')
    else this.#endTable()
    if (this.#failureCount > 0 && this.#isJson)
      console.error(`error: ${this.#failureCount} of ${this.#rowCount} rows cannot be scored`)
    return this.#failureCount === 0
  }

  #endTable(): void {
    if (this.#rowCount === 0) return console.log('The file has no rows.')
    console.log(formatResults(this.#shown, this.#terminal))
    const more = this.#rowCount - this.#shown.length
    if (more > 0)
      console.log(`… and ${more} more rows; all of them as JSON: npx scoring score ${this.#name} --csv … > scores.json`)
    for (const { row, message } of this.#failures) console.error(`row ${row}: ${message}`)
    if (this.#failureCount > 0) console.error(`error: ${this.#failureCount} of ${this.#rowCount} rows cannot be scored`)
  }
}

/** Waits for a slow reader, so that what it has not read does not pile up. @returns false when it has left */
async function write(text: string): Promise<boolean> {
  const { stdout } = process
  return new Promise(done => stdout.write(text, failure => done(!failure && stdout.writable)))
}

/** Other answers, such as images, are written as they are. */
function isText({ contentType }: Answer): boolean {
  return contentType === '' || /json|^text\/|xml/i.test(contentType)
}

function adviceOn(status: number): string {
  if (status === 401) return '. Set SCORING_KEY to a key of the service.'
  return status === 415 ? '. The body is no JSON text.' : ''
}
