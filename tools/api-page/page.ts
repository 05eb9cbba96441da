/** The page: each class with its methods, then the types that they take and return. */
import {
  type Comment,
  type DeclarationReflection,
  type ParameterReflection,
  type ProjectReflection,
  ReflectionKind,
  type SignatureReflection,
  type SomeType,
} from 'typedoc'

const maxTexts = 20

const preface = `# API of the SDK

\`scoring-functions/client\`, made from its docstrings by \`npm run docs:api\`. [sdk.md](sdk.md) shows how it is used.
`

export function describePage({ children = [] }: ProjectReflection): string {
  const byName = [...children].sort((one, other) => (one.name < other.name ? -1 : 1))
  const of = (...kinds: ReflectionKind[]) => byName.filter(each => kinds.includes(each.kind))
  const sections: [title: string, entries: string[]][] = [
    ['Classes', of(ReflectionKind.Class).map(describeClass)],
    ['Deployment configurations', of(ReflectionKind.Variable).map(describeClass)],
    ['Types', of(ReflectionKind.Interface, ReflectionKind.TypeAlias).map(describeType)],
  ]
  const shown = sections.reduce((sum, [, entries]) => sum + entries.length, 0)
  if (shown !== children.length) throw new Error('something is exported of a kind that the page does not show')
  const text = [preface, ...sections.flatMap(([title, entries]) => [`## ${title}\n`, ...entries])].join('\n')
  return `${text.replace(/\n{3,}/g, '\n\n').trimEnd()}\n`
}

function describeClass(each: DeclarationReflection): string {
  const members = each.children ?? literalMembers(each)
  const properties = members.filter(({ kind }) => kind === ReflectionKind.Property || kind === ReflectionKind.Accessor)
  const callable = members.filter(({ signatures }) => signatures !== undefined)
  return [
    `### ${each.name}\n`,
    textOf(each.comment),
    tableOf(properties.filter(property => !callable.includes(property))),
    ...callable.map(method => describeMethod(each, method)),
  ].join('\n')
}

/** Of `{ deployConfiguration: (parameters) => … }`: a property whose type is a function. */
function literalMembers({ type }: DeclarationReflection): DeclarationReflection[] {
  const children = type?.type === 'reflection' ? (type.declaration.children ?? []) : []
  for (const child of children)
    if (child.type?.type === 'reflection') child.signatures ??= child.type.declaration.signatures
  return children
}

function describeMethod(owner: DeclarationReflection, method: DeclarationReflection): string {
  const isConstructor = method.kind === ReflectionKind.Constructor
  const isStatic = method.flags.isStatic || owner.kind === ReflectionKind.Variable
  const start = isConstructor ? `new ${owner.name}` : isStatic ? `${owner.name}.${method.name}` : method.name
  // Constructors without a docstring are for the SDK itself, or those of Error.
  return (method.signatures ?? [])
    .filter(signature => !isConstructor || (signature.comment ?? method.comment))
    .map(signature => {
      const returns = isConstructor ? '' : `: ${signature.type}`
      const code = `${start}${genericsOf(signature)}(${parametersOf(signature)})${returns}`
      const comment = signature.comment ?? method.comment
      return ['```ts', code, '```', '', textOf(comment), tagsOf(signature, comment)].join('\n')
    })
    .join('\n')
}

const genericsOf = ({ typeParameters }: SignatureReflection): string =>
  typeParameters
    ? `<${typeParameters.map(({ name, default: type }) => (type ? `${name} = ${type}` : name)).join(', ')}>`
    : ''

/** The name of an object that is taken apart at once. */
const nameOf = ({ name }: ParameterReflection): string => (name.startsWith('__') ? 'options' : name)

function parametersOf({ parameters = [] }: SignatureReflection): string {
  const describe = (each: ParameterReflection) => {
    const isOptional = each.flags.isOptional || each.defaultValue !== undefined
    return `${nameOf(each)}${isOptional ? '?' : ''}: ${each.type}`
  }
  return parameters.map(describe).join(', ')
}

function tagsOf({ parameters = [] }: SignatureReflection, comment: Comment | undefined): string {
  const lines = parameters.flatMap(each =>
    each.comment ? [`- \`${nameOf(each)}\`: ${inline(each.comment.summary)}`] : [],
  )
  for (const { tag, content } of comment?.blockTags ?? []) {
    if (tag === '@returns') lines.push(`- Returns ${inline(content)}`)
    if (tag === '@throws') lines.push(`- Throws ${inline(content)}`)
  }
  return lines.length > 0 ? `${lines.join('\n')}\n` : ''
}

function describeType(each: DeclarationReflection): string {
  const { name, children, comment, signatures, type, typeParameters = [], extendedTypes } = each
  const generics = typeParameters.map(parameter => parameter.name)
  const title = generics.length > 0 ? `${name}\\<${generics.join(', ')}\\>` : name
  const alias =
    children === undefined && signatures === undefined && type?.type !== 'query'
      ? ['```ts', String(type), '```', '']
      : []
  const bases = extendedTypes ? [`With all of ${extendedTypes.map(base => `\`${base}\``).join(' and ')}.\n`] : []
  return [
    `### ${title}\n`,
    textOf(comment),
    ...bases,
    ...alias,
    tableOf(children?.filter(child => !child.inheritedFrom) ?? []),
  ].join('\n')
}

/** Members in a table; nothing where there are none. */
function tableOf(members: readonly DeclarationReflection[]): string {
  const shownMembers = members.filter(isDocumented)
  if (shownMembers.length === 0) return ''
  const rows = shownMembers.map(member => {
    const { name, flags, type, getSignature, signatures, comment } = member
    const text = comment ?? getSignature?.comment ?? signatures?.[0]?.comment
    const [call] = signatures ?? []
    const shown = call ? `(${parametersOf(call)}) => ${call.type}` : typeText(type ?? getSignature?.type)
    const description = text ? inline(text.summary) : ''
    return `| \`${name}${flags.isOptional ? '?' : ''}\` | \`${cell(shown)}\` | ${cell(description)} |`
  })
  return ['| Member | Type | |', '| --- | --- | --- |', ...rows, ''].join('\n')
}

/** A list of dozens of texts, such as the codes of errors, is on a page of its own. */
function typeText(type: SomeType | undefined): string {
  const isLong = type?.type === 'union' && type.types.filter(each => each.type === 'literal').length > maxTexts
  return isLong ? 'string' : String(type)
}

/** `undefined` says no more than the question mark of an optional member. */
const cell = (text: string): string => text.replaceAll(' | undefined', '').replaceAll('|', '\\|')

/** Not the constant `name` of errors. */
const isDocumented = ({ name, overwrites }: DeclarationReflection): boolean =>
  name !== 'name' || overwrites === undefined

const textOf = (comment: Comment | undefined): string => (comment ? `${paragraphs(comment.summary)}\n` : '')

const paragraphs = (parts: Comment['summary']): string =>
  parts
    .map(({ text }) => text)
    .join('')
    .split(/\n{2,}/)
    .map(paragraph => (paragraph.startsWith('```') ? paragraph : paragraph.replace(/\s+/g, ' ')))
    .join('\n\n')
    .trim()

const inline = (parts: Comment['summary']): string => paragraphs(parts).replace(/\s+/g, ' ')
