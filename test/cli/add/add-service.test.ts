import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { addService } from '../../../src/cli/add/add-service.ts'
import { LocalService, readLocalService } from '../../../src/cli/local-service.ts'
import { openProject } from '../../../src/cli/project.ts'
import { asFloat32, readCase } from '../../support/case-models.ts'
import { makeCommandProject, runCommand } from '../../support/command.ts'
import { identityModel, writeModel } from '../../support/onnx-writer.ts'

const fixtures = resolve('test/fixtures')
const columns = join(fixtures, 'cases/sk_columns_zipmap/model.onnx')

/** Adds a model to a new project. */
async function add(test: TestContext, model: string, options: { name?: string; script?: boolean } = {}) {
  const root = await makeCommandProject(test)
  const added = await addService(model, { app: root, ...options })
  return { root, added, folder: join(root, 'models', added.service) }
}

/** Scores a body, or the sample that was written, as the app would. */
async function scoreSample(root: string, name: string, given?: object): Promise<unknown> {
  const read = await readLocalService(openProject({ app: root }), name)
  assert.ok(read.kind === 'readable', JSON.stringify(read))
  const service = await LocalService.load(read)
  try {
    const body = given ? JSON.stringify(given) : read.spec.sample
    if (body === undefined) return undefined
    const answer = await service.score(Buffer.from(body), 'application/json')
    assert.equal(answer.status, 200, answer.body.toString())
    return JSON.parse(answer.body.toString())
  } finally {
    await service.stop()
  }
}

const json = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'))

/** Columns, one input and several, text, numbers and pixels, sizes that are open or unknown, lists, names that are no identifiers. */
const models = [
  ...['sk_columns_zipmap', 'cross_uint8_image_stretch', 'cross_string_last_to_all', 'shape_no_shape'],
  ...['shape_query_against_documents', 'shape_weights_shared_vector', 'shape_default_given'],
].map(name => join(fixtures, 'cases', name, 'model.onnx'))
models.push(
  ...['odd_names', 'sk_several_targets', 'list_behind_identity', 'lookup'].map(name =>
    join(fixtures, 'served', name, 'model.onnx'),
  ),
)

