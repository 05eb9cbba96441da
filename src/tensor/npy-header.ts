/** The header of a `.npy` file (numpy/lib/format.py, "Format Version 1.0" to "3.0"). */
interface NpyHeader {
  /** NumPy's type string, e.g. `<f4`; undefined: a structured type. */
  readonly descr: string | undefined
  readonly isFortranOrder: boolean
  readonly shape: readonly number[]
  /** The offset of the first element. */
  readonly dataOffset: number
}

/** The first bytes of every `.npy` file; two bytes of version follow. */
const npyMagic = Uint8Array.of(0x93, ...new TextEncoder().encode('NUMPY'))

/** NumPy itself writes less than 200 bytes but for structured types, which no tensor holds. */
const maxHeaderBytes = 65_535
/** More dimensions than NumPy 1 has. */
const maxRank = 32

export function isNpy(bytes: Uint8Array): boolean {
  return npyMagic.every((byte, index) => bytes[index] === byte)
}

/** @throws SyntaxError saying what is wrong, in words that follow "the body is not a .npy file: " */
export function decodeNpyHeader(bytes: Uint8Array): NpyHeader {
  if (!isNpy(bytes)) throw new SyntaxError('it does not begin with \\x93NUMPY')
  if (bytes.length < 8) throw new SyntaxError('it ends in its header')
  const [major, minor] = bytes.subarray(npyMagic.length, 8) as unknown as [number, number]
  if (minor !== 0 || major < 1 || major > 3) {
    throw new SyntaxError(`it has the version ${major}.${minor}, known are 1.0, 2.0 and 3.0`)
  }
  const start = major === 1 ? 10 : 12
  if (bytes.length < start) throw new SyntaxError('it ends in its header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, start)
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (length > maxHeaderBytes)
    throw new SyntaxError(`its header has ${length} bytes, at most ${maxHeaderBytes} are read`)
  if (bytes.length < start + length) throw new SyntaxError('it ends in its header')
  // Only field names of a structured type may hold other characters than ASCII.
  const text = new TextDecoder('latin1').decode(bytes.subarray(start, start + length))
  return { ...parseDictionary(text), dataOffset: start + length }
}

/** One member of the Python dictionary, with its comma. */
const member =
  /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:'([^'\\]*)'|"([^"\\]*)"|(True|False)|\(([\d\s,L]*)\)|(\[))\s*(,?)/y

/** The three members in any order, each once; nothing is evaluated. */
function parseDictionary(text: string): Omit<NpyHeader, 'dataOffset'> {
  const malformed = () => new SyntaxError('its header is not {"descr": …, "fortran_order": …, "shape": …}')
  const open = /^\s*\{/.exec(text)
  if (!open) throw malformed()
  let descr: string | undefined
  let isFortranOrder: boolean | undefined
  let shape: readonly number[] | undefined
  member.lastIndex = open[0].length
  for (let count = 0; count < 3; count++) {
    const end = member.lastIndex
    const found = member.exec(text)
    if (!found) throw malformed()
    const [, , name, single, double, flag, sizes, list, comma] = found
    if (name === 'descr' && list) return { descr: undefined, isFortranOrder: false, shape: [] }
    if (name === 'descr' && descr === undefined) descr = single ?? double
    else if (name === 'fortran_order' && flag && isFortranOrder === undefined) isFortranOrder = flag === 'True'
    else if (name === 'shape' && sizes !== undefined && !shape) shape = parseShape(sizes)
    else throw malformed()
    if (end === member.lastIndex || (comma === '' && count < 2)) throw malformed()
  }
  if (!/^\s*\}\s*$/.test(text.slice(member.lastIndex))) throw malformed()
  if (descr === undefined || isFortranOrder === undefined || !shape) throw malformed()
  return { descr, isFortranOrder, shape }
}

/** `3, 4`, `3,` or nothing, as between the brackets of a Python tuple; Python 2 wrote `3L`. */
function parseShape(text: string): readonly number[] {
  if (text.trim() === '') return []
  const parts = text.replace(/,\s*$/, '').split(',')
  // `(3)` is a number in Python, not a tuple; sizes of more digits are beyond any memory.
  if (!text.includes(',') || !parts.every(part => /^\s*\d{1,15}L?\s*$/.test(part))) {
    throw new SyntaxError('its shape is not a tuple of sizes, e.g. (3, 4)')
  }
  if (parts.length > maxRank) throw new SyntaxError(`it has ${parts.length} dimensions, at most ${maxRank} are read`)
  return parts.map(part => Number.parseInt(part, 10))
}
