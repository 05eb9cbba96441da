import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { TensorInfo } from '../../../src/models/session/model-session.ts'
import type { Dtype } from '../../../src/tensor/dtype.ts'
import type { DeclaredShape } from '../../../src/tensor/shape.ts'
import { read, type Tried } from '../inputs.ts'

const input = (name: string, dtype: Dtype, shape: DeclaredShape): TensorInfo => ({ name, dtype, shape })
const wide = [input('x', 'float32', ['n', 3])]
const titanic = [
  input('pclass', 'int64', ['n', 1]),
  input('sex', 'string', ['n', 1]),
  input('age', 'float32', ['n', 1]),
]
const rowsOf = (content: string | Buffer, tried: Partial<Tried> = {}) =>
  read(content, { format: 'csv', inputs: wide, ...tried })
const refuses = (content: string | Buffer, code: string, message: RegExp, tried: Partial<Tried> = {}) =>
  assert.rejects(rowsOf(content, tried), (failure: Error & { code?: string }) => {
    assert.equal(failure.code, code, failure.message)
    assert.match(failure.message, message)
    return true
  })

describe('csvColumns, for the first line', () => {
  it('refuses a first line that looks like a row, and names both solutions', async () => {
    const both = /"header": false in the input of the job if it is a row, or "header": true if these are names/
    for (const line of [
      '5.1,3.5,1.4',
      '"5.1", 3.5 ,-1e-3',
      '0,1,2',
      '1,,NA',
      '.5,+3,007',
      'NA,NA,NA',
      ',,',
      '1,inf,2',
    ]) {
      await refuses(`${line}\n4,5,6\n`, 'INPUT_HAS_NO_HEADER', both)
    }
    await refuses('3,male,22\n1,female,38\n', 'INPUT_HAS_NO_HEADER', both, { inputs: titanic })
    await refuses('true,0,false\n', 'INPUT_HAS_NO_HEADER', both, { inputs: [input('x', 'bool', ['n', 3])] })
    await refuses('1,2,3\n4,5,6\n', 'INPUT_HAS_NO_HEADER', both, { inputs: undefined })
  })

  it('reads a first line with a name as header, or as the job says', async () => {
    for (const line of ['a,b,c', '1,2,c', ',a,b', 'x[0],x[1],x[2]']) {
      assert.deepEqual(await rowsOf(`${line}\n4,5,6\n`), ['[4,5,6]'], line)
    }
    // A DataFrame without names has these.
    assert.deepEqual(await rowsOf('0,1,2\n4,5,6\n', { header: true }), ['[4,5,6]'])
    assert.deepEqual(await rowsOf('0,1,2\n4,5,6\n', { names: ['2', '1', '0'] }), ['[6,5,4]'])
    const texts = { inputs: [input('x', 'string', ['n', 3])] }
    assert.deepEqual(await rowsOf('1,2,3\n4,5,6\n', texts), ['["4","5","6"]'], 'any text may be a name')
  })

  it('reads the first line as a row when header is false', async () => {
    const bare = { header: false } as const
    assert.deepEqual(await rowsOf('1,2,3\n4,5,6\n', bare), ['[1,2,3]', '[4,5,6]'])
    assert.deepEqual(await rowsOf('\ufeff1,2,3\n', bare), ['[1,2,3]'])
    assert.deepEqual(await rowsOf('3,male,22\n', { ...bare, inputs: titanic }), [
      '{"pclass":[3],"sex":["male"],"age":[22]}',
    ])
    const pixels = [input('p', 'float32', ['n', 2, 2]), input('id', 'int64', ['n'])]
    assert.deepEqual(await rowsOf('1,2,3,4,7\n', { ...bare, inputs: pixels }), ['{"p":[[1,2],[3,4]],"id":7}'])
    const columns = { ...bare, fileColumns: ['age', 'id', 'sex', 'pclass'], inputs: titanic }
    assert.deepEqual(await rowsOf('22,41,male,3\n', columns), ['{"pclass":[3],"sex":["male"],"age":[22]}'])
    const named = { ...bare, fileColumns: ['id', 'c', 'a', 'b'], names: ['a', 'b', 'c'] }
    assert.deepEqual(await rowsOf('41,3,1,2\n', named), ['[1,2,3]'])
    const script = { ...bare, inputs: undefined }
    assert.deepEqual(await rowsOf('1,2\n', { ...script, fileColumns: ['a', 'b'] }), ['{"a":1,"b":2}'])
    await refuses('1,2\n', 'INPUT_COLUMNS_UNFIT', /takes rows by name; set "columns"/, script)
    const open = { ...bare, inputs: [input('a', 'float32', ['n', 'k']), input('b', 'float32', ['n'])] }
    await refuses('1,2\n', 'INPUT_COLUMNS_UNFIT', /have open sizes; set "columns"/, open)
    await refuses('1,2\n', 'INPUT_COLUMNS_UNFIT', /2 column\(s\)/, bare)
  })
})

