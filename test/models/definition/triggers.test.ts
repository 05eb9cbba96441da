import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it, test } from 'vitest'
import { type BlobPath, blobPathRule, canMatch, parseBlobPath } from '../../../src/models/definition/blob-path.ts'
import { watchedPath } from '../../../src/models/definition/job-watch.ts'
import { parseDefinition } from '../../../src/models/definition/parse-definition.ts'
import { planTriggers } from '../../../src/models/definition/plan-triggers.ts'
import { describeTriggers, refuseElsewhere, unservedElsewhere } from '../../../src/models/definition/triggers.ts'

const parseAll = (definition: object) => parseDefinition('iris/service.json', JSON.stringify(definition))
const parse = (triggers: object) => parseAll({ triggers }).triggers
const declare = (services: Record<string, object>) =>
  planTriggers(
    Object.entries(services).map(([service, triggers]) => ({
      service,
      triggers: parse(triggers),
      jobs: parseAll({}).jobs,
    })),
  )

describe('jobs in service.json', () => {
  it.each([
    [{ watch: 'inbox' }, /jobs\.watch: must be a container/],
    [{ watch: 'jobs/*.csv' }, /container "jobs", which belongs to the app/],
    [{ watch: 'inbox/{name}.csv' }, /no braces/],
    [{ watch: 'inbox/../x' }, /no "\." or "\.\." as a folder/],
    [{ watch: 'inbox/*.csv', output: 'inbox/out/{name}.csv' }, /jobs\.output: is in the container of "watch"/],
    [{ output: 'output/{name}.csv' }, /"watch", which is missing/],
    [{ input: { delimiter: ';' } }, /jobs\.input: says how the blobs of "watch" are written, which is missing/],
    [{ watch: 'inbox/*.csv', input: { delimiter: ';;' } }, /jobs\.input\.delimiter: must be one character/],
    [{ watch: 'inbox/*.csv', input: { separator: ';' } }, /jobs\.input: .*"separator"/],
    [{ watch: 'inbox/*.csv', input: { blob: 'inbox/a.csv' } }, /jobs\.input: .*"blob"/],
    [{ watch: 'inbox/*.csv', input: { quote: ',' } }, /jobs\.input\.quote: is ",", which separates the columns/],
    [{ watch: 'inbox/*.csv', input: { thousands: '.' } }, /jobs\.input\.thousands: is "\.", which stands before/],
    [{ watch: 'inbox/*', input: { format: 'json', decimal: ',' } }, /jobs\.input\.decimal: applies to CSV only/],
  ])('refuse %j', (jobs, message) => assert.throws(() => parseAll({ jobs }), message))

  it('are watched by a trigger for all that begins like them', () => {
    assert.equal(watchedPath('inbox/2026/a*-?/**/*.csv'), 'inbox/2026/a{name}')
    const { jobs, triggers } = parseAll({ jobs: { watch: 'inbox/*.csv' } })
    const { watches } = planTriggers([{ service: 'iris', triggers, jobs }])
    assert.deepEqual(watches, [{ service: 'iris', watch: 'inbox/*.csv', source: 'polling' }])
    assert.match(
      unservedElsewhere(triggers, jobs.watch).join(),
      /"jobs\.watch" do not become jobs: keep this service in/,
    )
  })
})

