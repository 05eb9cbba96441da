import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it, type TestContext } from 'vitest'
import { noOpenssl } from '../../host/certificates.ts'
import { Child, fixtureApp, send } from '../../host/host-child.ts'
import { readCase } from '../../support/case-models.ts'
import { startKeyVaultDouble } from '../../support/key-vault-double.ts'
import { identityModel, writeModel } from '../../support/onnx-writer.ts'
import { copyOfApp } from '../../support/running-app.ts'
import { makeServices, type ServiceFiles } from '../../support/service-folder.ts'
import { skipFor } from '../../support/skip-for.ts'

const cli = fileURLToPath(new URL('../../../dist/scoring.mjs', import.meta.url))
/** A connection string, so that no Azurite is started. */
const noStorage = { AzureWebJobsStorage: 'AccountName=none' }
/** An account for the app itself that does not respond. */
const deadStorage = {
  AzureWebJobsStorage:
    'DefaultEndpointsProtocol=http;AccountName=none;AccountKey=bm9uZQ==;BlobEndpoint=http://127.0.0.1:9/none;QueueEndpoint=http://127.0.0.1:9/none;',
}

/** Scores only where `w` has as many rows as `x` has columns, which its signature does not show. */
const unlikeSizes = writeModel({
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
  inputs: [
    ['x', 'float32', ['n', 2]],
    ['w', 'float32', ['a', 'b']],
  ],
  outputs: [['y', 'float32', ['n', 'b']]],
})

function run(test: TestContext, args: string[], environment: NodeJS.ProcessEnv = noStorage): Child {
  const child = new Child(cli, args, environment)
  test.onTestFinished(async () => {
    child.process.kill('SIGTERM')
    await child.ended()
  })
  return child
}

async function start(test: TestContext, args: string[] = [], environment: NodeJS.ProcessEnv = noStorage) {
  const child = run(test, ['start', '--app', fixtureApp('plain'), '--port', '0', ...args], environment)
  const [, port] = await child.see(/http:\/\/localhost:(\d+)[\s\S]*a-timer/)
  return Object.assign(child, { port: Number(port) })
}

const fetchPid = async (host: { port: number }) => Number((await send(host, '/api/pid')).body)