describe('addService', () => {
  it.for(models.slice(0, 5))('makes a service of %s whose sample scores in the app', async (model, test) => {
    const { root, added, folder } = await add(test, model, { name: 'tried' })
    assert.deepEqual(await scoreSample(root, 'tried'), JSON.parse(added.sample?.answer ?? 'null'))
    // A later version is to be served, so none is named.
    assert.deepEqual(await json(folder, 'service.json'), { schema: { input: 'sample.json' } })
  })

  it('makes rows of the categories and types that the pipeline was fitted with', async test => {
    const { folder } = await add(test, columns, { name: 'titanic' })
    const { data } = await json(folder, 'sample.json')
    assert.equal(data.length, 2)
    for (const row of data) {
      assert.deepEqual(Object.keys(row), ['pclass', 'sex', 'age', 'fare', 'embarked'])
      assert.ok(['male', 'female'].includes(row.sex), row.sex)
      assert.ok(['C', 'Q', 'S'].includes(row.embarked), row.embarked)
      assert.ok([1, 2, 3].includes(row.pclass), row.pclass)
      assert.ok(row.age > 0 && row.age < 100 && row.fare > 0 && row.fare < 600, JSON.stringify(row))
    }
  })

  it('writes requests for editors, the sample among them, without a key', async test => {
    const { root, folder } = await add(test, columns, { name: 'titanic' })
    const requests = await readFile(join(root, 'requests/titanic.http'), 'utf8')
    assert.match(requests, /^@host = http:\/\/localhost:7071$/m)
    assert.match(requests, /^### Score titanic\nPOST \{\{host\}\}\/api\/v1\/service\/titanic\/score\n/m)
    assert.ok(requests.includes(await readFile(join(folder, 'sample.json'), 'utf8')))
    assert.match(requests, /^Authorization: Bearer \{\{SCORING_KEY_TITANIC\}\}$/m)
  })

  it('writes scripts that TypeScript finds no fault with, under strict settings', async test => {
    const root = await makeCommandProject(test, {
      'tsconfig.json': {
        compilerOptions: {
          ...{ target: 'es2024', lib: ['es2025', 'esnext.float16'], module: 'nodenext', types: ['node'], noEmit: true },
          ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noUnusedLocals: true },
          ...{ noUnusedParameters: true, verbatimModuleSyntax: true, erasableSyntaxOnly: true, skipLibCheck: true },
          ...{ allowImportingTsExtensions: true, paths: { 'scoring-functions': [resolve('src/scripts/api.ts')] } },
        },
        include: ['models'],
      },
    })
    for (const [index, model] of models.entries())
      await addService(model, { app: root, name: `service-${index}`, script: true })
    await scoreSample(root, 'service-0')
    const tsc = resolve('node_modules/typescript/bin/tsc')
    const output = execFileSync(process.execPath, [tsc, '-p', root, '--listFiles'], { encoding: 'utf8' })
    assert.equal(output.match(/score\.ts$/gm)?.length, models.length)
  })

  it.for(['lists', 'records'])('writes a script that answers %s of columns as Python does', async (form, test) => {
    const { root, folder } = await add(test, columns, { name: 'titanic', script: true })
    assert.doesNotMatch(await readFile(join(folder, 'score.ts'), 'utf8'), /zod/)
    const { inputs, answer } = readCase('cases', 'sk_columns_zipmap')
    const lists = Object.entries(inputs).map(([name, { values }]) => [name, (values as unknown[]).flat()] as const)
    const records = [0, 1, 2].map(row => Object.fromEntries(lists.map(([name, values]) => [name, values[row]])))
    const data = form === 'lists' ? Object.fromEntries(lists) : records
    assert.deepEqual(asFloat32(await scoreSample(root, 'titanic', { data })), asFloat32(answer))
  })

  it('says how a service that exists gets a script', async test => {
    const { root } = await add(test, columns, { name: 'titanic' })
    await assert.rejects(addService(columns, { app: root, name: 'titanic', script: true }), {
      message: /^--script: service "titanic" exists; .*"entryScript": "score\.ts".* such as --name titanic-script$/,
    })
  })

  it('copies the weights beside a model', async test => {
    const { folder, added } = await add(test, join(fixtures, 'served/zipmap_with_weights_beside/model.onnx'), {
      name: 'heavy',
    })
    assert.deepEqual((await readdir(join(folder, '1'))).sort(), ['model.onnx', 'weights.bin'])
    assert.equal(added.files.length, 5)
  })

  it('adds the next version to a service that exists, or the one that is asked for', async test => {
    const { root } = await add(test, columns, { name: 'titanic' })
    const second = await addService(columns, { app: root, name: 'titanic' })
    assert.deepEqual([second.version, second.isNewService, second.pinned], [2, false, undefined])
    const fifth = await addService(columns, { app: root, name: 'titanic', modelVersion: 5 })
    assert.equal(fifth.version, 5)
    const third = await addService(columns, { app: root, name: 'titanic', modelVersion: 3 })
    assert.deepEqual([third.version, third.pinned], [3, '5'])
    await assert.rejects(addService(columns, { app: root, name: 'titanic', modelVersion: 2 }), {
      message: '--model-version 2: "titanic" has that version already; it has 1, 2, 3, 5',
    })
    assert.deepEqual((await readdir(join(root, 'models/titanic'))).sort(), [
      '1',
      '2',
      '3',
      '5',
      'sample.json',
      'service.json',
    ])
  })

  it('says that a service goes on with the version which service.json names', async test => {
    const { root, folder } = await add(test, columns, { name: 'titanic' })
    await writeFile(join(folder, 'service.json'), JSON.stringify({ models: { titanic: { path: '1/model.onnx' } } }))
    assert.equal((await addService(columns, { app: root, name: 'titanic' })).pinned, '1/model.onnx')
  })

  it('refuses a version that the sample of the service does not fit', async test => {
    const { root, folder } = await add(test, columns, { name: 'titanic' })
    await assert.rejects(
      addService(join(fixtures, 'cases/sk_logistic_default/model.onnx'), { app: root, name: 'titanic' }),
      {
        message:
          /^the model does not work as version 2 of service "titanic": the sample \(schema\.input\) cannot be scored: .*\. Nothing was written; .* --name$/,
      },
    )
    assert.deepEqual((await readdir(folder)).sort(), ['1', 'sample.json', 'service.json'])
  })

  it('moves the files where that is asked for', async test => {
    const root = await makeCommandProject(test, { 'churn.onnx': identityModel('float32') })
    await addService(join(root, 'churn.onnx'), { app: root, move: true })
    assert.ok(!(await readdir(root)).includes('churn.onnx'))
    assert.deepEqual(await readdir(join(root, 'models/churn/1')), ['model.onnx'])
  })

  it('leaves a file where it is that lies in the folder of a version', async test => {
    const path = 'models/churn/4/model.onnx'
    const root = await makeCommandProject(test, { [path]: identityModel('float32') })
    const { service, version } = await addService(join(root, path), { app: root, move: true })
    assert.deepEqual([service, version], ['churn', 4])
    assert.deepEqual((await readdir(join(root, 'models/churn'))).sort(), ['4', 'sample.json', 'service.json'])
    assert.deepEqual(await readdir(join(root, 'models/churn/4')), ['model.onnx'])
    await assert.rejects(addService(join(root, path), { app: root }), {
      message: `${join(root, path)} is version 4 of service "churn" already`,
    })
  })

  it('takes a folder that MLflow wrote, and names the service after it', async test => {
    const root = await makeCommandProject(test, {
      'churn-model/MLmodel':
        'flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.19.0\n  python_function:\n    data: model.onnx\n',
    })
    await cp(columns, join(root, 'churn-model/model.onnx'))
    assert.equal((await addService(join(root, 'churn-model'), { app: root })).service, 'churn-model')
  })

  it('has no sample for rows that nobody would read, and says so', async test => {
    const image = writeModel({
      inputs: [['x', 'float32', ['n', 3, 64, 64]]],
      outputs: [['y', 'float32', ['n', 3, 64, 64]]],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    })
    const root = await makeCommandProject(test, { 'image.onnx': image })
    const added = await addService(join(root, 'image.onnx'), { app: root })
    assert.equal(added.sample, undefined)
    assert.equal(added.whyNoSample, 'a row has too many values to be written down')
    assert.deepEqual(await json(root, 'models/image/service.json'), {})
  })

  const whole = readCase('cases', 'sk_columns_zipmap').bytes
  const mistakes: [file: string, content: Buffer | string, message: RegExp][] = [
    [
      'notes.onnx',
      'some text',
      /^model "notes\.onnx" cannot be loaded: the 9 bytes of its file are no whole ONNX model/,
    ],
    [
      'cut.onnx',
      whole.subarray(0, 900),
      /^model "cut\.onnx" cannot be loaded: the 900 bytes of its file are no whole ONNX model.*export it again$/,
    ],
    ['empty.onnx', '', /its file is empty: copy it again$/],
    ['lfs.onnx', 'version https://git-lfs.github.com/spec/v1\n', /is a Git LFS pointer.*git lfs pull/],
    ['torch.onnx', 'PK\x03\x04', /is a ZIP archive .*export the model to ONNX$/],
  ]
  it.for(mistakes)('refuses %s, says why, and writes nothing', async ([file, content, message], test) => {
    const root = await makeCommandProject(test, { [file]: content })
    await assert.rejects(addService(join(root, file), { app: root }), { message })
    assert.deepEqual(await readdir(join(root, 'models')), [])
  })

  it.for([
    ['sequence_input', /"all" is a sequence/],
    ['custom_operator', /custom operators cannot be loaded/],
    ['opset', /has up to \d+: export it with that version/],
    ['bfloat16', /is bfloat16/],
  ] as const)('refuses the model %s, and writes nothing', async ([name, message], test) => {
    const root = await makeCommandProject(test)
    await assert.rejects(addService(join(fixtures, 'refused', `${name}.onnx`), { app: root }), { message })
    assert.deepEqual(await readdir(join(root, 'models')), [])
  })

  it('names the weights that are missing', async test => {
    const root = await makeCommandProject(test)
    await cp(join(fixtures, 'served/zipmap_with_weights_beside/model.onnx'), join(root, 'heavy.onnx'))
    await assert.rejects(addService(join(root, 'heavy.onnx'), { app: root }), {
      message: `heavy.onnx has weights in weights.bin, which is not in ${root}: copy it there`,
    })
  })

  const names: [file: string, name: string | RegExp][] = [
    ['My Model.onnx', 'my-model'],
    ['Überlebende_2024.onnx', 'uberlebende-2024'],
    ['2nd-try.onnx', 'nd-try'],
    ['m.onnx', /^"m" gives no valid service name; say one with --name \(use 3 to 32 lower-case/],
  ]
  it.for(names)('makes of %s the name %s', async ([file, name], test) => {
    const root = await makeCommandProject(test, { [file]: identityModel('float32') })
    const adding = addService(join(root, file), { app: root })
    if (name instanceof RegExp) await assert.rejects(adding, { message: name })
    else assert.equal((await adding).service, name)
  })
})

describe('scoring add', () => {
  it('says what it found and wrote, and what to do next', async test => {
    const root = await makeCommandProject(test)
    const { code, stdout } = await runCommand(['add', columns, '--name', 'titanic'], { cwd: root })
    assert.equal(code, 0)
    assert.match(stdout, /^Service titanic is made in models\/titanic\.\n/)
    assert.match(stdout, /inputs {3}pclass int64\[N, 1\]\n {11}sex string\[N, 1\]\n/)
    assert.match(stdout, /written {2}models\/titanic\/1\/model\.onnx\n/)
    assert.equal(stdout.match(/micro-batching is on/g)?.length, 1)
    assert.match(stdout, /\n {2}npx scoring score titanic +score the sample\n/)
    assert.match(stdout, /\n {2}npx scoring keys show titanic +show the keys that callers send\n/)
  })

  it('says how the values of a single input get names', async test => {
    const root = await makeCommandProject(test)
    const { stdout } = await runCommand(['add', resolve('models/iris/1/model.onnx'), '--name', 'flowers'], {
      cwd: root,
    })
    assert.match(
      stdout,
      /\nRows are lists of 4 values, in the order of training\. To take them by name, put "input": \{"columns": \[…\]\} with 4 names into service\.json\.\n/,
    )
  })

  it('prints the same as JSON', async test => {
    const root = await makeCommandProject(test)
    const { code, stdout } = await runCommand(['add', columns, '--name', 'titanic', '--json'], { cwd: root })
    assert.equal(code, 0)
    const { service, version, inputs, requestsShareRuns } = JSON.parse(stdout)
    assert.deepEqual([service, version, requestsShareRuns], ['titanic', 1, true])
    assert.deepEqual(inputs[1], { name: 'sex', dtype: 'string', shape: [-1, 1] })
  })

  it('says why no made-up row can be scored', async test => {
    const root = await makeCommandProject(test)
    const path = resolve('test/fixtures/refused/zipmap_of_too_few.onnx')
    const { code, stdout } = await runCommand(['add', path], { cwd: root })
    assert.equal(code, 0)
    assert.match(
      stdout,
      /\n {2}sample +no made-up row could be scored: a tensor of shape \[1, 2\] needs 2 classes, got 1\n/,
    )
  })

  const mistakes: [args: string[], message: RegExp][] = [
    [
      ['https://example.com/m.onnx?sig=secret'],
      /^error: the model is given by a URL; download it first, and give the path of the file\n$/,
    ],
    [['nowhere.onnx'], /^error: nowhere\.onnx does not exist\n$/],
    [['/dev/null'], /^error: \/dev\/null is no file: give the path of an \.onnx file\n$/],
    [['models'], /^error: models is a folder, and has no \.onnx file: give the path of the file\n$/],
    [
      [columns, '--name', 'Churn'],
      /^error: --name "Churn" is not a valid service name: use 3 to 32 lower-case letters, digits or "-", starting with a letter\n$/,
    ],
    [[columns, '--model-version', '0'], /^error: --model-version is "0", and must be a whole number from 1\n$/],
  ]
  it.for(mistakes)('answers %j with one line and exit code 2', async ([args, message], test) => {
    const root = await makeCommandProject(test)
    await mkdir(join(root, 'models'), { recursive: true })
    const { code, stderr } = await runCommand(['add', ...args], { cwd: root })
    assert.equal(code, 2)
    assert.match(stderr, message)
  })
})
