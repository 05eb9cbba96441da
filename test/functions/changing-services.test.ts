import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { describe, it, type TestContext } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { scalingModel } from '../support/scaling-model.ts'
import { makeServices, type ServiceFiles } from '../support/service-folder.ts'

const body = '{"data": [[1, 2]]}'

/** A script that answers with a text of its own, after some time. */
const answering = (answer: string, ms = 0) => `
  import { setTimeout } from 'node:timers/promises'
  export const init = () => {}
  export const run = async () => { await setTimeout(${ms}); return ${JSON.stringify(answer)} }`

const scripted = (name: string, script: string, definition: object = {}): ServiceFiles => ({
  [`${name}/service.json`]: { entryScript: 'score.ts', ...definition },
  [`${name}/score.ts`]: script,
})

/** Replaces a file as editors do: the new one is written beside it and renamed. */
async function replaceFile(root: string, path: string, content: string | Buffer | object): Promise<void> {
  const folder = join(root, path, '..')
  await mkdir(folder, { recursive: true })
  const isRaw = typeof content === 'string' || Buffer.isBuffer(content)
  await writeFile(join(folder, '.fresh'), isRaw ? content : JSON.stringify(content))
  await rename(join(folder, '.fresh'), join(root, path))
}

async function startChangingApp(test: TestContext, files: ServiceFiles, environment: Record<string, string> = {}) {
  const root = await makeServices(files, test)
  const app = await runApp(test, {}, { SCORING_MODELS: root, SCORING_LOG: 'off', ...environment })
  await app.settled()
  return {
    app,
    root,
    write: (path: string, content: string | Buffer | object) => replaceFile(root, path, content),
    line: lineReader(app),
  }
}

/** @returns waits for a line of the log that comes after those of earlier calls */
function lineReader(app: RunningApp) {
  let read = 0
  return async (pattern: RegExp): Promise<string> => {
    for (let looks = 0; looks < 3000; looks++) {
      const lines = app.output().split('\n').slice(0, -1)
      const index = lines.findIndex((line, at) => at >= read && pattern.test(line))
      read = index < 0 ? read : index + 1
      if (index >= 0) return lines[index] as string
      await delay(20)
    }
    throw new Error(`no line ${pattern} in\n${app.output()}`)
  }
}

/** Scores on 16 connections until it is called. Every answer is a 200, and goes through `check`. */
function keepScoring(app: RunningApp, service: string, check: (answer: string, response: Response) => void) {
  let isOver = false
  let count = 0
  const connections = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      const response = await app.score(service, body)
      const answer = await response.text()
      assert.equal(response.status, 200, answer)
      check(answer, response)
      count++
      await delay(10) // other tests run beside these
    }
  })
  const all = Promise.all(connections)
  all.catch(() => {}) // awaited at the end
  return async () => {
    isOver = true
    await all
    return count
  }
}

const textOf = async (response: Response | Promise<Response>) => (await response).text()
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code

