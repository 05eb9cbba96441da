import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { asFloat32, readCase } from '../../support/case-models.ts'
import { makeCommandProject, runCommand } from '../../support/command.ts'
import { runApp } from '../../support/running-app.ts'

/** Trained by scikit-learn; the answers are those of Python's ONNX Runtime. */
const titanic = readCase('cases', 'sk_columns_zipmap')
const rows = titanic.inputs as Record<string, { values: unknown[][] }>
const csv = [
  'name,pclass,sex,age,fare,embarked',
  ...rows.pclass!.values.map((_, row) =>
    ['x', ...['pclass', 'sex', 'age', 'fare', 'embarked'].map(column => rows[column]!.values[row]?.[0])].join(','),
  ),
].join('\n')
const { output_label, output_probability } = asFloat32(titanic.answer) as {
  output_label: number[]
  output_probability: object[]
}

const makeProject = (test: TestContext, files = {}) =>
  makeCommandProject(test, {
    'models/titanic/service.json': {},
    'models/titanic/1/model.onnx': titanic.bytes,
    'rows.csv': csv,
    ...files,
  })

const iris = resolve('models/iris')

describe('scoring score', () => {
  it('scores rows, and gives what the service answers', async test => {
    const root = await makeProject(test)
    const row = csv.split('\n')[1]?.slice(2) ?? ''
    const { code, stdout } = await runCommand(['score', 'titanic', '--row', row, '-r', row], { cwd: root })
    assert.equal(code, 0)
    assert.deepEqual(asFloat32(JSON.parse(stdout)), {
      output_label: [output_label[0], output_label[0]],
      output_probability: [output_probability[0], output_probability[0]],
    })
  })

  it('scores a CSV file row by row, in order, and names the rows that fail', async test => {
    const root = await makeProject(test, { 'rows.csv': `${csv}\nx,third,male,3,4,S\n` })
    const { code, stdout, stderr } = await runCommand(['score', 'titanic', 'rows.csv'], { cwd: root })
    assert.equal(code, 1)
    assert.equal(stderr, 'error: 1 of 4 rows cannot be scored\n')
    const results = JSON.parse(stdout)
    assert.deepEqual(
      asFloat32(results.slice(0, 3)),
      output_label.map((label, index) => ({
        index,
        prediction: { output_label: label, output_probability: output_probability[index] },
      })),
    )
    assert.deepEqual(results[3], {
      index: 3,
      error: { code: 'ROW_NOT_A_NUMBER', message: 'column "pclass" has another value; it must be a number (int64)' },
    })
  })

  it('scores the sample of a script, a body on standard input, and rows of it', async () => {
    const sample = await readFile(join(iris, 'sample.json'))
    const bySample = await runCommand(['score', 'iris'])
    assert.deepEqual(JSON.parse(bySample.stdout).labels, ['setosa', 'virginica'])
    assert.deepEqual(await runCommand(['score', 'iris'], { input: sample }), bySample)
    const byRow = await runCommand(['score', 'iris', '--row', '5.1,3.4,1.5,0.2', '--row', '6.3,3.4,5.6,2.4'])
    assert.deepEqual(byRow, bySample)
  })

  it('keeps what scripts print out of its output', async test => {
    const root = await makeCommandProject(test, {
      'models/talker/service.json': { entryScript: 'score.js' },
      'models/talker/score.js':
        "export const init = () => {}; export const run = text => { console.log('hello'); return text.length }",
    })
    const { code, stdout, stderr } = await runCommand(['score', 'talker'], { cwd: root, input: '[1, 2]' })
    assert.deepEqual([code, stdout], [0, '6\n'])
    assert.match(stderr, /^\[talker\] request .*: hello\n$/)
  })

  it('answers a failure with its code and message, as callers get it, and exit code 1', async test => {
    const root = await makeProject(test)
    const { code, stdout, stderr } = await runCommand(['score', 'titanic'], {
      cwd: root,
      input: '{"data": [{"pclass": 1}]}',
    })
    assert.equal(code, 1)
    const { code: errorCode, message } = JSON.parse(stdout)
    assert.equal(errorCode, 'INPUT_MISSING')
    assert.equal(stderr, `error: ${message} (INPUT_MISSING, HTTP status 400)\n`)
  })

  it('asks an app that runs, with the local key of the project or the one in SCORING_KEY', async test => {
    const app = await runApp(test, { 'titanic/service.json': {}, 'titanic/1/model.onnx': titanic.bytes })
    await app.settled()
    const args = ['score', 'titanic', '--csv', 'rows.csv', '--url', app.url]
    const keys = JSON.parse(await readFile(app.keyFile, 'utf8'))
    const root = await makeProject(test, { '.local/keys.json': keys })
    const results = await runCommand(args, { cwd: root })
    assert.equal(results.code, 0, results.stderr)
    assert.deepEqual(
      JSON.parse(results.stdout).map(
        ({ prediction }: { prediction: { output_label: number } }) => prediction.output_label,
      ),
      output_label,
    )
    const other = await makeProject(test)
    assert.equal(
      (await runCommand(args, { cwd: other, environment: { SCORING_KEY: keys.titanic.primary } })).stdout,
      results.stdout,
    )
    const body = '{"data": [{"pclass": 1}]}'
    const refused = await runCommand(['score', 'titanic', '-', '--url', app.url], { cwd: other, input: body })
    assert.equal(refused.code, 1)
    const https = await runCommand(['score', 'titanic', '--url', app.url.replace('http:', 'https:')], { cwd: other })
    assert.equal(https.code, 1)
    assert.match(
      https.stderr,
      /^error: https:\/\/.* does not answer: it does not speak HTTPS; give an http: address\n$/,
    )
    assert.match(refused.stderr, /HTTP status 401\)\. Set SCORING_KEY to a key of the service\.\n$/)
  })

  const mistakes: [args: string[], message: RegExp, code: number][] = [
    [['nope'], /^error: no service "nope" in \/.*; there are: titanic\n$/, 1],
    [['titanic', 'nope.json'], /^error: nope\.json does not exist\n$/, 1],
    [['titanic', 'models'], /^error: models cannot be read: it is a folder\n$/, 1],
    [['titanic', '--csv', 'nope.csv'], /^error: nope\.csv does not exist\n$/, 1],
    [['titanic', '--csv', '-'], /^error: --csv takes a file; write standard input to one\n$/, 1],
    [['titanic', '--csv', 'models'], /^error: models is a folder; --csv takes a file\n$/, 1],
    [['titanic', '--app', '/nowhere'], /^error: --app: folder \/nowhere does not exist\n$/, 2],
    [['titanic', '--app', 'host.json'], /^error: --app: \/.*host\.json is no folder\n$/, 2],
    [['titanic', 'rows.csv', '--row', '1'], /^error: give one of the file rows\.csv and --row\n$/, 2],
    [
      ['titanic', '--row', '1,2'],
      /^error: --row 1,2: it has 2 values, and the service takes 5: pclass, sex, age, fare, embarked\n$/,
      2,
    ],
    [['titanic', '--url', 'http://example.com'], /^error: --url has http: .* give an https address\n$/, 2],
    [['titanic', '--url', 'http://127.0.0.1:9'], /^error: http:\/\/127\.0\.0\.1:9 does not answer: .*\n$/, 1],
    [
      ['titanic', '--url', 'nowhere'],
      /^error: --url is no address of an app; give one such as http:\/\/localhost:7071\n$/,
      2,
    ],
  ]
  it('says that a file of another kind is no JSON', async test => {
    const args = ['score', 'titanic', 'models/titanic/1/model.onnx']
    const { code, stderr } = await runCommand(args, { cwd: await makeProject(test) })
    assert.equal(code, 1)
    assert.match(stderr, /HTTP status 415\)\. The body is no JSON text\.\n$/)
  })

  it.for(mistakes)('answers %j with one line', async ([args, message, expected], test) => {
    const { code, stdout, stderr } = await runCommand(['score', ...args], { cwd: await makeProject(test) })
    assert.deepEqual([code, stdout], [expected, ''])
    assert.match(stderr, message)
  })
})