describe('csvColumns, for named columns', () => {
  const names = ['age', 'bmi', 'bp']

  it('finds named columns in any order, and ignores others', async () => {
    assert.deepEqual(await rowsOf('bp,id,age,bmi\n3,99,1,2\n', { names }), ['[1,2,3]'])
    assert.deepEqual(await rowsOf('age,bmi,bp\n1,2,3\n', { names }), ['[1,2,3]'])
    assert.deepEqual(await rowsOf('bp,bmi,age\n3,2,1\n', { names }), ['[1,2,3]'])
    assert.deepEqual(await rowsOf('id,bp,age\n9,3,x\n', { names: ['bp', 'age'], inputs: undefined }), [
      '{"bp":3,"age":"x"}',
    ])
  })

  it('finds the column of a single value by the name of its input', async () => {
    for (const shape of [['n'], ['n', 1]]) {
      const inputs = [input('text', 'string', shape)]
      const row = shape.length === 1 ? '"good"' : '["good"]'
      assert.deepEqual(await rowsOf('id,text\n7,good\n', { inputs }), [row])
      assert.deepEqual(await rowsOf('review\ngood\n', { inputs }), [row], 'a single column has no other meaning')
      await refuses('id,review\n7,good\n', 'INPUT_COLUMNS_UNFIT', /2 column\(s\)/, { inputs })
    }
  })

  it('finds columns whose letters are composed in another way', async () => {
    const inputs = [input('x', 'float32', ['n', 2])]
    const german = ['Größe (cm)', 'naïve col']
    const decomposed = german.map(name => name.normalize('NFD'))
    const header = (names: readonly string[]) => `id,${names.toReversed().join(',')}\n1,2,3\n`
    assert.deepEqual(await rowsOf(header(decomposed), { names: german, inputs }), ['[3,2]'])
    assert.deepEqual(await rowsOf(header(german), { names: decomposed, inputs }), ['[3,2]'])
    const twice = `${german.join(',')},${decomposed[1]}\n1,2,3\n`
    assert.deepEqual(await rowsOf(twice, { names: german, inputs }), ['[1,2]'], 'the same name comes first')
  })

  it('refuses a note for Excel in the first line, and a header in the code page of Windows', async () => {
    await refuses('sep=;\r\na;b\r\n1;2\r\n', 'INPUT_NOT_CSV', /remove the line, and set "delimiter": ";" in the input/)
    const latin1 = Buffer.from('Größe\n1\n', 'latin1')
    await refuses(latin1, 'INPUT_NOT_UTF8', /^the CSV's header is not UTF-8; save the file as UTF-8/)
  })

  it('lists missing columns with suggestions', async () => {
    const message = /missing: "bmi" \(did you mean "BMI"\?\), "bp"; unknown: "BMI", "weight"$/
    await refuses('age,BMI,weight\n1,2,3\n', 'INPUT_COLUMNS_UNFIT', message, { names })
    await refuses('age,bmi,bp,age\n1,2,3,4\n', 'INPUT_COLUMNS_UNFIT', /two columns are named "age"/, { names })
    assert.deepEqual(await rowsOf('age,bmi,bp,id,id\n1,2,3,4,5\n', { names }), ['[1,2,3]'])
    await refuses('pclass,sexe,age\n3,male,22\n', 'INPUT_COLUMNS_UNFIT', /"sex".* did you mean "sexe"\?$/, {
      inputs: titanic,
    })
  })

  it('says what to set where only other separators than commas are found', async () => {
    for (const [separator, named] of [
      [';', '";"'],
      ['\t', 'tabs'],
      ['|', '"|"'],
    ] as const) {
      const message = new RegExp(
        `the header names one column; if ${named.replace('|', '\\|')} separate them, set "delimiter": ".+" in the input of the job$`,
      )
      // Rows for scripts without declared inputs are objects of all columns, and a name may have a bar.
      for (const inputs of separator === '|' ? [wide, titanic] : [wide, titanic, undefined])
        await refuses(`a${separator}b${separator}c\n1${separator}2${separator}3\n`, 'INPUT_COLUMNS_UNFIT', message, {
          inputs,
        })
    }
    const inputs = [input('text', 'string', ['n', 1])]
    assert.deepEqual(await rowsOf('text; or not\ngood; bad\n', { inputs }), ['["good; bad"]'])
  })

  it('requires the columns that are copied to the output, each once', async () => {
    const table = 'age,bmi,bp,id,id\n1,2,3,4,5\n'
    const unfit = (what: RegExp) => new RegExp(`^the columns of the input do not fit "output.include": ${what.source}$`)
    await refuses(table, 'INPUT_COLUMNS_UNFIT', unfit(/missing: "ID"/), { names, include: ['age', 'ID'] })
    await refuses(table, 'INPUT_COLUMNS_UNFIT', unfit(/two columns are named "id"/), { names, include: ['id'] })
    assert.deepEqual(await rowsOf(table, { names, include: ['bp'] }), ['[1,2,3]'])
  })

  it('finds columns that a converter to ONNX has renamed', async () => {
    // skl2onnx 1.20, _generate_unique_name: re.sub("[^\\w+]", "_", seed), and "_" before a digit
    const renamed = ['sepal_length__cm_', '_2nd', 'größe_']
    const table = '2nd,größe%,sepal length (cm)\n1,2,3\n'
    assert.deepEqual(await rowsOf(table, { names: renamed }), ['[3,1,2]'])
    const inputs = renamed.map(name => input(name, 'float32', ['n', 1]))
    assert.deepEqual(await rowsOf(table, { inputs }), ['{"sepal_length__cm_":[3],"_2nd":[1],"größe_":[2]}'])
    const both = { names: ['a_b', 'c', 'd'] }
    assert.deepEqual(await rowsOf('a b,a_b,c,d\n1,2,3,4\n', both), ['[2,3,4]'], 'the same name comes first')
    await refuses('a b,a-b,c,d\n1,2,3,4\n', 'INPUT_COLUMNS_UNFIT', /missing: "a_b" \(did you mean "a b"\?\)/, both)
    await refuses('a b,a b,c,d\n1,2,3,4\n', 'INPUT_COLUMNS_UNFIT', /missing: "a_b"/, both)
  })

  it('requires as many names as a row has values', async () => {
    await refuses('age,bmi,bp\n1,2,3\n', 'INPUT_COLUMNS_UNFIT', /2 column\(s\) fill/, { names: ['age', 'bmi'] })
    await refuses('a\n1\n', 'INPUT_COLUMNS_UNFIT', /applies to services with one input/, {
      names: ['a'],
      inputs: titanic,
    })
  })
})