describe.concurrent('a service that changes while it is called: every request is answered by the old or the new one', () => {
  it('when a folder with a new version comes', async test => {
    const { app, write, line } = await startChangingApp(test, {
      'churn/service.json': {},
      'churn/1/model.onnx': scalingModel(2),
    })
    await line(/^\[churn\] ready after \d+ ms: version 1, load/)
    const expected: Record<string, string> = { 1: '[[2.0, 4.0]]', 2: '[[3.0, 6.0]]', 3: '[[5.0, 10.0]]' }
    const seen = new Set<string | null>()
    const stop = keepScoring(app, 'churn', (answer, { headers }) => {
      const version = headers.get('x-scoring-model-version')
      seen.add(version)
      assert.equal(answer, expected[version ?? ''])
    })
    for (const [version, factor] of [
      [2, 3],
      [3, 5],
    ] as const) {
      await write(`churn/${version}/model.onnx`, scalingModel(factor))
      await line(new RegExp(`^\\[churn\\] ${version}/model\\.onnx added: version ${version} ready after \\d+ ms$`))
      assert.equal(await textOf(app.score('churn', body)), expected[version])
    }
    const count = await stop()
    assert.deepEqual([...seen].sort(), ['1', '2', '3'])
    const { churn } = (await app.settled()) as Record<string, { version?: string; availableVersions?: string[] }>
    assert.deepEqual([churn?.version, churn?.availableVersions], ['3', ['1', '2', '3']])
    const metrics = new PrometheusPage(await textOf(fetch(`${app.url}/metrics`)))
    const labels = { scoring_service: 'churn', scoring_protocol: 'azureml', http_response_status_code: '200' }
    assert.equal(metrics.valueOf('scoring_requests_total', labels), count + 2)
    assert.equal(metrics.valueOf('scoring_service_ready', { scoring_service: 'churn' }), 1)
  })

  it('when its script is saved, also by those that the old one has begun', async test => {
    const { app, write, line } = await startChangingApp(test, scripted('churn', answering('old', 30)))
    const begun = app.score('churn', body, { 'x-request-id': 'begun' })
    const seen = new Set<string>()
    const stop = keepScoring(app, 'churn', answer => {
      assert.match(answer, /^"(old|new)"$/)
      seen.add(answer)
    })
    await write('churn/score.ts', answering('new'))
    await line(/^\[churn\] score\.ts changed: ready after \d+ ms$/)
    assert.equal(await textOf(app.score('churn', body)), '"new"')
    await stop()
    assert.equal(await textOf(begun), '"old"')
    assert.deepEqual(seen, new Set(['"old"', '"new"']))
    // Its threads are those of the new one alone.
    const { churn } = (await app.settled()) as unknown as Record<string, { threads: Record<string, number> }>
    assert.equal(churn?.threads.ended, 0)
  })

  it('when it is streamed for longer than the old service is served', async test => {
    const streaming = (text: string) => `
      import { setTimeout } from 'node:timers/promises'
      import { existsSync } from 'node:fs'
      export const init = () => {}
      export const run = () => new Response(new ReadableStream({ async pull(controller) {
        controller.enqueue(new TextEncoder().encode('${text}'))
        while (!existsSync(process.env.GO)) await setTimeout(5)
        controller.enqueue(new TextEncoder().encode(' ${text}'))
        controller.close()
      } }))`
    const signals = await makeServices({}, test)
    const go = join(signals, 'go')
    const { app, write, line } = await startChangingApp(test, scripted('churn', streaming('old')), { GO: go })
    const response = await app.score('churn', body)
    await write('churn/score.ts', streaming('new'))
    await line(/^\[churn\] score\.ts changed: ready/)
    await writeFile(go, '')
    assert.equal(await response.text(), 'old old')
    assert.equal(await textOf(app.score('churn', body)), 'new new')
  })

  it('while another change does not load', async test => {
    const { app, write, line } = await startChangingApp(test, scripted('churn', answering('old')))
    const stop = keepScoring(app, 'churn', answer => assert.match(answer, /^"(old|fixed)"$/))
    await write('churn/score.ts', 'export const init = (')
    await line(
      /^\[churn\] score\.ts changed, but it does not load; the previous one is still served: churn\/score\.ts cannot be imported/,
    )
    assert.equal(await textOf(app.score('churn', body)), '"old"')
    await write('churn/service.json', { entryScript: 'score.ts', batching: { maxDelay: 1 } })
    await line(
      /^\[churn\] service\.json changed, but it does not load; the previous one is still served: churn\/service\.json: batching: unrecognized key "maxDelay"$/,
    )
    await write('churn/score.ts', answering('fixed'))
    await write('churn/service.json', { entryScript: 'score.ts' })
    await line(/^\[churn\] .* changed: ready after/)
    assert.equal(await textOf(app.score('churn', body)), '"fixed"')
    await stop()
  })

  it('when three versions are saved while the first still loads: the last is served in the end', async test => {
    const { app, write, line } = await startChangingApp(test, scripted('churn', answering('old')))
    const stop = keepScoring(app, 'churn', answer => assert.match(answer, /^"(old|third)"$/))
    // Would load for a minute, and then fail.
    await write('churn/score.ts', 'export const init = () => new Promise(() => setTimeout(() => {}, 60_000))')
    await delay(1500) // likely it is loading by now; the test holds either way
    await write('churn/score.ts', 'export const init = () => { throw new Error("second") }')
    await write('churn/score.ts', answering('third'))
    await line(/^\[churn\] score\.ts changed: ready after/)
    assert.equal(await textOf(app.score('churn', body)), '"third"')
    await stop()
  })

  it('when a file that it imports from beside the services is saved', async test => {
    const script = `import { answer } from '../shared/answer.ts'
      export const init = () => {}
      export const run = () => answer`
    const { app, write, line } = await startChangingApp(test, {
      ...scripted('churn', script),
      'shared/answer.ts': "export const answer = 'old'",
      'plain/service.json': {},
      'plain/1/model.onnx': scalingModel(1),
    })
    assert.equal(await textOf(app.score('churn', body)), '"old"')
    await write('shared/answer.ts', "export const answer = 'new'")
    await line(/^\[churn\] shared\/answer\.ts changed: ready after/)
    assert.equal(await textOf(app.score('churn', body)), '"new"')
    assert.doesNotMatch(app.output(), /\[plain\] shared/)
  })
})

