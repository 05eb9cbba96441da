import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'vitest'

/**
 * Requirements of levels 1 and 2 of OWASP ASVS 5.0.0 by section: the number of the last one, as those of level 3 are the last of
 * each section. (OWASP_Application_Security_Verification_Standard_5.0.0_en.csv)
 */
const sections: Readonly<Record<string, number>> = {
  ...{ '1.1': 2, '1.2': 9, '1.3': 11, '1.4': 3, '1.5': 2, '2.1': 3, '2.2': 3, '2.3': 4, '2.4': 1, '3.2': 2, '3.3': 4 },
  ...{ '3.4': 6, '3.5': 5, '3.7': 2, '4.1': 3, '4.2': 1, '4.3': 2, '4.4': 4, '5.1': 1, '5.2': 3, '5.3': 2, '5.4': 3 },
  ...{ '6.1': 3, '6.2': 12, '6.3': 4, '6.4': 4, '6.5': 5, '6.6': 3, '6.8': 4, '7.1': 3, '7.2': 4, '7.3': 2, '7.4': 5 },
  ...{ '7.5': 2, '7.6': 2, '8.1': 2, '8.2': 3, '8.3': 1, '8.4': 1, '9.1': 3, '9.2': 4, '10.1': 2, '10.2': 2 },
  ...{ '10.3': 4, '10.4': 11, '10.5': 5, '10.6': 2, '10.7': 3, '11.1': 2, '11.2': 3, '11.3': 3, '11.4': 4, '11.5': 1 },
  ...{ '11.6': 1, '12.1': 3, '12.2': 2, '12.3': 4, '13.1': 1, '13.2': 5, '13.3': 2, '13.4': 5, '14.1': 2, '14.2': 4 },
  ...{ '14.3': 3, '15.1': 3, '15.2': 3, '15.3': 7, '16.1': 1, '16.2': 5, '16.3': 4, '16.4': 3, '16.5': 3, '17.1': 1 },
  ...{ '17.2': 4, '17.3': 2 },
}
const ofSection = (section: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${section}.${from + index}`)
const required = Object.entries(sections).flatMap(([section, last]) => ofSection(section, 1, last))

const text = readFileSync('guide/security.md', 'utf8')
const rows = [...text.matchAll(/^\| (\d+\.\d+\.\d+[^|]*) \| ([^|]+) \| ([^|]*) \|$/gm)]

/** `1.2.4 to 1.2.8, 1.3.1` */
const answered = rows.flatMap(([, ids = '']) =>
  ids.split(', ').flatMap(part => {
    const [first = '', last = first] = part.trim().split(' to ')
    const section = first.replace(/\.\d+$/, '')
    return ofSection(section, Number(first.split('.')[2]), Number(last.split('.')[2]))
  }),
)

describe('guide/security.md', () => {
  it('answers each requirement of ASVS 5.0.0, level 2, once', () => {
    assert.equal(required.length, 253)
    assert.deepEqual([...answered].sort(), [...required].sort())
  })

  it('says of each whether it is met', () => {
    for (const [, ids, answer = ''] of rows)
      assert.match(answer, /^(Met|Partly|Not met|By you|By Entra ID|Does not apply|Do not apply)\b/, ids)
  })
})
