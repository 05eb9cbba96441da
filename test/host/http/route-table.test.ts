import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { RouteTable } from '../../../src/host/http/route-table.ts'

/** A table whose targets are the templates themselves. */
function makeTable(routes: (string | [string, ...string[]])[], prefix = ''): RouteTable<string> {
  const entries = routes.map(each => {
    const [route, ...methods] = typeof each === 'string' ? [each, 'GET'] : each
    return { functionName: 'f', route, methods, target: route }
  })
  return new RouteTable(entries, prefix)
}

function find(table: RouteTable<string>, path: string, method = 'GET') {
  const found = table.find(method, path)
  return found === undefined ? undefined : found === RouteTable.malformed ? 'malformed' : { ...found }
}

/** Parameters that one template finds in a path, or undefined. */
function match(template: string, path: string) {
  const found = find(makeTable([template]), path)
  return typeof found === 'object' ? found.params : found
}

describe('RouteTable', () => {
  // Examples of the ASP.NET Core documentation, "Routing in ASP.NET Core", Route templates.
  const examples: [template: string, path: string, params: Record<string, string> | undefined][] = [
    ['hello', '/hello', {}],
    ['hello', '/HELLO', {}],
    ['hello', '/hello/', {}],
    ['hello', '/hello/world', undefined],
    ['{controller}/{action}', '/Products/List', { controller: 'Products', action: 'List' }],
    ['{controller}/{action}', '/Products', undefined],
    ['{controller}/{action}/{id}', '/Products/Details/123', { controller: 'Products', action: 'Details', id: '123' }],
    ['blog/{*slug}', '/blog', {}],
    ['blog/{*slug}', '/blog/my-post', { slug: 'my-post' }],
    ['blog/{*slug}', '/blog/a/b/c', { slug: 'a/b/c' }],
    ['{p}', '/', undefined],
    ['a/{p}', '/a//', undefined],
    ['x/{p}', '/x/a%20b', { p: 'a b' }],
    ['x/{p}', '/x/a%2Fb', { p: 'a%2Fb' }],
    ['x/{p}', '/x/caf%C3%A9?p=2', { p: 'café' }],
    ['caf\u00e9', '/caf%C3%A9', {}],
    ['x/{p}', '/x/y/../z', { p: 'z' }],
    ['x/{p}', 'http://somewhere/x/y?z', { p: 'y' }],
    ['', '/', {}],
  ]
  it.each(examples)('matches "%s" with %s: %j', (template, path, params) => {
    assert.deepEqual(match(template, path), params)
  })

  it('tries literals first, then parameters, and longer routes before shorter', () => {
    const table = makeTable(['{a}', '{*rest}', 'items', 'items/{id}', 'items/all'])
    const findTarget = (path: string) => (find(table, path) as { target: string }).target
    assert.equal(findTarget('/items'), 'items')
    assert.equal(findTarget('/seven'), '{a}')
    assert.equal(findTarget('/items/ALL'), 'items/all')
    assert.equal(findTarget('/items/x'), 'items/{id}')
    assert.equal(findTarget('/items/x/y'), '{*rest}')
  })

  it('gives the root to a catch-all, which is the longer route, as Azure Functions does', () => {
    assert.deepEqual(find(makeTable(['/', '{*rest}']), '/'), { target: '{*rest}', params: {} })
    assert.deepEqual(find(makeTable(['/', '{first}/{*rest}']), '/'), { target: '/', params: {} })
  })

  it('tries the next route when the method does not match', () => {
    const table = makeTable([
      ['a', 'GET'],
      ['a', 'POST'],
      ['{p}', 'DELETE'],
    ])
    assert.equal(typeof find(table, '/a', 'POST'), 'object')
    assert.deepEqual(find(table, '/a', 'DELETE'), { target: '{p}', params: { p: 'a' } })
    assert.equal(find(table, '/a', 'PUT'), undefined)
    assert.equal(find(table, '/a', 'HEAD'), undefined)
  })

  it('prepends the prefix to every route', () => {
    assert.deepEqual(find(makeTable(['x/{p}'], 'api'), '/API/x/1'), { target: 'x/{p}', params: { p: '1' } })
    assert.equal(find(makeTable(['x/{p}'], 'api'), '/x/1'), undefined)
  })

  it('reports a path with broken escapes', () => {
    const table = makeTable(['{*rest}'])
    for (const path of ['/%', '/%zz', '/%C3', '/a%2']) assert.equal(find(table, path), 'malformed')
  })

  const supported = /text, \{name\} and, as the last segment, \{\*name\}\. .*"npm run start:func"/
  it.each([
    ['{', supported],
    ['}', supported],
    ['{a', supported],
    ['{}', supported],
    ['{a}{b}', supported],
    ['{a}.{b}', supported],
    ['v{a}', supported],
    ['{{a}}', supported],
    ['{*a}/b', supported],
    ['{**a}', supported],
    ['x/{a:int}', supported],
    ['x/{a=b}', supported],
    ['x/{a?}', supported],
    ['a//b', /two slashes follow each other/],
    ['{a}/{A}', /the parameter "A" appears twice/],
    ['admin/x', /Azure reserves routes that begin with "admin"$/],
    ['/Administration', /Azure reserves routes that begin with "admin"$/],
  ] as const)('refuses the route "%s", and names its function and what is supported', (template, reason) => {
    const start = `function "f": route "${template}" is not supported: `
    assert.throws(
      () => makeTable([template]),
      (failure: Error) =>
        failure.name === 'StartupError' && failure.message.startsWith(start) && reason.test(failure.message),
    )
  })

  it('refuses a leading slash behind a prefix, as Azure does', () => {
    const message = /^function "f": route "\/x" .* because host\.json sets the route prefix "api"$/
    assert.throws(() => makeTable(['/x'], 'api'), { name: 'StartupError', message })
  })

  it('refuses a second function with the same route and method, which Azure would not start', () => {
    const makePair = (first: [string, ...string[]], second: [string, ...string[]]) => () => makeTable([first, second])
    const message = 'function "f": route "/Items/{id}/" is the route of function "f" too, for POST'
    assert.throws(makePair(['items/{id}', 'GET', 'POST'], ['/Items/{id}/', 'POST', 'PUT']), {
      name: 'StartupError',
      message,
    })
    assert.doesNotThrow(makePair(['items', 'GET'], ['items', 'POST']))
  })

  it('never throws, whatever the path', () => {
    const table = makeTable(['a/{b}/{*c}', 'a', '{x}', '{y}/{*z}'])
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

  it('decodes every value that was encoded into a path', () => {
    const table = makeTable(['x/{p}/y'])
    const value = fc.string({ minLength: 1, unit: 'grapheme' }).filter(text => !/[/\\]|^\.\.?$/.test(text))
    fc.assert(
      fc.property(value, p => {
        assert.deepEqual(find(table, `/x/${encodeURIComponent(p)}/y`), { target: 'x/{p}/y', params: { p } })
      }),
    )
  })
})