describe.concurrent('services that come and go while the app runs', () => {
  it('are served with keys of their own, and finish what they have begun', async test => {
    const { app, root, write, line } = await startChangingApp(test, scripted('churn', answering('churn')))
    const withKeyOf = async (key: string, service: string) =>
      fetch(`${app.url}/api/v1/service/${service}/score`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await app.keyOf(key)}` },
      })
    assert.equal(await codeOf(await withKeyOf('churn', 'wine')), 'SERVICE_UNKNOWN')
    const byDefault = { method: 'POST', body, headers: { authorization: `Bearer ${await app.keyOf('churn')}` } }
    assert.equal(await textOf(fetch(`${app.url}/score`, byDefault)), '"churn"')

    await write('wine/1/model.onnx', scalingModel(2))
    await line(/^"wine" has a model but no service\.json, so it is not served/)
    await write('wine/service.json', {})
    await line(
      /^\[wine\] the service behind \/score: there is no default service any more: set SCORING_DEFAULT_SERVICE$/,
    )
    await line(/^\[wine\] new service: ready after \d+ ms: version 1, load \d+ ms, .*, x float32\[N, 2\] -> y float32/)
    assert.equal(await textOf(withKeyOf('wine', 'wine')), '[[2.0, 4.0]]')
    assert.equal(await codeOf(await withKeyOf('churn', 'wine')), 'BEARER_REJECTED')
    assert.equal(await textOf(withKeyOf('churn', 'churn')), '"churn"')
    assert.equal((await fetch(`${app.url}/score`, byDefault)).status, 404)
    assert.doesNotMatch(app.output(), new RegExp(await app.keyOf('wine')))

    await write('wine/score.ts', answering('slow', 2000))
    await write('wine/service.json', { entryScript: 'score.ts' })
    await line(/^\[wine\] .*changed: /)
    const begun = withKeyOf('wine', 'wine')
    await rm(join(root, 'wine'), { recursive: true })
    await line(/^\[wine\] removed$/)
    assert.equal(await codeOf(await withKeyOf('wine', 'wine')), 'SERVICE_UNKNOWN')
    assert.equal(await textOf(begun), '"slow"')
    assert.equal(await textOf(fetch(`${app.url}/score`, byDefault)), '"churn"')
    const ready = (await (await fetch(`${app.url}/health/ready`)).json()) as { services: object }
    assert.deepEqual(Object.keys(ready.services), ['churn'])
    const metrics = await textOf(fetch(`${app.url}/metrics`))
    assert.doesNotMatch(metrics, /scoring_service_ready\{scoring_service="wine"\}/)
  })

  it('are named with the reason when they do not load, and served once they do', async test => {
    const { app, write, line } = await startChangingApp(test, {
      ...scripted('churn', answering('churn')),
      'torn/service.json': {},
    })
    await write('wine/service.json', { no: 1 })
    await line(/^\[wine\] new service, but it does not load: wine\/service\.json: unrecognized key "no"/)
    assert.equal(await codeOf(await app.score('wine', body)), 'SERVICE_UNAVAILABLE')
    const { wine } = await app.settled()
    assert.match(wine?.reason ?? '', /unrecognized key "no"/)
    await write('wine/service.json', {})
    await line(/^\[wine\] service\.json changed, but it still does not load: wine: there is no \.onnx file/)
    await write('wine/1/model.onnx', scalingModel(2))
    await write('torn/1/model.onnx', scalingModel(3))
    await line(/^\[wine\] 1\/model\.onnx added: ready after \d+ ms: version 1, load/)
    assert.equal(await textOf(app.score('wine', body)), '[[2.0, 4.0]]')
    while ((await app.settled()).torn?.status !== 'ready') await delay(20)
    assert.equal(await textOf(app.score('torn', body)), '[[3.0, 6.0]]')
  })

  it('say when service.json holds an older version', async test => {
    const { app, write, line } = await startChangingApp(test, {
      'churn/service.json': { models: { churn: { path: '1/model.onnx' } } },
      'churn/1/model.onnx': scalingModel(2),
    })
    await write('churn/2/model.onnx', scalingModel(3))
    await line(/^\[churn\] 2\/model\.onnx added: version 1 ready after \d+ ms$/)
    const note = 'version 1 is served because service.json names 1/model.onnx; there is 2/'
    assert.equal(await line(/because/), `[churn] ${note}`)
    const { churn } = (await app.settled()) as unknown as Record<string, { version: string; notes: string[] }>
    assert.equal(churn?.version, '1')
    assert.ok(churn?.notes.includes(note))
    assert.equal((await app.score('churn', body)).headers.get('x-scoring-model-version'), '1')
    await write('churn/service.json', { models: { churn: { path: '2/model.onnx' } } })
    await line(/^\[churn\] service\.json changed: version 2 ready after \d+ ms$/)
    assert.equal(await textOf(app.score('churn', body)), '[[3.0, 6.0]]')
  })
})

describe.concurrent('a service that writes a file beside its script whenever it loads', () => {
  it('is loaded again a few times, and then served', async test => {
    const script = (answer: string) => `
      import { writeFileSync } from 'node:fs'
      export const init = () => writeFileSync(new URL('cache.txt', import.meta.url), String(process.hrtime.bigint()))
      export const run = () => '${answer}'`
    const { app, write, line } = await startChangingApp(test, scripted('churn', script('old')))
    await line(
      /^\[churn\] cache\.txt changed each time that the service was loaded; changes of it are ignored from now on$/,
    )
    await write('churn/score.ts', script('new'))
    await line(/^\[churn\] score\.ts changed: ready after/)
    assert.equal(await textOf(app.score('churn', body)), '"new"')
  })
})

describe.concurrent('auth.mode of a service that changes', () => {
  it('is the new one for every request that comes after the first one that it applied to', async test => {
    const definition = (mode: string) => ({ entryScript: 'score.ts', auth: { mode } })
    const files = scripted('churn', answering('ok', 2), { auth: { mode: 'none' } })
    const { app, write, line } = await startChangingApp(test, files)
    let firstRefusalAt = Number.POSITIVE_INFINITY
    let isOver = false
    const strangers = Array.from({ length: 16 }, async () => {
      while (!isOver) {
        const startedAt = performance.now()
        const { status } = await fetch(`${app.url}/api/v1/service/churn/score`, { method: 'POST', body })
        if (status === 401) firstRefusalAt = Math.min(firstRefusalAt, performance.now())
        else assert.deepEqual([status, startedAt < firstRefusalAt], [200, true])
      }
    })
    await write('churn/service.json', definition('key'))
    await line(/^\[churn\] service\.json changed: ready after/)
    assert.equal(await textOf(app.score('churn', body)), '"ok"')
    assert.equal((await fetch(`${app.url}/api/v1/service/churn/score`, { method: 'POST', body })).status, 401)
    isOver = true
    await Promise.all(strangers)
    assert.ok(firstRefusalAt < Number.POSITIVE_INFINITY)

    await write('churn/service.json', definition('none'))
    await line(/^\[churn\] service\.json changed: ready after/)
    assert.equal((await fetch(`${app.url}/api/v1/service/churn/score`, { method: 'POST', body })).status, 200)
  })
})

describe.concurrent('a batch job whose service changes', () => {
  it('ends with MODEL_CHANGED, and is scored by the new service when it is submitted again', async test => {
    const storage = await startStorage(test)
    const blobs = BlobServiceClient.fromConnectionString(storage)
    await blobs.createContainer('input')
    const count = 200
    const lines = Array.from({ length: count }, (_, row) => `${row}`).join('\n')
    await blobs.getContainerClient('input').getBlockBlobClient('rows.jsonl').uploadData(Buffer.from(lines))
    // The rows of the old service wait for the file, so that the change comes in the middle.
    const signals = await makeServices({}, test)
    const script = (answer: string) => `
      import { existsSync } from 'node:fs'
      import { setTimeout } from 'node:timers/promises'
      export const init = () => {}
      export const run = async () => {
        while ('${answer}' === 'old' && !existsSync(process.env.GO)) await setTimeout(5)
        return '${answer}'
      }`
    const { app, write, line } = await startChangingApp(test, scripted('churn', script('old')), {
      AzureWebJobsStorage: storage,
      SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
      GO: join(signals, 'go'),
    })
    const call = async (method: string, path: string, content?: object) => {
      const response = await fetch(`${app.url}/api/v1/service/churn/jobs${path}`, {
        method,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await app.keyOf('churn')}` },
        ...(content && { body: JSON.stringify(content) }),
      })
      return (await response.json()) as { status: string; error?: { code: string }; output?: { blob: string } }
    }
    const endOf = async (id: string) => {
      for (;;) {
        const job = await call('GET', `/${id}`)
        if (['Completed', 'Failed', 'Canceled'].includes(job.status)) return job
        await delay(50)
      }
    }
    const input = { blob: 'input/rows.jsonl' }
    await call('POST', '', { jobId: 'first', miniBatchSize: 20, input })
    while ((await call('GET', '/first')).status !== 'Running') await delay(20)
    await write('churn/score.ts', script('new'))
    await line(/^\[churn\] score\.ts changed: ready after/)
    await writeFile(join(signals, 'go'), '')
    const first = await endOf('first')
    assert.deepEqual([first.status, first.error?.code], ['Failed', 'MODEL_CHANGED'], JSON.stringify(first))
    await call('POST', '', { jobId: 'second', input })
    const second = await endOf('second')
    assert.equal(second.status, 'Completed', JSON.stringify(second))
    const [container = '', ...path] = (second.output?.blob ?? '').split('/')
    const output = await blobs.getContainerClient(container).getBlobClient(path.join('/')).downloadToBuffer()
    const predictions = output
      .toString()
      .trim()
      .split('\n')
      .map(text => JSON.parse(text).prediction)
    assert.deepEqual(predictions, Array(count).fill('new'))
  })
})

