/** Compares resources with what Microsoft's packages publish about their types (tools/published-types). */
import { readFileSync } from 'node:fs'
import { type BicepResource, Choice, Expression, isObject, type Value } from './bicep.ts'

interface Schema {
  readonly type?: 'string' | 'number' | 'boolean'
  readonly enum?: readonly string[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
}

const types = JSON.parse(readFileSync('test/fixtures/schemas/azure-types.json', 'utf8')) as Record<
  string,
  { readonly package: string; readonly schema: Schema }
>

/** Types of whose API version there is no package. */
const unpublished = new Set(['Microsoft.Insights/components'])
/** Of Bicep itself; the others of its own are plain properties of Azure. */
const ofBicep = new Set(['name', 'parent', 'scope', 'dependsOn'])
/** Newer than what the package of that type knows. Source: Azure/bicep-types-az, the version that infra/ names. */
const newer = [
  ...['location', 'tags'].map(name => `Microsoft.Insights/workbooks: ${name}: unknown or read-only`),
  'Microsoft.EventGrid/systemTopics/eventSubscriptions: properties.destination.endpointType: MonitorAlert',
  ...['severity', 'description', 'actionGroups'].map(
    name =>
      `Microsoft.EventGrid/systemTopics/eventSubscriptions: properties.destination.properties.${name}: unknown or read-only`,
  ),
  ...['minimumTlsVersion', 'publicNetworkAccess'].map(
    name => `Microsoft.ServiceBus/namespaces: properties.${name}: unknown or read-only`,
  ),
]

/** @returns a sentence for each property that there is not, and each value that is of the wrong type or not among the known ones */
export function findTypeErrors({ type, body }: BicepResource): string[] {
  if (unpublished.has(type)) return []
  const published = types[type]
  if (!published) return [`${type}: no published type: add it to tools/published-types/write_azure_types.mjs`]
  const properties = Object.fromEntries(Object.entries(body).filter(([name]) => !ofBicep.has(name)))
  return check(properties, published.schema, '')
    .map(text => `${type}: ${text}`)
    .filter(text => !newer.includes(text))
}

function check(value: Value, schema: Schema, path: string): string[] {
  if (value instanceof Expression || value === null) return []
  if (value instanceof Choice) return value.values.flatMap(each => check(each, schema, path))
  if (Array.isArray(value)) {
    if (schema.items) return value.flatMap(each => check(each, schema.items as Schema, `${path}[]`))
    return isAny(schema) ? [] : [`${path} is a list`]
  }
  if (isObject(value)) {
    if (!schema.properties) return isAny(schema) ? [] : [`${path} is an object`]
    return Object.entries(value).flatMap(([name, each]) => {
      const at = path === '' ? name : `${path}.${name}`
      const property = schema.properties?.[name]
      return property ? check(each, property, at) : [`${at}: unknown or read-only`]
    })
  }
  if (schema.properties || schema.items) return [`${path} is a ${typeof value}`]
  if (schema.type && typeof value !== schema.type) return [`${path} is a ${typeof value}, and must be a ${schema.type}`]
  const isKnown = !schema.enum || typeof value !== 'string' || schema.enum.includes(value)
  return isKnown ? [] : [`${path}: ${value}`]
}

const isAny = ({ type, items, properties }: Schema) => !type && !items && !properties
