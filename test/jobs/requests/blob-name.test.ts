import assert from 'node:assert/strict'
import { BlobServiceClient } from '@azure/storage-blob'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { AzureBlobStore } from '../../../src/adapters/azure/azure-blob-store.ts'
import { blobNameFault } from '../../../src/jobs/requests/blob-name.ts'
import { JobSubmission } from '../../../src/jobs/requests/submission.ts'

/** Makes clients only: nothing is asked of the account. */
const service = new BlobServiceClient('https://account.blob.core.windows.net')

/** Where Azure's SDK goes for a name. @returns undefined: nowhere */
function resolved(name: string): { container: string; path: string } | undefined {
  const slash = name.indexOf('/')
  try {
    const blob = service.getContainerClient(name.slice(0, slash)).getBlockBlobClient(name.slice(slash + 1))
    const { pathname } = new URL(blob.url)
    const [, container = '', ...path] = pathname.split('/').map(decodeURIComponent)
    return { container, path: path.join('/') }
  } catch {
    return undefined
  }
}

describe('blobNameFault', () => {
  it('refuses dot segments hidden by control, format, separator, surrogate or unassigned characters', () => {
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
      const character = String.fromCodePoint(codePoint)
      if (!/[\p{C}\p{Z}]/u.test(character)) continue
      const name = `input/a${character}/../../azure-webjobs-secrets/site/host.json`
      if (blobNameFault(name) === undefined) assert.fail(`U+${codePoint.toString(16)} hides "..": ${name}`)
    }
  })

  it('refuses every spelling that leaves its folder, or that storage and URLs read differently', () => {
    const climbs = [
      '..',
      '.',
      '',
      'a.',
      '...',
      '..\\x',
      '\\',
      'a\\..\\..\\b',
      '\u2028',
      '\u2029',
      'a\nb',
      '\0',
      '\ud800',
      '\u0085',
      '\t..',
    ]
    for (const segment of climbs) {
      for (const path of [segment, `${segment}/x`, `x/${segment}`, `x/${segment}/y`]) {
        assert.notEqual(blobNameFault(`input/${path}`), undefined, JSON.stringify(path))
        // A slash at the end of an input stands for all blobs below.
        const isPrefix = segment === '' && /^(x\/)?$/.test(path)
        assert.equal(JobSubmission.safeParse({ input: { blob: `input/${path}` } }).success, isPrefix, path)
        assert.equal(
          JobSubmission.safeParse({ input: { rows: [] }, output: { blob: `output/${path}` } }).success,
          false,
        )
      }
    }
    const containers = ['..', 'In', 'a', 'a--b', '-ab', 'ab-', '$root', 'a'.repeat(64), 'in.put', 'input\u2028', '']
    for (const container of containers) assert.notEqual(blobNameFault(`${container}/a`), undefined, container)
    assert.notEqual(blobNameFault('input'), undefined)
    assert.notEqual(blobNameFault(`input/${'a'.repeat(1025)}`), undefined)
    assert.notEqual(blobNameFault(`input/${'a/'.repeat(254)}a`), undefined)
  })

  it('accepts common names', () => {
    const paths = [
      'a',
      'a b.csv',
      'Müller/2026-11-28.csv',
      '日本　語.csv',
      'a#?%&+.csv',
      '%2e%2e/a',
      '..a',
      '.hidden/x',
      '👩‍⚕️.csv',
    ]
    for (const path of paths) {
      assert.equal(blobNameFault(`input/${path}`), undefined, path)
      assert.deepEqual(resolved(`input/${path}`), { container: 'input', path })
    }
  })

  it('refuses every name that the SDK resolves to another blob', () => {
    const piece = fc.oneof(
      fc.constantFrom('/', '/../', '..', '.', '%2e', '%2f', '\\', '?', '#', '\u2028', '\u2029', '\u0085', 'a', 'jobs/'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    )
    const name = fc.array(piece, { minLength: 1, maxLength: 10 }).map(pieces => `input/${pieces.join('')}`)
    fc.assert(
      fc.property(name, each => {
        if (blobNameFault(each) !== undefined) return
        assert.deepEqual(resolved(each), { container: 'input', path: each.slice('input/'.length) })
      }),
      { numRuns: 2000 },
    )
  })
})

describe('AzureBlobStore, for hostile names', () => {
  const store = new AzureBlobStore({
    service,
    calls: { deadlineMs: 1, retryDelayMs: 1 },
  })
  const refusal = { name: 'StorageError', code: 'other-blob' }

  it('touches only the named blob in every call', async () => {
    for (const path of ['a\u2029/../../private/x', '../private/x', 'a/./b', '..', 'a\ud800']) {
      const reference = { container: 'input', path }
      await assert.rejects(store.head(reference), refusal)
      await assert.rejects(store.read(reference, '"1"')[Symbol.asyncIterator]().next(), refusal)
      await assert.rejects(store.readWhole(reference), refusal)
      await assert.rejects(store.create(reference, ''), refusal)
      await assert.rejects(store.replace(reference, '', '"1"'), refusal)
      await assert.rejects(store.remove(reference), refusal)
      await assert.rejects(store.stageBlock(reference, 'AAAA', Buffer.from('a')), refusal)
      await assert.rejects(store.commitBlocks(reference, [], {}), refusal)
    }
  })
})