describe.concurrent('SCORING_WATCH', () => {
  it('is off when it says so, and outside Development', async test => {
    const files = scripted('churn', answering('old'), { auth: { mode: 'none' } })
    const { app, root, write, line } = await startChangingApp(test, files)
    const environments: Record<string, string>[] = [
      { SCORING_WATCH: 'off' },
      { AZURE_FUNCTIONS_ENVIRONMENT: 'Production', SCORING_WATCH: 'on' },
    ]
    const others = await Promise.all(
      environments.map(environment => runApp(test, {}, { SCORING_MODELS: root, ...environment })),
    )
    const post = ({ url }: RunningApp) => textOf(fetch(`${url}/api/v1/service/churn/score`, { method: 'POST', body }))
    for (const each of [app, ...others]) assert.equal(await post(each), '"old"')
    for (const answer of ['new', 'newer']) {
      await write('churn/score.ts', answering(answer))
      await line(/^\[churn\] score\.ts changed: ready after/)
      assert.equal(await post(app), `"${answer}"`)
    }
    for (const each of others) {
      assert.equal(await post(each), '"old"')
      assert.doesNotMatch(each.output(), /changed/)
    }
    assert.match(await readFile(join(root, 'churn/score.ts'), 'utf8'), /newer/)
  })
})
