import assert from 'node:assert/strict'
import { openAsBlob } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  BatchJob,
  InferenceConfig,
  type JobDescription,
  JobError,
  type JobFilter,
  Model,
  Webservice,
  Workspace,
} from '../../src/client/index.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { runCommand } from '../support/command.ts'
import { copyOfApp, type RunningApp, runProject } from '../support/running-app.ts'

const cleanUps: (() => unknown)[] = []
const cleaner = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) } as never

/** The two rows and scores that Azure Machine Learning's example publishes. */
const diabetes = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')) as { data: number[][] }
const diabetesScores = [217.67978776218715, 224.78937091757172]

/** An app with a service that was made by hand, on a folder; the lines of the tutorials run against it. */
describe('scoring-functions/client, in a folder', () => {
  let app: RunningApp
  let workspace: Workspace
  let root: string
  beforeAll(async () => {
    const storage = await startStorage(cleaner)
    root = await copyOfApp(cleaner)
    await cp('models/digits', join(root, 'models/first'), { recursive: true })
    await mkdir(join(root, '.local'))
    await writeFile(join(root, '.local/storage-connection-string'), storage)
    app = await runProject(cleaner, root, {
      AzureWebJobsStorage: storage,
      SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
      SCORING_WATCH: 'on',
    })
    workspace = await Workspace.fromFolder(root, { url: app.url })
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('deploys a script with a sample, and version 2 under load without a failed request', async () => {
    const scripts = await mkdtemp(join(tmpdir(), 'scripts-'))
    cleanUps.push(() => rm(scripts, { recursive: true, force: true }))
    await cp('models/iris/score.ts', join(scripts, 'score.ts'))
    const register = () => Model.register(workspace, { modelPath: 'models/iris/1/model.onnx', modelName: 'iris' })
    const first = await register()
    const config = new InferenceConfig({
      entryScript: 'score.ts',
      sourceDirectory: scripts,
      sample: { data: [[5.1, 3.5, 1.4, 0.2]] },
      definition: { batching: { maxRows: 8 } },
    })
    const service = await Model.deploy(workspace, 'iris', [first], config)
    await service.waitForDeployment()
    const row = [[5.1, 3.5, 1.4, 0.2]]
    assert.deepEqual((await service.run<{ labels: string[] }>(row)).labels, ['setosa'])

    let isDone = false
    let answers = 0
    const calls = Array.from({ length: 4 }, async () => {
      while (!isDone) {
        assert.deepEqual((await service.run<{ labels: string[] }>(row)).labels, ['setosa'])
        answers++
      }
    })
    const load = Promise.all(calls)
    const second = await register()
    assert.equal(second.version, 2)
    await service.update({ models: [second] })
    await service.waitForDeployment()
    assert.equal(service.status.version, '2')
    isDone = true
    await load
    assert.ok(answers > 0)
    assert.deepEqual(service.models, [{ name: 'iris', version: '2' }])
    await assert.rejects(second.delete(), { code: 'VERSION_IN_USE' })

    const broken = join(scripts, 'broken.onnx')
    await writeFile(broken, 'no model')
    const third = await Model.register(workspace, { modelPath: scripts, modelName: 'iris' }) // a folder with it
    await service.update({ models: [third] })
    const reason = /^iris cannot be served: an earlier definition is served: /
    await assert.rejects(service.waitForDeployment(), { name: 'WebserviceError', message: reason })
    assert.deepEqual([service.state, service.status.version], ['Unhealthy', '2'])
    assert.deepEqual((await service.run<{ labels: string[] }>(row)).labels, ['setosa'])
    await service.update({ models: [second] })
    await service.waitForDeployment()
    await third.delete()
    await first.delete()
    await assert.rejects(Model.get(workspace, 'iris', 1), { name: 'ModelNotFound' })
    assert.equal((await Model.get(workspace, 'iris')).version, 2)
  })

  it('shares the requests of a service between deployments', async () => {
    const register = () => Model.register(workspace, { modelPath: 'models/diabetes/1/model.onnx', modelName: 'shared' })
    const service = await Model.deploy(workspace, 'two-of-them', [await register()])
    await service.createDeployment('green', { models: [await register()], mirror: 100 })
    await service.setTraffic({ weights: { blue: 90, green: 10 }, stickyHeader: 'x-user' })
    await service.waitForDeployment()
    assert.deepEqual(service.deployments, {
      blue: { weight: 90, mirror: 0, models: [{ name: 'shared', version: '1' }] },
      green: { weight: 10, mirror: 100, models: [{ name: 'shared', version: '2' }] },
    })
    const response = await service.runRaw(diabetes, { headers: { 'azureml-model-deployment': 'green' } })
    assert.equal(response.headers.get('azureml-model-deployment'), 'green')
    assert.deepEqual(await response.json(), diabetesScores)
    await assert.rejects(service.setTraffic({ weights: { blue: 90 } }), { message: /the weights must add to 100/ })
    const args = ['traffic', 'two-of-them', 'green=100', '--app', root, '--url', app.url]
    const { code, stdout, stderr } = await runCommand(args)
    assert.deepEqual(
      [code, stdout],
      [
        0,
        'DEPLOYMENT  TRAFFIC  MIRROR  MODELS\nblue             0%          shared:1\ngreen          100%    100%  shared:2\n',
      ],
      stderr,
    )
    await service.deleteDeployment('blue')
    await service.waitForDeployment()
    assert.deepEqual(await service.run(diabetes), diabetesScores)
    await service.delete()
  })

  it('runs batch jobs: rows, a file, results one by one, the file of results, lists and cancels', async () => {
    const model = await Model.register(workspace, { modelPath: 'models/diabetes/1/model.onnx', modelName: 'nightly' })
    const service = await Model.deploy(workspace, 'nightly', [model])
    await service.waitForDeployment()
    const job = await BatchJob.submit(service, { jobId: 'small', input: { rows: [...diabetes.data, [1]] } })
    const seen: JobDescription[] = []
    const done = await job.wait({ onProgress: each => void seen.push(each) })
    assert.deepEqual([done.status, done.progress.succeeded, done.progress.failed], ['Completed', 2, 1])
    assert.equal(seen.at(-1), done)
    const results = []
    for await (const result of job.results<number>()) results.push(result)
    assert.deepEqual(
      results.map(({ index, prediction, error }) => [index, prediction ?? error?.code]),
      [
        [0, diabetesScores[0]],
        [1, diabetesScores[1]],
        [2, 'INPUT_SHAPE_MISMATCH'],
      ],
    )
    assert.equal(
      (await BatchJob.submit(service, { jobId: 'small', input: { rows: [...diabetes.data, [1]] } })).jobId,
      'small',
    )

    const file = join(root, 'rows.csv')
    await writeFile(file, ['a,b,c,d,e,f,g,h,i,j', ...Array(1000).fill(diabetes.data[0]?.join(','))].join('\n'))
    const blob = await workspace.store.uploadInput(file)
    assert.match(blob, /^input\/[^/]+\/rows\.csv$/)
    const large = await BatchJob.submit(service, { input: { blob }, output: { format: 'csv' } })
    await large.wait()
    const text = await new Response(await large.download()).text()
    assert.equal(text.split('\n').length, 1002)
    await assert.rejects(large.results().next(), { name: 'TypeError', message: /are csv; read them with download/ })

    const sent = await BatchJob.submitFile(service, await openAsBlob(file), { jobId: 'sent' }, { name: 'rows.csv' })
    assert.equal((await sent.wait()).progress.succeeded, 1000)
    const again = await BatchJob.submitFile(service, new File([await readFile(file)], 'rows.csv'), { jobId: 'sent' })
    assert.equal(again.jobId, 'sent')
    await assert.rejects(BatchJob.submitFile(service, new Blob(['1'])), /a Blob needs a name/)

    const listed: string[] = []
    for await (const each of BatchJob.list(service)) listed.push(each.jobId)
    assert.deepEqual(listed, ['sent', large.jobId, 'small'])
    await assert.rejects(new BatchJob(service, 'none').status(), { status: 404, code: 'JOB_UNKNOWN' })
    await assert.rejects(job.cancel(), { status: 409, code: 'JOB_NOT_CANCELLABLE' })
    const failed = await BatchJob.submit(service, { input: { rows: [[1], [1]] }, errorThreshold: 0 })
    await assert.rejects(failed.wait(), (error: JobError) => error.job.error?.code === 'ERROR_THRESHOLD_EXCEEDED')
    await assert.rejects(failed.download(), JobError)
    await failed.delete()
    await failed.delete()
    await assert.rejects(failed.status(), { status: 404, code: 'JOB_UNKNOWN' })
    const stopped = await BatchJob.submit(service, { input: { blob } })
    await stopped.delete()
    await assert.rejects(stopped.status(), { status: 404, code: 'JOB_UNKNOWN' })
  })

  it('writes tables as they are asked for, filters lists, and deletes jobs', async () => {
    const model = await Model.register(workspace, { modelPath: 'models/diabetes/1/model.onnx', modelName: 'tables' })
    const service = await Model.deploy(workspace, 'tables', [model])
    await service.waitForDeployment()
    const path = join(root, 'semicolons.csv')
    const header = ['id', ...'abcdefghij'].join(';')
    const records = diabetes.data.map((row, index) => ["'p;" + index + "'", ...row].join(';'))
    await writeFile(path, [header, ...records, "'p;2'" + ';?'.repeat(10)].join('\r\n'))
    const input = { blob: await workspace.store.uploadInput(path), columns: [...'abcdefghij'] }
    const job = await BatchJob.submit(service, {
      input: { ...input, delimiter: ';', quote: "'", na: ['?'] },
      output: { format: 'csv', isGzip: true, include: ['id'] },
    })
    assert.equal((await job.wait()).progress.failed, 0)
    await assert.rejects(async () => {
      for await (const _ of job.results()) assert.fail()
    }, /are csv, gzipped; read them with download\(\)/)
    const lines = gunzipSync(Buffer.from(await new Response(await job.download()).arrayBuffer()))
      .toString()
      .split('\n')
    assert.deepEqual(lines.slice(1, 3), [`0,p;0,${diabetesScores[0]},,`, `1,p;1,${diabetesScores[1]},,`])
    const list = async (filter: JobFilter) => {
      const ids: string[] = []
      for await (const { jobId } of BatchJob.list(service, filter)) ids.push(jobId)
      return ids
    }
    assert.deepEqual(await list({ statuses: ['Completed', 'Canceled'], since: new Date(0) }), [job.jobId])
    assert.deepEqual(await list({ statuses: ['Failed'] }), [])
    assert.deepEqual(await list({ since: new Date(Date.now() + 3_600_000) }), [])
    const large = await BatchJob.submit(service, {
      input: { rows: Array(4000).fill(diabetes.data[0]) },
      miniBatchSize: 10,
    })
    await large.delete() // it runs, and is cancelled first
    await job.delete()
    await job.delete()
    await new BatchJob(service, 'never').delete()
    assert.deepEqual(await list({}), [])
    await assert.rejects(job.status(), { code: 'JOB_UNKNOWN' })
  })

  it('says what cannot be deployed before anything is written', async () => {
    const model = await Model.register(workspace, {
      modelPath: 'models/digits/1/model.onnx',
      modelName: 'digits-model',
    })
    const deploy = (name: string, models: Model[], config: InferenceConfig) =>
      Model.deploy(workspace, name, models, config)
    const cases: [name: string, models: Model[], config: InferenceConfig, message: RegExp][] = [
      ['Digits', [model], new InferenceConfig(), /"Digits" is not a valid service name/],
      ['digits', [], new InferenceConfig(), /a service without entryScript has one model/],
      ['digits', [model, model], new InferenceConfig(), /several need an entryScript/],
      [
        'digits',
        [model],
        new InferenceConfig({ entryScript: 'none.ts' }),
        /entryScript: none\.ts cannot be read: ENOENT/,
      ],
      ['digits', [model], new InferenceConfig({ definition: { bathcing: {} } }), /unrecognized key "bathcing"/],
      ['digits', [model], new InferenceConfig({ sourceDirectory: '.' }), /sourceDirectory: no script in \. is used/],
      [
        'digits',
        [model],
        new InferenceConfig({ definition: { stages: [{ script: 'scale.ts' }] } }),
        /sourceDirectory: name the folder with scale\.ts/,
      ],
      [
        'digits',
        [model],
        new InferenceConfig({ sourceDirectory: 'examples/pipeline', definition: { stages: [{ script: 'scale.ts' }] } }),
        /stages: there is no examples\/pipeline\/scale\.ts/,
      ],
    ]
    for (const [name, models, config, message] of cases) await assert.rejects(deploy(name, models, config), { message })
    assert.equal(await workspace.store.readService('digits'), undefined)
    await assert.rejects(
      Model.register(workspace, { modelPath: 'none.onnx', modelName: 'x' }),
      /none\.onnx does not exist/,
    )
    const text = await Model.register(workspace, { modelPath: 'README.md', modelName: 'text' })
    await assert.rejects(deploy('text', [text], new InferenceConfig()), /text:1 has no \.onnx file, only README\.md/)
    await deploy('digits', [model], new InferenceConfig())
    await assert.rejects(deploy('digits', [model], new InferenceConfig()), /there is a service "digits" already/)
  })

  it('asks no app that may belong to another project', async test => {
    const other = await mkdtemp(join(tmpdir(), 'other-'))
    test.onTestFinished(() => rm(other, { recursive: true, force: true }))
    await cp('models/digits', join(other, 'models/first'), { recursive: true })
    await writeFile(join(other, 'host.json'), '{"version": "2.0"}')
    const { port } = new URL(app.url)
    await writeFile(join(other, 'local.settings.json'), JSON.stringify({ Host: { LocalHttpPort: Number(port) } }))
    const stranger = await Webservice.get(await Workspace.fromFolder(other), 'first')
    const message = /^the app of .* does not run: start it with "npx scoring start", or name its address/
    assert.equal(stranger.state, 'Unknown')
    assert.match(stranger.status.reason ?? '', message)
    assert.equal(stranger.scoringUri, `http://localhost:${port}/api/v1/service/first/score`) // where it will be
    await assert.rejects(stranger.run([[0]]), { name: 'WorkspaceError', message })
    // What scoring start writes while it runs.
    await mkdir(join(other, '.local'))
    await writeFile(join(other, '.local/app.json'), JSON.stringify({ url: app.url, pid: process.pid }))
    await stranger.updateDeploymentState()
    assert.equal(stranger.state, 'Healthy')
  })

  it('is what the command offers, with the same words', async () => {
    const scoring = async (...args: string[]) => {
      const at = ['--app', root, ...(args[0] === 'keys' && args[1] === 'show' ? [] : ['--url', app.url])]
      return runCommand([...args, ...at], { environment: { CI: 'true' } })
    }
    const read = async (...args: string[]) => {
      const { code, stdout, stderr } = await scoring(...args, '--json')
      assert.equal(code, 0, stderr)
      return JSON.parse(stdout)
    }
    const words = ['models', 'register', 'churn', 'models/diabetes/1/model.onnx', '--tag', 'team=risk', '--tag', 'new']
    const model = await read(...words)
    assert.deepEqual([model.name, model.version, model.tags], ['churn', 1, { team: 'risk', new: '' }])
    const deployed = await scoring('deploy', 'cli-churn', '--model', 'churn', '--tag', 'team=risk')
    assert.equal(deployed.code, 0, deployed.stderr)
    assert.match(deployed.stderr, /cli-churn is written to .*\n(.*\n)*cli-churn: Healthy\n/)
    assert.equal(
      deployed.stdout,
      `scoring  ${app.url}/api/v1/service/cli-churn/score\nkey      npx scoring keys show cli-churn\n`,
    )
    const [service] = await read('services', 'list', '--tag', 'team=risk')
    assert.deepEqual(
      [service.name, service.state, service.models],
      ['cli-churn', 'Healthy', [{ name: 'churn', version: '1' }]],
    )
    const key = await read('keys', 'regenerate', 'cli-churn', '--key', 'secondary')
    assert.equal((await scoring('keys', 'show', 'cli-churn', '--key', 'secondary')).stdout, `${key.secondary}\n`)

    await writeFile(
      join(root, 'cli.csv'),
      ['a,b,c,d,e,f,g,h,i,j', ...Array(9).fill(diabetes.data[0]?.join(','))].join('\n'),
    )
    const alone = ['jobs', 'submit', 'cli-churn', join(root, 'cli.csv'), '--url', app.url, '--id', 'key-only', '--json']
    const sent = await runCommand(alone, { environment: { CI: 'true', SCORING_KEY: key.secondary } })
    assert.deepEqual([sent.code, JSON.parse(sent.stdout || '{}').jobId], [0, 'key-only'], sent.stderr)
    const watched = await scoring('jobs', 'submit', 'cli-churn', join(root, 'cli.csv'), '--id', 'by-cli', '--watch')
    assert.equal(watched.code, 0, watched.stderr)
    assert.match(watched.stderr, /^(\w+ +\d+%.*\n)*Completed {2}100% {2}9 of 9 rows\n$/)
    assert.match(watched.stdout, /^job +by-cli\nstatus +Completed, 100%\nrows +9: 9 succeeded, 0 failed\n/)
    const results = await scoring('jobs', 'results', 'cli-churn', 'by-cli')
    assert.equal(results.stdout.split('\n')[8], `{"index": 8, "prediction": ${diabetesScores[0]}}`)
    const file = join(root, 'by-cli.jsonl')
    assert.deepEqual(await read('jobs', 'download', 'cli-churn', 'by-cli', '--out', file), { jobId: 'by-cli', file })
    assert.equal(await readFile(file, 'utf8'), results.stdout)
    assert.equal((await scoring('jobs', 'watch', 'cli-churn', 'key-only')).code, 0)
    assert.deepEqual((await read('jobs', 'list', 'cli-churn')).length, 2)

    const table = [
      ['id', ...'abcdefghij'],
      ['x', ...(diabetes.data[0] as number[])],
      ['y', ...Array(10).fill('?')],
    ]
    await writeFile(join(root, 'cli.tsv.csv'), table.map(cells => cells.join('\t')).join('\n'))
    const dialect = ['--delimiter', '\\t', '--quote', '', '--na', '?,-999', '--columns', 'a,b,c,d,e,f,g,h,i,j']
    const form = ['--include', 'id', '--format', 'csv', '--watch', '--id', 'table']
    const made = await scoring('jobs', 'submit', 'cli-churn', join(root, 'cli.tsv.csv'), ...dialect, ...form)
    assert.match(made.stdout, /^rows +2: 2 succeeded, 0 failed$/m, made.stderr)
    const [names, first] = (await scoring('jobs', 'results', 'cli-churn', 'table')).stdout.split('\n')
    assert.equal(names, 'index,id,prediction,error_code,error_message')
    assert.equal(first, `0,x,${diabetesScores[0]},,`)
    const listed = async (...filter: string[]) =>
      (await read('jobs', 'list', 'cli-churn', ...filter)).map(({ jobId }: JobDescription) => jobId)
    assert.deepEqual(await listed('--status', 'Completed,Failed', '--since', '2026-01-01 08:00'), [
      'table',
      'by-cli',
      'key-only',
    ])
    assert.deepEqual(await listed('--status', 'Canceled'), [])
    assert.deepEqual(await listed('--since', '2999-01-01T00:00:00+02:00'), [])
    assert.deepEqual(await read('jobs', 'delete', 'cli-churn', 'table'), { jobId: 'table', isDeleted: true })
    assert.deepEqual(await listed(), ['by-cli', 'key-only'])
    assert.deepEqual((await scoring('services', 'delete', 'cli-churn')).code, 0)

    const mistakes: [args: string[], code: number, message: RegExp][] = [
      [
        ['jobs', 'status', 'first', 'none'],
        1,
        /^error: This service has no such job\. \(JOB_UNKNOWN, HTTP status 404\)\n$/,
      ],
      [['jobs', 'submit', 'first'], 2, /^error: give one input/],
      [['jobs', 'delete', 'first', 'none'], 1, /^error: This service has no such job\. \(JOB_UNKNOWN/],
      [['jobs', 'list', 'first', '--since', '1'], 2, /^error: --since is no time: 1; write e\.g\. 2026-11-28 or /],
      [['jobs', 'list', 'first', '--status', 'failed'], 1, /^error: status: is "failed"; it must be NotStarted, /],
      [['deploy', 'x-y', '--model', 'churn:7'], 1, /^error: there is no model "churn:7" in /],
      [
        ['deploy', 'x-y', '--model', 'churn', '--script', 'score.py'],
        2,
        /^error: entryScript: "score\.py" is no TypeScript/,
      ],
      [['models', 'delete', 'churn'], 2, /^error: "churn" names no version; write e\.g\. churn:1\n$/],
      [['models', 'delete', 'first:1'], 1, /^error: first:1 is used by the service "first"/],
      [['token', 'first'], 1, /^error: first takes keys, not tokens/],
      [['logs', 'first'], 1, /^error: there is no log yet: "npx scoring start" writes it/],
    ]
    for (const [args, code, message] of mistakes) {
      const run = await scoring(...args)
      assert.deepEqual([run.code, run.stdout], [code, ''], run.stderr)
      assert.match(run.stderr, message)
    }
  })
})