describe('triggers in service.json', () => {
  test.each<[triggers: object, message: RegExp]>([
    [{ blob: { input: 'in/{name}', output: 'out/{name}' } }, /triggers\.blob\.input: must be a container \(3 to 63 /],
    [{ blob: { input: 'requests/a', output: 'out/{name}' } }, /triggers\.blob\.input: must be .*\{name\} once/],
    [{ blob: { input: 'requests/{name}', output: 'out/{other}-{name}' } }, /no other variable than \{name\}/],
    [{ blob: { input: 'jobs/{name}', output: 'out/{name}' } }, /container "jobs", which belongs to the app/],
    [{ blob: { input: 'requests/../{name}', output: 'out/{name}' } }, /no "\." or "\.\." as a folder/],
    [
      { blob: { input: 'data/{name}.json', output: 'data/{name}.out.json' } },
      /blob\.output: may be a new blob for "input"/,
    ],
    [{ queue: { input: 'one', output: 'one' } }, /triggers\.queue\.output: must not be the queue of "input"/],
    [
      { queue: { input: 'Upper', output: 'one' } },
      /triggers\.queue\.input: must be the name of a queue.*found "Upper"/,
    ],
    [{ queue: { input: 'scoring-jobs', output: 'one' } }, /triggers\.queue\.input: belongs to the app or its host/],
    [{ queue: { input: 'in-poison', output: 'one' } }, /ends in "-poison"/],
    [{ queue: { input: 'q'.repeat(57), output: 'one' } }, /must have at most 56 characters/],
    [{ serviceBus: { input: 'Orders', output: 'orders' } }, /triggers\.serviceBus\.output: must not be the queue/],
    [{ serviceBus: { input: 'in', output: 'out', topic: 't' } }, /triggers\.serviceBus: unrecognized key "topic"/],
    [{ http: { authLevel: 'system' } }, /triggers\.http\.authLevel: expected one of .*found "system"/],
    [{ timer: {} }, /triggers: unrecognized key "timer"/],
  ])('refuse %j', (triggers, message) => {
    assert.throws(() => parse(triggers), { name: 'ServiceLoadError', message })
  })

  it('do not repeat a connection string that stands where the name of a setting belongs', () => {
    const connection = 'AccountName=a;AccountKey=c2VjcmV0'
    assert.throws(
      () => parse({ queue: { input: 'one', output: 'two', connection } }),
      (error: Error) =>
        /connection: must be the name of a setting/.test(error.message) && !/c2VjcmV0/.test(error.message),
    )
  })

  it('are described in one line each', () => {
    const triggers = parse({
      blob: { input: 'requests/{name}', output: 'answers/{name}' },
      serviceBus: { input: 'a', output: 'b' },
    })
    assert.deepEqual(describeTriggers(triggers), ['blobs requests/{name} -> answers/{name}', 'Service Bus a -> b'])
  })
})

describe('a service that the app reads in a container', () => {
  it('has no triggers, and no routes that ask for keys of Azure Functions', () => {
    const queue = { input: 'one', output: 'two' }
    assert.deepEqual(unservedElsewhere(parse({ queue, serviceBus: queue })), [
      'the trigger "queue" does not run: keep this service in the folder of the app (SCORING_MODELS is not a folder)',
      'the trigger "serviceBus" does not run: keep this service in the folder of the app (SCORING_MODELS is not a folder)',
    ])
    assert.equal(refuseElsewhere(parse({ queue })), undefined)
    assert.match(
      refuseElsewhere(parse({ http: { authLevel: 'function' } })) ?? '',
      /^triggers\.http\.authLevel: is "function", and the routes ask for no such key; /,
    )
  })
})

describe('planTriggers', () => {
  it('gives a queue to the first service that asks for it', () => {
    const { runs, refused } = declare({
      first: { queue: { input: 'one', output: 'two' }, serviceBus: { input: 'one', output: 'two' } },
      second: { queue: { input: 'one', output: 'three' }, serviceBus: { input: 'ONE', output: 'three' } },
      third: { queue: { input: 'one', output: 'three', connection: 'Other' } },
    })
    assert.deepEqual(
      runs.map(({ service, kind }) => `${service} ${kind}`),
      ['first queue', 'first serviceBus', 'third queue'],
    )
    assert.deepEqual(
      refused.map(({ reason }) => reason),
      [
        'the queue "one" has the requests of service "first"; choose another',
        'the queue "ONE" has the requests of service "first"; choose another',
      ],
    )
  })

  it('knows an account by both names of its setting', () => {
    const { refused } = declare({
      first: { queue: { input: 'one', output: 'two' } },
      second: { queue: { input: 'one', output: 'three', connection: 'Storage' } },
    })
    assert.match(refused[0]?.reason ?? '', /^the queue "one" has the requests of service "first"/)
  })

  it('lets services score the same blobs, but not write over the answers of each other', () => {
    const { runs, refused } = declare({
      first: { blob: { input: 'rows/{name}', output: 'scores/{name}' } },
      second: { blob: { input: 'rows/{name}', output: 'others/{name}' } },
      third: { blob: { input: 'rows/{name}', output: 'scores/{name}' } },
    })
    assert.deepEqual(
      runs.map(({ service }) => service),
      ['first', 'second'],
    )
    assert.deepEqual(refused, [
      {
        service: 'third',
        kind: 'blob',
        reason: 'its answers would be written over those of service "first"; choose another output',
      },
    ])
  })

  it('lets services follow each other, and refuses the one that closes a circle', () => {
    const { runs, refused } = declare({
      decode: { blob: { input: 'raw/{name}', output: 'rows/{name}' } },
      score: { blob: { input: 'rows/{name}', output: 'scores/{name}' } },
      again: { blob: { input: 'scores/{name}', output: 'raw/again/{name}' } },
    })
    assert.equal(runs.length, 2)
    assert.deepEqual(refused, [
      {
        service: 'again',
        kind: 'blob',
        reason:
          'its answers to "raw/again/{name}" would come back to it through "decode" and "score" without end; choose another output',
      },
    ])
  })

  it('refuses to watch a folder whose blobs come from it, through other services', () => {
    const { triggers } = parseAll({})
    const declared = (service: string, watch: string, output?: string) => {
      return { service, triggers, jobs: parseAll({ jobs: { watch, output } }).jobs }
    }
    const { watches, refused } = planTriggers([
      declared('ping', 'ping/*.csv', 'pong/{jobId}.csv'),
      { ...declared('decode', 'raw/*'), triggers: parse({ blob: { input: 'pong/{name}', output: 'rows/{name}' } }) },
      declared('pong', 'pong/may/*.csv', 'ping/{jobId}.csv'),
      declared('again', 'rows/*', 'ping/{name}'),
      declared('also', 'ping/*.csv', 'others/{name}'),
    ])
    assert.deepEqual(
      watches.map(({ service }) => service),
      ['ping', 'decode', 'also'],
    )
    const through = (output: string, services: string) =>
      `its answers to "${output}" would come back to it through ${services} without end; choose another output`
    assert.deepEqual(refused, [
      { service: 'pong', kind: 'jobs.watch', reason: through('ping/{jobId}.csv', '"ping"') },
      { service: 'again', kind: 'jobs.watch', reason: through('ping/{name}', '"ping" and "decode"') },
    ])
  })

  it('takes the strictest authLevel', () => {
    assert.equal(declare({}).authLevel, 'anonymous')
    const levels = { one: { http: { authLevel: 'function' } }, two: {}, three: { http: { authLevel: 'admin' } } }
    assert.equal(declare(levels).authLevel, 'admin')
  })
})

/** As Azure's pattern has it: any text stands for the name, and at least one character. */
const isRequest = ({ prefix, suffix }: BlobPath, blob: string): boolean =>
  blob.length > prefix.length + suffix.length && blob.startsWith(prefix) && blob.endsWith(suffix)

describe('canMatch', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 4 })
  const path = fc.record({ prefix: part, suffix: part }).map(each => ({ container: 'data', ...each }))

  it('is true whenever the answer to some blob is a request again', () => {
    fc.assert(
      fc.property(
        path,
        path,
        fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), minLength: 1, maxLength: 9 }),
        (input, output, name) => {
          const answer = output.prefix + name + output.suffix
          if (isRequest(input, answer)) assert.ok(canMatch(output, input))
        },
      ),
    )
  })

  it('is true only where there is such a blob', () => {
    fc.assert(
      fc.property(path, path, (input, output) => {
        if (!canMatch(output, input)) return
        // A name that begins and ends as the request has to.
        const answer = output.prefix + input.prefix + input.suffix + 'x' + input.prefix + input.suffix + output.suffix
        const withPrefix = output.prefix.startsWith(input.prefix) ? '' : input.prefix.slice(output.prefix.length)
        const withSuffix = output.suffix.endsWith(input.suffix)
          ? ''
          : input.suffix.slice(0, input.suffix.length - output.suffix.length)
        const made = `${output.prefix}${withPrefix}x${withSuffix}${output.suffix}`
        assert.ok(isRequest(input, made) || isRequest(input, answer), made)
      }),
    )
  })

  it('is false in another container', () => {
    const [one, other] = [parseBlobPath('data/{name}'), parseBlobPath('other/{name}')]
    assert.equal(one && other && canMatch(one, other), false)
  })
})

describe('blobPathRule', () => {
  it('agrees with parseBlobPath', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'data', '/', '{name}', '{x}', '..', '\\'), maxLength: 6 }),
        text => {
          const parsed = parseBlobPath(text)
          assert.equal(parsed === undefined, blobPathRule(text) !== undefined)
          if (parsed) assert.equal(`${parsed.container}/${parsed.prefix}{name}${parsed.suffix}`, text)
        },
      ),
    )
  })
})
