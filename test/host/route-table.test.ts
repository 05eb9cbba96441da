import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { RouteTable } from '../../src/host/route-table.ts'

/** A table whose targets are the templates themselves. */
function tableOf(routes: (string | [string, ...string[]])[], prefix = ''): RouteTable<string> {
  const entries = routes.map(each => {
    const [route, ...methods] = typeof each === 'string' ? [each, 'GET'] : each
    return { route, methods, target: route }
  })
  return new RouteTable(entries, prefix)
}

function find(table: RouteTable<string>, path: string, method = 'GET') {
  const found = table.find(method, path)
  return found === undefined ? undefined : found === RouteTable.malformed ? 'malformed' : { ...found }
}

/** Parameters that one template finds in a path, or undefined. */
function match(template: string, path: string) {
  const found = find(tableOf([template]), path)
  return typeof found === 'object' ? found.params : found
}

describe('RouteTable', () => {
  // Examples of the ASP.NET Core documentation, "Routing in ASP.NET Core", Route templates.
  const examples: [template: string, path: string, params: Record<string, string> | undefined][] = [
    ['hello', '/hello', {}],
    ['hello', '/HELLO', {}],
    ['hello', '/hello/', {}],
    ['hello', '/hello/world', undefined],
    ['{Page=Home}', '/', { Page: 'Home' }],
    ['{Page=Home}', '/Contact', { Page: 'Contact' }],
    ['{controller}/{action}/{id?}', '/Products/List', { controller: 'Products', action: 'List' }],
    ['{controller}/{action}/{id?}', '/Products/Details/123', { controller: 'Products', action: 'Details', id: '123' }],
    ['{controller=Home}/{action=Index}/{id?}', '/', { controller: 'Home', action: 'Index' }],
    ['{controller=Home}/{action=Index}/{id?}', '/Products', { controller: 'Products', action: 'Index' }],
    ['blog/{*slug}', '/blog', {}],
    ['blog/{*slug}', '/blog/my-post', { slug: 'my-post' }],
    ['blog/{**slug}', '/blog/a/b/c', { slug: 'a/b/c' }],
    ['files/{filename}.{ext?}', '/files/myFile.txt', { filename: 'myFile', ext: 'txt' }],
    ['files/{filename}.{ext?}', '/files/myFile', { filename: 'myFile' }],
    ['files/{a}.{b}', '/files/x.y.z', { a: 'x.y', b: 'z' }],
    ['a{p}c', '/abc', { p: 'b' }],
    ['{p}', '/', undefined],
    ['a/{p}', '/a//', undefined],
    ['{{literal}}', '/{literal}', {}],
    ['x/{p}', '/x/a%20b', { p: 'a b' }],
    ['x/{p}', '/x/a%2Fb', { p: 'a%2Fb' }],
    ['x/{p}', '/x/caf%C3%A9?p=2', { p: 'café' }],
    ['caf\u00e9', '/caf%C3%A9', {}],
    ['x/{p}', '/x/y/../z', { p: 'z' }],
    ['x/{p}', 'http://somewhere/x/y?z', { p: 'y' }],
    ['', '/', {}],
  ]
  for (const [template, path, params] of examples) {
    it(`finds ${JSON.stringify(params)} in ${path} for "${template}"`, () => {
      assert.deepEqual(match(template, path), params)
    })
  }

  // The same page, Route constraints.
  const constraints: [constraint: string, good: string[], bad: string[]][] = [
    ['int', ['123456789', '-123456789', '2147483647'], ['2147483648', '1.5', 'a']],
    ['long', ['9223372036854775807'], ['9223372036854775808', '1e3']],
    ['bool', ['true', 'FALSE'], ['yes', '1']],
    ['datetime', ['2016-12-31', '2016-12-31 7:32pm'], ['monday', '12']],
    ['decimal', ['49.99', '-1,000.01'], ['a', '.']],
    ['double', ['1.234', '-1,001.01e8'], ['1.2.3']],
    ['float', ['1.234'], ['x']],
    ['guid', ['CD2C1638-1638-72D5-1638-DEADBEEF1638', 'cd2c1638163872d51638deadbeef1638'], ['CD2C1638']],
    ['minlength(4)', ['Rick'], ['Ric']],
    ['maxlength(8)', ['MyFile'], ['Repository']],
    ['length(12)', ['somefile.txt'], ['somefile.tx']],
    ['length(8,16)', ['somefile.txt'], ['short', 'this-is-a-much-longer-one']],
    ['min(18)', ['19'], ['17', 'x']],
    ['max(120)', ['91'], ['121']],
    ['range(18,120)', ['91'], ['17', '121']],
    ['alpha', ['Rick'], ['Rick1']],
    [String.raw`regex(^\d{{3}}-\d{{2}}-\d{{4}}$)`, ['123-45-6789'], ['123-45-678']],
    ['regex(^(a|b:c)$)', ['b:c', 'A'], ['c']],
    ['alpha:maxlength(2)', ['ab'], ['abc', 'a1']],
  ]
  for (const [constraint, good, bad] of constraints) {
    it(`lets the constraint ${constraint} choose`, () => {
      const template = `x/{p:${constraint}}`
      for (const value of good) assert.deepEqual(match(template, `/x/${encodeURI(value)}`), { p: value })
      for (const value of bad) assert.equal(match(template, `/x/${encodeURI(value)}`), undefined, value)
    })
  }

  it('tries literals first, then constrained, plain and shorter routes', () => {
    const table = tableOf(['{a}', '{*rest}', 'items', '{a:int}', 'items/{id}', 'items/{id:int}', 'items/all'])
    const targetOf = (path: string) => (find(table, path) as { target: string }).target
    assert.equal(targetOf('/items'), 'items')
    assert.equal(targetOf('/7'), '{a:int}')
    assert.equal(targetOf('/seven'), '{a}')
    assert.equal(targetOf('/items/ALL'), 'items/all')
    assert.equal(targetOf('/items/7'), 'items/{id:int}')
    assert.equal(targetOf('/items/x'), 'items/{id}')
    assert.equal(targetOf('/items/x/y'), '{*rest}')
  })

  it('gives the root to a catch-all, which is the longer route, as Azure Functions does', () => {
    assert.deepEqual(find(tableOf(['/', '{*rest}']), '/'), { target: '{*rest}', params: {} })
    assert.deepEqual(find(tableOf(['/', '{first}/{*rest}']), '/'), { target: '/', params: {} })
    assert.deepEqual(find(tableOf(['/', '{*rest:minlength(1)}']), '/'), { target: '/', params: {} })
  })

  it('goes on to the next route when the method is another', () => {
    const table = tableOf([
      ['a', 'GET'],
      ['a', 'POST'],
      ['{p}', 'DELETE'],
    ])
    assert.equal(typeof find(table, '/a', 'POST'), 'object')
    assert.deepEqual(find(table, '/a', 'DELETE'), { target: '{p}', params: { p: 'a' } })
    assert.equal(find(table, '/a', 'PUT'), undefined)
    assert.equal(find(table, '/a', 'HEAD'), undefined)
  })

  it('puts the prefix before every route', () => {
    assert.deepEqual(find(tableOf(['x/{p}'], 'api'), '/API/x/1'), { target: 'x/{p}', params: { p: '1' } })
    assert.equal(find(tableOf(['x/{p}'], 'api'), '/x/1'), undefined)
  })

  it('tells a path with broken escapes', () => {
    const table = tableOf(['{*rest}'])
    for (const path of ['/%', '/%zz', '/%C3', '/a%2']) assert.equal(find(table, path), 'malformed')
  })

  for (const template of ['{', '}', '{a}{b}', '{a', 'a//b', '{*a}/b', '{a}/{A}', '{a:nosuch}', '{a:length(x)}', '{}']) {
    it(`refuses the template "${template}" by name`, () => {
      assert.throws(() => tableOf([template]), {
        name: 'StartupError',
        message: new RegExp(`^route "${RegExp.escape(template)}"`),
      })
    })
  }

  it('refuses a leading slash behind a prefix, as Azure does', () => {
    assert.throws(() => tableOf(['/x'], 'api'), { name: 'StartupError' })
  })

  it('never throws, whatever the path', () => {
    const table = tableOf([
      'a/{b:int}/{*c}',
      '{a}.{b}',
      '{x:guid}',
      'a/{p?}',
      '{p:datetime}',
      '{d:double}',
      '{r:regex(^a+$)}',
    ])
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('/', '%', '%2F', '..', '.', '?', 'a', '1', '//'),
    )
    fc.assert(
      fc.property(fc.array(piece), pieces => {
        find(table, `/${pieces.join('')}`)
        find(table, pieces.join(''))
      }),
      { numRuns: 500 },
    )
  })

  it('finds every value again that was put into a path', () => {
    const table = tableOf(['x/{p}/y'])
    const value = fc.string({ minLength: 1, unit: 'grapheme' }).filter(text => !/[/\\]|^\.\.?$/.test(text))
    fc.assert(
      fc.property(value, p => {
        assert.deepEqual(find(table, `/x/${encodeURIComponent(p)}/y`), { target: 'x/{p}/y', params: { p } })
      }),
    )
  })
})
