import { inflateSync } from 'node:zlib'
import { MessageReader } from './message-reader.ts'

/** A schema as its compiler wrote it (google.protobuf.FileDescriptorProto, descriptor.proto). */
interface SchemaFile {
  /** Handed out unchanged. */
  readonly bytes: Uint8Array
  readonly name: string
  /** Names of the files that it imports. */
  readonly imports: readonly string[]
  /** Full names of its messages, enums, services and methods. */
  readonly symbols: readonly string[]
}

/** Schemas by the names of files and by what they define; unpacked when the first one is looked up. */
export class FileDescriptors {
  readonly #packed: readonly string[]
  #unpacked: Unpacked | undefined

  /** @param packed  sets of files (google.protobuf.FileDescriptorSet), compressed (zlib), as base64 */
  constructor(packed: readonly string[]) {
    this.#packed = packed
  }

  /** The file and all that it imports, those first: clients read them in order. Empty: there is none of that name. */
  findByName(name: string): readonly Uint8Array[] {
    return this.#withImports(this.#schemas.byName.get(name))
  }

  /** @param symbol  e.g. `inference.GRPCInferenceService`, or a method or message */
  findBySymbol(symbol: string): readonly Uint8Array[] {
    return this.#withImports(this.#schemas.bySymbol.get(symbol))
  }

  get #schemas(): Unpacked {
    this.#unpacked ??= unpack(this.#packed)
    return this.#unpacked
  }

  #withImports(file: SchemaFile | undefined): readonly Uint8Array[] {
    const found = new Set<SchemaFile>()
    const add = (each: SchemaFile | undefined) => {
      if (!each || found.has(each)) return
      for (const name of each.imports) add(this.#schemas.byName.get(name))
      found.add(each)
    }
    add(file)
    return [...found].map(({ bytes }) => bytes)
  }
}

interface Unpacked {
  readonly byName: ReadonlyMap<string, SchemaFile>
  readonly bySymbol: ReadonlyMap<string, SchemaFile>
}

function unpack(packed: readonly string[]): Unpacked {
  const byName = new Map<string, SchemaFile>()
  const bySymbol = new Map<string, SchemaFile>()
  for (const text of packed) {
    const reader = new MessageReader(inflateSync(Buffer.from(text, 'base64')), 'FileDescriptorSet')
    while (reader.next()) {
      const file = readFile(reader.bytes())
      byName.set(file.name, file)
      for (const symbol of file.symbols) bySymbol.set(symbol, file)
    }
  }
  return { byName, bySymbol }
}

/** Numbers of the fields of FileDescriptorProto. */
const fields = { name: 1, package: 2, dependency: 3, message: 4, enum: 5, service: 6 }

function readFile(bytes: Uint8Array): SchemaFile {
  const reader = new MessageReader(bytes, 'FileDescriptorProto')
  const imports: string[] = []
  const symbols: string[] = []
  let name = ''
  let prefix = ''
  while (reader.next()) {
    switch (reader.field) {
      case fields.name:
        name = reader.text()
        break
      case fields.package:
        prefix = `${reader.text()}.`
        break
      case fields.dependency:
        imports.push(reader.text())
        break
      case fields.message:
        addMessage(reader.message('DescriptorProto'), prefix, symbols)
        break
      case fields.enum:
        addEnum(reader.message('EnumDescriptorProto'), prefix, symbols)
        break
      case fields.service:
        addService(reader.message('ServiceDescriptorProto'), prefix, symbols)
        break
      default:
        reader.skip()
    }
  }
  return { bytes, name, imports, symbols }
}

/** A message has its name in field 1, messages in 3 and enums in 4. */
function addMessage(reader: MessageReader, prefix: string, symbols: string[]): void {
  let name = prefix
  while (reader.next()) {
    if (reader.field === 1) {
      name = `${prefix}${reader.text()}`
      symbols.push(name)
    } else if (reader.field === 3) addMessage(reader.message('DescriptorProto'), `${name}.`, symbols)
    else if (reader.field === 4) addEnum(reader.message('EnumDescriptorProto'), `${name}.`, symbols)
    else reader.skip()
  }
}

/** Its values, in field 2, have names beside it rather than in it. */
function addEnum(reader: MessageReader, prefix: string, symbols: string[]): void {
  while (reader.next()) {
    if (reader.field === 1) symbols.push(`${prefix}${reader.text()}`)
    else if (reader.field === 2) addNamed(reader.message('EnumValueDescriptorProto'), prefix, symbols)
    else reader.skip()
  }
}

/** A service has its name in field 1 and methods in 2. */
function addService(reader: MessageReader, prefix: string, symbols: string[]): void {
  let name = prefix
  while (reader.next()) {
    if (reader.field === 1) {
      name = `${prefix}${reader.text()}`
      symbols.push(name)
    } else if (reader.field === 2) addNamed(reader.message('MethodDescriptorProto'), `${name}.`, symbols)
    else reader.skip()
  }
}

function addNamed(reader: MessageReader, prefix: string, symbols: string[]): void {
  while (reader.next()) {
    if (reader.field === 1) symbols.push(`${prefix}${reader.text()}`)
    else reader.skip()
  }
}
