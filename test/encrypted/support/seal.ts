/** Microsoft SEAL 4.1.2 (node-seal) with the parameters of our client, and objects in its format. */
import SEAL from 'node-seal'

const degree = 2048
const q = 0x3ffffffffed001n

export interface Seal {
  readonly parameterId: string
  /** The secret key, -1, 0 or 1 each. */
  readonly secret: readonly bigint[]
  /** @returns the bytes of a ciphertext whose second polynomial is a seed */
  encrypt(coefficients: readonly bigint[]): Buffer
  /** @returns coefficients modulo the plain modulus, and the bits that noise could still take */
  decrypt(ciphertext: Buffer): { readonly coefficients: bigint[]; readonly noiseBudget: number }
}

/** @param secret  of a client; SEAL's own if it is not given */
export async function startSeal(plainBits: number, secret?: readonly bigint[]): Promise<Seal> {
  const seal = await SEAL()
  const parameters = new seal.EncryptionParameters(seal.SchemeType.bfv)
  parameters.setPolyModulusDegree(degree)
  parameters.setCoeffModulus(seal.CoeffModulus.Create(degree, Int32Array.of(54)))
  parameters.setPlainModulus(new seal.Modulus(1n << BigInt(plainBits)))
  const context = new seal.SEALContext(parameters, true, seal.SecLevelType.tc128)
  const none = seal.ComprModeType.none
  const id = Buffer.from(new seal.KeyGenerator(context).secretKey().saveToArray(none) as Uint8Array).subarray(16, 48)
  let secretKey = new seal.KeyGenerator(context).secretKey()
  if (secret) {
    const points = toPoints(secret.map(value => (value + q) % q))
    secretKey = new seal.SecretKey()
    secretKey.loadFromArray(context, Uint8Array.from(plaintext(points, id)))
  }
  const generator = new seal.KeyGenerator(context, secretKey)
  const encryptor = new seal.Encryptor(context, generator.createPublicKey(), secretKey)
  const decryptor = new seal.Decryptor(context, secretKey)
  return {
    parameterId: id.toString('hex'),
    secret: secret ?? [],
    encrypt(coefficients) {
      const plain = new seal.Plaintext()
      plain.loadFromArray(context, Uint8Array.from(plaintext(coefficients, Buffer.alloc(32))))
      return Buffer.from(encryptor.encryptSymmetricSerializable(plain).saveToArray(none) as Uint8Array)
    },
    decrypt(ciphertext) {
      const object = new seal.Ciphertext()
      object.loadFromArray(context, Uint8Array.from(ciphertext))
      const plain = new seal.Plaintext()
      decryptor.decrypt(object, plain)
      const bytes = Buffer.from(plain.saveToArray(none) as Uint8Array)
      const coefficients = Array.from({ length: (bytes.length - 88) / 8 }, (_, at) =>
        bytes.readBigUInt64LE(88 + 8 * at),
      )
      return { coefficients, noiseBudget: decryptor.invariantNoiseBudget(object) }
    },
  }
}

/** A ciphertext of two polynomials as coefficients, as SEAL 4.1 writes it. */
export function ciphertext(id: string, c0: readonly bigint[], c1: readonly bigint[]): Buffer {
  const words = Buffer.concat([...c0, ...c1].map(u64))
  const body = Buffer.concat([
    Buffer.from(id, 'hex'),
    Buffer.of(0),
    ...[2n, BigInt(degree), 1n].map(u64),
    one,
    u64(1n),
    header(words.length + 24),
    u64(BigInt(words.length / 8)),
    words,
  ])
  return Buffer.concat([header(body.length + 16), body])
}

function plaintext(coefficients: readonly bigint[], id: Buffer): Buffer {
  const words = Buffer.concat(coefficients.map(u64))
  const body = Buffer.concat([
    ...[id, u64(BigInt(coefficients.length)), one],
    ...[header(words.length + 24), u64(BigInt(coefficients.length)), words],
  ])
  return Buffer.concat([header(body.length + 16), body])
}

const one = Buffer.alloc(8)
one.writeDoubleLE(1)

function header(totalBytes: number): Buffer {
  return Buffer.concat([Buffer.of(0x5e, 0xa1, 16, 4, 1, 0, 0, 0), u64(BigInt(totalBytes))])
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

/** Values at the odd powers of the smallest root, bit-reversed, one by one. */
function toPoints(coefficients: readonly bigint[]): bigint[] {
  const root = 2_604_308_523_238n
  const powers = [1n]
  for (let exponent = 1; exponent < 2 * degree; exponent++) powers.push((powers[exponent - 1]! * root) % q)
  return coefficients.map((_, index) => {
    const reversed = Number.parseInt(index.toString(2).padStart(11, '0').split('').reverse().join(''), 2)
    const exponent = 2 * reversed + 1
    let sum = 0n
    for (let at = 0; at < degree; at++) sum += coefficients[at]! * powers[(at * exponent) % (2 * degree)]!
    return sum % q
  })
}
