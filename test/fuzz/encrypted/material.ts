import { readFileSync } from 'node:fs'
import { constants, deflateSync, gzipSync } from 'node:zlib'
import { EncryptedLinearClient } from '../../../src/client/encrypted-linear-client.ts'
import type { GenuineClient } from '../../encrypted/support/genuine-client.ts'
import { type EncryptedApp, encryptedService } from '../../support/encrypted-app.ts'

/** Real requests, keys and bombs, of which others are made. */
export interface Material {
  readonly client: GenuineClient
  readonly features: readonly number[]
  /** The text of a ciphertext that the Python package made and packed. */
  readonly packedText: string
  /** The bytes of a ciphertext before they are packed. */
  readonly ciphertext: Buffer
  /** A request of the fast mode. */
  readonly fast: Buffer
  readonly keys: Buffer
  /** What zlib makes of zeros, by the number of megabytes. */
  readonly zlibBombs: readonly Buffer[]
  readonly gzipBomb: Buffer
  readonly connectionString: string
}

const bombMegabytes = [1, 8, 64]
/** More than a body may have. */
const gzipBombMegabytes = 150

export async function makeMaterial({ app, url, storage, newClient }: EncryptedApp): Promise<Material> {
  const client = await newClient(14)
  const { rows } = JSON.parse(readFileSync('test/fixtures/encrypted/held-out-digits.json', 'utf8'))
  const genuine = JSON.parse(readFileSync('test/fixtures/encrypted/digits.json', 'utf8'))
  const features: number[] = rows[0]
  let ciphertext: Buffer = Buffer.alloc(0)
  client.encrypt(features, bytes => {
    ciphertext = bytes
    return bytes
  })
  const fastClient = await EncryptedLinearClient.create({ url, key: await app.keyOf(encryptedService) })
  return {
    ...{ client, features, ciphertext, connectionString: storage },
    packedText: genuine.data[0],
    fast: Buffer.from(fastClient.encrypt(features)),
    keys: client.publicKeys(),
    zlibBombs: bombMegabytes.map(size => deflateSync(zeros(size), { level: constants.Z_BEST_COMPRESSION })),
    gzipBomb: gzipSync(zeros(gzipBombMegabytes)),
  }
}

const zeros = (megabytes: number) => Buffer.alloc(megabytes * 2 ** 20)