describe('start', () => {
  it('lists the functions as func does, HTTP first', async test => {
    const host = await start(test)
    const url = `http://localhost:${host.port}/api`
    assert.match(host.output, /^(Skipping .*\n)?(\[.*\n)*\nFunctions:\n\n\tempty: \[GET,/)
    assert.ok(
      host.output.includes(`\n\n\titem: [GET,HEAD,POST,PUT,DELETE,PATCH,OPTIONS,TRACE] ${url}/items/{id}/{*rest}\n\n`),
    )
    assert.ok(host.output.includes(`\n\n\tby-get: [GET] ${url}/shared\n\n`))
    assert.ok(
      host.output.includes(
        [
          '\n\ta-queue: queueTrigger (not run: AzureWebJobsStorage is no connection string)\n',
          '\n\ta-timer: timerTrigger\n',
        ].join(''),
      ),
    )
  })

  it('says where the keys are when they are in a vault, and shows none from a file', skipFor(noOpenssl), async test => {
    const vault = await startKeyVaultDouble(test)
    for (const keyType of ['primary', 'secondary'])
      vault.set(`sut-${keyType}-key`, `${keyType}-of-the-vault`.padEnd(40, '0'))
    const root = await copyOfApp(test)
    await mkdir(join(root, '.local'))
    const old = 'a-key-of-the-time-before-the-vault'
    await writeFile(join(root, '.local/keys.json'), JSON.stringify({ sut: { primary: old, secondary: old } }))
    const models = await makeServices({ 'sut/service.json': {}, 'sut/1/model.onnx': identityModel('float32') }, test)
    const environment = { ...deadStorage, ...vault.environment, AZURE_FUNCTIONS_ENVIRONMENT: 'Development' }
    const args = ['start', '--app', root, '--port', '0', '--models', models, '--verbose']
    const child = run(test, args, environment)
    await child.see(/key: secret sut-primary-key in the vault\n[\s\S]*curl [\s\S]*Bearer <key>/)
    assert.doesNotMatch(child.output, new RegExp(`${old}|of-the-vault`))
    assert.match(child.output, /\tkey-rotated: eventGridTrigger \(not supported by this host\)\n/)
  })

  it('shows a request that scores, or says that it only shows the form', {
    skip: process.platform === 'win32',
  }, async test => {
    const shown = async (services: ServiceFiles) => {
      const models = await makeServices(services, test)
      const environment = { ...deadStorage, AZURE_FUNCTIONS_ENVIRONMENT: 'Development' }
      const child = run(test, ['start', '--app', await copyOfApp(test), '--port', '0', '--models', models], environment)
      return child.see(/^Score (.*):\n(curl [\s\S]*)\n\n/m)
    }
    const lookup = { 'lookup/service.json': {}, 'lookup/1/model.onnx': readCase('served', 'lookup').bytes }
    const [, what, line = ''] = await shown({
      'a-form/service.json': {},
      'a-form/1/model.onnx': unlikeSizes,
      ...lookup,
    })
    assert.equal(what, 'lookup')
    assert.equal(execFileSync('sh', ['-c', `${line} --silent`], { encoding: 'utf8' }), '[[2.0, 3.0]]')
    const [, form, formLine] = await shown({ 'a-form/service.json': {}, 'a-form/1/model.onnx': unlikeSizes })
    assert.equal(form, 'a-form (replace the values: these only show the form)')
    assert.match(formLine ?? '', /-d '\{"data":\{"x":\[\[0\.5,1\.5\]\],"w":\[\[2\.5\]\]\}\}'$/)
  })

  it('restarts a crashed host on the same ports', async test => {
    const host = await start(test, ['--grpc-port', '0'])
    const [, grpcPort] = await host.see(/Port (\d+) takes the same requests\./)
    for (const [how, told] of [
      ['exit', 'exit 3'],
      ['kill', 'SIGKILL'],
    ] as const) {
      const before = await fetchPid(host)
      await assert.rejects(send(host, `/api/${how}`))
      await host.see(new RegExp(`The host crashed \\(${told}\\); restarting it at once\\.`))
      const after = await waitForNextPid(host)
      assert.notEqual(after, before)
      assert.equal(await fetchPid({ port: Number(grpcPort) }), after)
    }
    host.process.kill('SIGTERM')
    assert.equal(await host.ended(), 0)
  })

  it('completes requests in progress before it ends, even when npm sends the signal twice', async test => {
    const host = await start(test)
    const answer = send(host, '/api/slow?ms=300')
    await host.see(/slow: begun/)
    host.process.kill('SIGINT')
    host.process.kill('SIGINT')
    assert.equal((await answer).body, 'slow but sure')
    assert.equal(await host.ended(), 0)
  })

  it('ends the host when it is killed', async test => {
    const host = await start(test)
    const pid = await fetchPid(host)
    await host.kill()
    for (let isAlive = true; isAlive; ) {
      await new Promise(resolve => setTimeout(resolve, 10))
      isAlive = await send(host, '/api/pid').then(
        () => true,
        () => false,
      )
    }
    assert.ok(pid > 0)
  })

  it('turns watching off, and lets a debugger attach to the host', async test => {
    const host = await start(test, ['--no-watch', '--inspect=0'])
    assert.equal((await send(host, '/api/environment?name=SCORING_WATCH')).body, 'off')
    const [, port] = await host.see(/^Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//m)
    const [target, ...others] = JSON.parse((await send({ port: Number(port) }, '/json/list')).body)
    assert.match(target.url, /host-process/)
    assert.deepEqual(others, [])
    const second = run(test, ['start', '--app', fixtureApp('plain'), `--inspect=${port}`])
    assert.equal(await second.ended(), 1)
    assert.match(second.output, new RegExp(`^error: --inspect: port ${port} is in use; .*\n$`))
  })

  it('starts storage for an app that asks for it, and stops it at the end', async test => {
    const host = await start(test, [], { AzureWebJobsStorage: 'UseDevelopmentStorage=true' })
    assert.match(host.output, /\n\ta-queue: queueTrigger\n\n\ta-timer: timerTrigger\n/)
    const { body: connection } = await send(host, '/api/environment?name=AzureWebJobsStorage')
    const [, port, path] = /QueueEndpoint=http:\/\/127\.0\.0\.1:(\d+)([^;]+);/.exec(connection)!
    const askStorage = () => send({ port: Number(port) }, `${path}?comp=list`)
    assert.match(String((await askStorage()).headers.server), /Azurite/)
    host.process.kill('SIGTERM')
    assert.equal(await host.ended(), 0)
    await assert.rejects(askStorage())
  })

  it.for([
    ['its queues are damaged', (root: string) => damagedStorage(root, '__azurite_db_queue__.json')],
    ['its blobs are damaged', (root: string) => damagedStorage(root, '__azurite_db_blob__.json')],
    ['a file has the name of its folder', (root: string) => writeFile(join(root, '.local/azurite'), '')],
  ] as const)('scores without storage when %s, and says what a repair costs', async ([, damage], test) => {
    const root = await copyOfApp(test)
    await mkdir(join(root, '.local'))
    await damage(root)
    const models = await makeServices({ 'sut/service.json': {}, 'sut/1/model.onnx': identityModel('float32') }, test)
    const environment = {
      AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
      AzureWebJobsStorage: 'UseDevelopmentStorage=true',
    }
    const child = run(test, ['start', '--app', root, '--port', '0', '--models', models], environment)
    const [, port] = await child.see(/\[sut\] ready[\s\S]* on http:\/\/localhost:(\d+)[\s\S]*Storage: none/)
    assert.match(
      child.output,
      /^local storage \(Azurite\) did not start: [\s\S]*Scoring works without storage; batch jobs get 503\. If its files in \.local\/azurite are damaged, delete that folder: the batch jobs in it are lost, with their inputs and results\.\n/m,
    )
    const { primary } = JSON.parse(await readFile(join(root, '.local/keys.json'), 'utf8')).sut
    const headers = { authorization: `Bearer ${primary}`, 'content-type': 'application/json' }
    const host = { port: Number(port) }
    const score = await send(host, '/api/v1/service/sut/score', { body: '{"data": [[1, 2]]}', headers })
    assert.deepEqual([score.status, score.body], [200, '[[1.0, 2.0]]'])
    const job = await send(host, '/api/v1/service/sut/jobs', { body: '{}', headers })
    assert.deepEqual([job.status, JSON.parse(job.body).code], [503, 'JOBS_UNAVAILABLE'])
  })

  it.for([
    [['--port', '70000'], /^error: --port is "70000", and must be a number from 0 to 65535\n$/],
    [['--grpc-port', 'x'], /^error: --grpc-port is "x", and must be a number from 0 to 65535\n$/],
    [['--frobnicate'], /^error: unknown option '--frobnicate'\. See "npx scoring start --help"\n$/],
    [['--port'], /^error: option '-p, --port <number>' argument missing\. See .*\n$/],
    [['--models', '/nonexistent/folder'], /^error: --models: folder \/nonexistent\/folder does not exist\n$/],
    [['--cert', 'x.pem'], /^error: --cert needs --key\n$/],
    [['extra'], /^error: too many arguments for 'start'.* See "npx scoring start --help"\n$/],
  ] as const)('answers %j with one line and exit code 2', async ([args, message], test) => {
    const child = run(test, ['start', ...args])
    assert.equal(await child.ended(), 2)
    assert.match(child.output, message)
  })
})

/** A database of Azurite's, cut off as when the disk was full. */
async function damagedStorage(root: string, file: string): Promise<void> {
  await mkdir(join(root, '.local/azurite'))
  await writeFile(join(root, '.local/azurite', file), '{"filename": "x", "collec')
}

/** The process id of the host that serves next. */
async function waitForNextPid(host: { port: number }): Promise<number> {
  for (;;) {
    try {
      return await fetchPid(host)
    } catch {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}
