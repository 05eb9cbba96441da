import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'vitest'
import { findProductionPackages, type Manifest } from '../../src/packaging/production-packages.ts'
import { linux } from '../../src/packaging/target.ts'
import type { Cleaner } from '../support/cleaner.ts'

/** @param manifests  package.json by folder; its `index.js` exports the version */
function makeFolders(test: Cleaner, manifests: Readonly<Record<string, Manifest>>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'packages-')))
  test.onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 9 }))
  for (const [folder, manifest] of Object.entries(manifests)) {
    mkdirSync(join(root, folder), { recursive: true })
    writeFileSync(join(root, folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(root, folder, 'index.js'), `module.exports = '${manifest.version}'`)
  }
  return root
}

const find = (root: string, isNeeded: (dependent: string, dependency: string) => boolean = () => true) =>
  findProductionPackages(root, { target: linux('x64'), isNeeded })

/** Links the packages where they would be in a package, and asks Node.js what code in a folder of it gets. */
function layOut(test: Cleaner, root: string): (from: string, name: string) => unknown {
  const copy = makeFolders(test, {})
  for (const { path, folder } of find(root).packages) {
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    mkdirSync(join(copy, path), { recursive: true })
    for (const file of ['package.json', 'index.js']) symlinkSync(join(folder, file), join(copy, path, file))
  }
  return (from, name) => createRequire(join(copy, from, 'x.js'))(name)
}

describe('findProductionPackages', () => {
  it('gives each package the versions that it has here', test => {
    const root = makeFolders(test, {
      '.': { name: 'mine', dependencies: { a: '1', b: '1' } },
      'node_modules/a': { version: 'a1', dependencies: { c: '2' } },
      'node_modules/a/node_modules/c': { version: 'c2', dependencies: { d: '1' } },
      'node_modules/b': { version: 'b1', dependencies: { c: '1' } },
      'node_modules/c': { version: 'c1', dependencies: { d: '2' } },
      'node_modules/c/node_modules/d': { version: 'd2' },
      'node_modules/d': { version: 'd1' },
      'node_modules/unused': { version: 'unused1' },
    })
    const get = layOut(test, root)
    const folders = Object.fromEntries(find(root).packages.map(({ path, folder }) => [folder.slice(root.length), path]))
    assert.equal(get('.', 'a'), 'a1')
    assert.equal(get(folders['/node_modules/a'] as string, 'c'), 'c2')
    assert.equal(get(folders['/node_modules/b'] as string, 'c'), 'c1')
    assert.equal(get(folders['/node_modules/a/node_modules/c'] as string, 'd'), 'd1')
    assert.equal(get(folders['/node_modules/c'] as string, 'd'), 'd2')
    assert.throws(() => get('.', 'unused'), { code: 'MODULE_NOT_FOUND' })
  })

  it('follows the links of pnpm and workspaces', test => {
    const root = makeFolders(test, {
      app: { name: 'app', dependencies: { a: '1', shared: 'workspace:*' } },
      'node_modules/.pnpm/a@1/node_modules/a': { version: 'a1', dependencies: { '@scope/b': '1' } },
      'node_modules/.pnpm/b@1/node_modules/@scope/b': { version: 'b1' },
      shared: { version: 'shared1', dependencies: { '@scope/b': '1' } },
      'shared/node_modules/@scope/b': { version: 'b3' },
    })
    mkdirSync(join(root, 'app/node_modules'))
    symlinkSync(join(root, 'node_modules/.pnpm/a@1/node_modules/a'), join(root, 'app/node_modules/a'))
    symlinkSync(join(root, 'shared'), join(root, 'app/node_modules/shared'))
    mkdirSync(join(root, 'node_modules/.pnpm/a@1/node_modules/@scope'))
    const link = join(root, 'node_modules/.pnpm/a@1/node_modules/@scope/b')
    symlinkSync(join(root, 'node_modules/.pnpm/b@1/node_modules/@scope/b'), link)
    const get = layOut(test, join(root, 'app'))
    assert.deepEqual(
      [get('.', 'a'), get('node_modules/a', '@scope/b'), get('node_modules/shared', '@scope/b')],
      ['a1', 'b1', 'b3'],
    )
  })

  it('ends where packages depend on each other', test => {
    const root = makeFolders(test, {
      '.': { name: 'mine', dependencies: { a: '1' } },
      'node_modules/a': { version: 'a1', dependencies: { b: '1' } },
      'node_modules/b': { version: 'b1', dependencies: { a: '1' } },
    })
    assert.deepEqual(
      find(root).packages.map(({ path }) => path),
      ['node_modules/a', 'node_modules/b'],
    )
  })

  it('takes native code for the target, and names what is not installed here', test => {
    const root = makeFolders(test, {
      '.': { name: 'mine', dependencies: { image: '1' } },
      'node_modules/image': {
        optionalDependencies: { 'image-linux': '1.2.3', 'image-musl': '1.2.3', 'image-darwin': '1.2.3' },
      },
      'node_modules/image-linux': { os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
      'node_modules/image-musl': { os: ['linux'], cpu: ['x64'], libc: ['musl'] },
    })
    const { packages, absent } = find(root)
    assert.deepEqual(
      packages.map(({ name }) => name),
      ['image', 'image-linux'],
    )
    assert.deepEqual(absent, { 'image-darwin': '1.2.3' })
  })

  it('takes what a package needs beside it, unless that is optional', test => {
    const root = makeFolders(test, {
      '.': { name: 'mine', dependencies: { plugin: '1' } },
      'node_modules/plugin': {
        peerDependencies: { base: '1', extra: '1', missing: '1' },
        peerDependenciesMeta: { extra: { optional: true } },
      },
      'node_modules/base': {},
      'node_modules/extra': {},
    })
    assert.deepEqual(
      find(root).packages.map(({ name }) => name),
      ['plugin', 'base'],
    )
  })

  it('names a package that is not installed, unless it is not needed', test => {
    const root = makeFolders(test, {
      '.': { name: 'mine', dependencies: { a: '1' } },
      'node_modules/a': { dependencies: { b: '1' } },
    })
    assert.throws(() => find(root), /^StartupError: a needs the package b, which is not installed: run "npm install"$/)
    assert.equal(find(root, (_, name) => name !== 'b').packages.length, 1)
  })
})
