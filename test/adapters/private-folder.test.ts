import assert from 'node:assert/strict'
import { chmodSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { openPrivateFolder } from '../../src/adapters/local/private-folder.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'

describe('openPrivateFolder', () => {
  it(
    'throws, and does not try for ever, where no folder can be made',
    skipFor(process.platform !== 'linux' && 'needs Linux'),
    () => {
      assert.throws(() => openPrivateFolder('/proc/scoring/folder'), /ENOENT/)
    },
  )

  it(
    'refuses a folder that other users can write to, and a link',
    skipFor(!process.geteuid && 'Windows has no modes of files'),
    async test => {
      const folder = join(await makeServices({}, test), 'private')
      openPrivateFolder(folder)
      chmodSync(folder, 0o770)
      assert.throws(() => openPrivateFolder(folder), /is open to other users: it needs mode 0700/)
      chmodSync(folder, 0o700)
      openPrivateFolder(folder)
      symlinkSync(folder, `${folder}-link`)
      assert.throws(() => openPrivateFolder(`${folder}-link`), /is not a folder/)
      const { geteuid } = process
      test.onTestFinished(() => void Object.assign(process, { geteuid }))
      Object.assign(process, { geteuid: () => 4711 })
      assert.throws(() => openPrivateFolder(folder), /belongs to another user/)
    },
  )
})
