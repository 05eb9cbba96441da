import { isWhiteSpace } from '../formats/json-lines-scanner.ts'

const space = 0x20

export function afterSpace(bytes: Buffer, start: number): number {
  let at = start
  while ((bytes[at] as number) <= space && isWhiteSpace(bytes[at])) at++
  return at
}

/** @returns where the word ends; -1 where it does not stand */
export function afterWord(bytes: Buffer, start: number, word: Buffer): number {
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word[at]) return -1
  return start + word.length
}

const missingWords = ['null', 'NaN'].map(word => Buffer.from(word))

/** @returns where a word for a missing number ends; -1 where there is none */
export function afterMissing(bytes: Buffer, start: number): number {
  for (const word of missingWords) {
    const end = afterWord(bytes, start, word)
    if (end >= 0) return end
  }
  return -1
}
