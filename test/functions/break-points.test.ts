import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { describe, it } from 'vitest'
import type { Cleaner } from '../support/cleaner.ts'
import { Inspector } from '../support/inspector.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'

const script = `interface Body { readonly add: number }

export function init(): void {
  globalThis.sum = 1 as number
}

export function run(rawData: string): number {
  const body: Body = JSON.parse(rawData)
  return globalThis.sum + body.add
}
`
const limits = { timeoutMs: 300, loadTimeoutMs: 300 }

/**
 * Starts the app as editors do: a module that Node.js loads first opens the inspector, and waits until a debugger is attached.
 */
async function runDebugged(
  test: Cleaner,
  models: string,
  breakPoints: readonly number[],
): Promise<{ app: Promise<RunningApp>; inspector: Inspector }> {
  const folder = await mkdtemp(join(tmpdir(), 'debugger-'))
  test.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
  const urlFile = join(folder, 'url')
  const first = join(folder, 'first.mjs')
  await writeFile(
    first,
    `import { renameSync, writeFileSync } from 'node:fs'
    import inspector from 'node:inspector'
    import { isMainThread } from 'node:worker_threads'
    if (isMainThread) {
      inspector.open(0, '127.0.0.1')
      writeFileSync('${urlFile}.part', inspector.url())
      renameSync('${urlFile}.part', '${urlFile}')
      inspector.waitForDebugger()
    }`,
  )
  const app = runApp(test, undefined, { SCORING_MODELS: models, NODE_OPTIONS: `--import=${pathToFileURL(first)}` })
  app.catch(() => {}) // the test that awaits it reports that
  while (!existsSync(urlFile)) await delay(10)
  const url = pathToFileURL(join(models, 'adder/score.ts')).href
  const inspector = await Inspector.attach(
    await readFile(urlFile, 'utf8'),
    breakPoints.map(line => ({ url, line })),
  )
  test.onTestFinished(() => inspector.detach()) // a stopped thread does not end
  return { app, inspector }
}

describe('a break point in score.ts', () => {
  it('stops init() and run() for longer than their time limits, from the first start on', async test => {
    const models = await makeServices(
      { 'adder/service.json': { entryScript: 'score.ts', limits }, 'adder/score.ts': script },
      test,
    )
    const { app: starting, inspector } = await runDebugged(test, models, [4, 9])

    const inInit = await inspector.nextStop()
    assert.deepEqual([inInit.url, inInit.line], [pathToFileURL(join(models, 'adder/score.ts')).href, 4])
    const app = await starting
    const early = app.score('adder', '{"add": 1}')
    await delay(3 * limits.loadTimeoutMs)
    await inInit.resume()
    await (await inspector.nextStop()).resume()
    assert.equal(await (await early).text(), '2')
    assert.equal((await app.settled()).adder?.status, 'ready')

    const answer = app.score('adder', '{"add": 2}')
    const inRun = await inspector.nextStop()
    assert.equal(inRun.line, 9)
    await delay(3 * limits.timeoutMs)
    await inRun.resume()
    const response = await answer
    assert.deepEqual([response.status, await response.text()], [200, '3'])
    assert.equal(app.output().match(/a debugger can attach/g)?.length, 1, app.output())

    // What the wait taught the scheduler does not refuse the requests behind it.
    const more = Promise.all(
      [1, 2, 3].map(add => app.score('adder', JSON.stringify({ add }), { 'x-scoring-timeout-ms': '100' })),
    )
    for (let stops = 0; stops < 3; stops++) {
      const stop = await inspector.nextStop()
      await delay(100)
      await stop.resume()
    }
    assert.deepEqual(
      (await more).map(({ status }) => status),
      [200, 200, 200],
    )
  })
})
