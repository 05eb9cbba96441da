import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { jobQueues } from '../../src/jobs/job-queues.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a YAML file holds
type Document = any

const { kinds, definitions } = JSON.parse(readFileSync('test/fixtures/schemas/kubernetes.json', 'utf8'))
const ajv = new Ajv({ strict: false, allErrors: true, logger: false })

/** @returns what the schema of the document's kind says against it; unknown fields as well */
function findErrors(document: Document): string[] {
  const kind = `${document.apiVersion}/${document.kind}`
  if (!kinds[kind]) return [`${kind}: no schema: add it to tools/published-types/write_kubernetes_schemas.py`]
  const validate = ajv.getSchema(kind) ?? ajv.compile({ ...kinds[kind], $id: kind, definitions })
  validate(document)
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${params.additionalProperty ?? ''}`,
  )
}

const read = (file: string): Document[] =>
  parseAllDocuments(readFileSync(file, 'utf8'), { strict: true }).map(each => each.toJS())
const files = globSync('infra/kubernetes/base/*.yaml').filter(file => !file.endsWith('kustomization.yaml'))
const documents = files.flatMap(read)
const ofKind = (kind: string): Document[] => documents.filter(each => each.kind === kind)
const kustomization = read('infra/kubernetes/base/kustomization.yaml')[0]

describe('infra/kubernetes', () => {
  it.each(documents.map(each => [`${each.kind} ${each.metadata.name}`, each]))(
    '%s has only what its schema knows',
    (_, document) => {
      assert.deepEqual(findErrors(document), [])
    },
  )

  it.each([
    ['Deployment', (each: Document) => (each.spec.template.spec.containers[0].livenessProbee = {}), /livenessProbee/],
    [
      'Deployment',
      (each: Document) => (each.spec.template.spec.containers[0].ports[0].containerPort = '8080'),
      /integer/,
    ],
    ['ScaledObject', (each: Document) => (each.spec.minReplicaCounts = 1), /minReplicaCounts/],
    [
      'ScaledObject',
      (each: Document) => (each.spec.triggers[0].metadata.queueLength = 5),
      /queueLength must be string/,
    ],
    ['TriggerAuthentication', (each: Document) => (each.spec.podIdentity.provider = 'azure-wl'), /allowed values/],
    ['PodDisruptionBudget', (each: Document) => (each.spec.maxUnavailabel = 1), /maxUnavailabel/],
  ])('a wrong %s is found', (kind, spoil, finding) => {
    const wrong = structuredClone(ofKind(kind)[0])
    spoil(wrong)
    assert.match(findErrors(wrong).join('\n'), finding)
  })

  it('lists every file in its kustomization', () => {
    assert.deepEqual(kustomization.resources.toSorted(), files.map(file => file.split(/[\\/]/).at(-1)).toSorted())
  })

  it('runs pods that Kubernetes calls restricted: not as root, and without a file system to write to', () => {
    for (const { spec } of ofKind('Deployment')) {
      const pod = spec.template.spec
      assert.deepEqual(
        [pod.securityContext.runAsNonRoot, pod.securityContext.seccompProfile.type],
        [true, 'RuntimeDefault'],
      )
      assert.equal(pod.automountServiceAccountToken, false)
      for (const { securityContext, resources } of pod.containers) {
        assert.deepEqual(securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        assert.equal(resources.limits.memory, resources.requests.memory)
      }
    }
  })

  it('has the user of the image, and its port', () => {
    const dockerfile = readFileSync('infra/container/Dockerfile', 'utf8')
    for (const { spec } of ofKind('Deployment')) {
      const { securityContext, containers } = spec.template.spec
      assert.match(dockerfile, new RegExp(`^USER ${securityContext.runAsUser}:${securityContext.runAsGroup}$`, 'm'))
      assert.match(dockerfile, new RegExp(`^EXPOSE ${containers[0].ports[0].containerPort}$`, 'm'))
    }
  })

  it('selects the pods of each deployment by what they are labelled with', () => {
    const pods = ofKind('Deployment').map(({ spec }) => spec.template.metadata.labels)
    const selectors = [
      ...ofKind('Deployment').map(({ spec }) => spec.selector.matchLabels),
      ...ofKind('PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels),
      ...ofKind('Service').map(({ spec }) => spec.selector),
      ...ofKind('NetworkPolicy').map(({ spec }) => spec.podSelector.matchLabels),
    ]
    for (const selector of selectors) {
      assert(
        pods.some(labels => Object.entries(selector).every(([name, value]) => labels[name] === value)),
        JSON.stringify(selector),
      )
    }
  })

  it('counts the messages of every queue, as many for a pod as it takes at once', () => {
    const { queues } = JSON.parse(readFileSync('host.json', 'utf8')).extensions
    const triggers: Document[] = ofKind('ScaledObject').flatMap(({ spec }) => spec.triggers)
    assert.deepEqual(
      triggers.map(({ metadata }) => metadata.queueName),
      Object.values(jobQueues),
    )
    const atOnce = String(queues.batchSize + queues.newBatchThreshold)
    assert.deepEqual([...new Set(triggers.map(({ metadata }) => metadata.queueLength))], [atOnce])
  })

  it('leaves jobs to the workers: the API runs no function of a queue or timer', () => {
    const sources = globSync('functions/*.ts')
      .map(file => readFileSync(file, 'utf8'))
      .join('\n')
    const [api] = ofKind('Deployment').filter(({ metadata }) => metadata.name === 'scoring-api')
    const disabled = api.spec.template.spec.containers[0].env
      .map(({ name }: { name: string }) => /^AzureWebJobs\.(.+)\.Disabled$/.exec(name)?.[1])
      .filter(Boolean)
    const steps = ['split', 'chunk', 'finish'].map(step => `job-${step}-poison`)
    const named = [...sources.matchAll(/(?:onQueue|app\.timer)\('([\w-]+)'/g)].map(([, name = '']) => name)
    assert.deepEqual(disabled.toSorted(), [...named, ...steps].toSorted())
  })

  it('uses the placeholders of one identity everywhere', () => {
    const [account] = ofKind('ServiceAccount')
    const clientId = account.metadata.annotations['azure.workload.identity/client-id']
    const [authentication] = ofKind('TriggerAuthentication')
    assert.equal(authentication.spec.podIdentity.identityId, clientId)
    assert(kustomization.configMapGenerator[0].literals.includes(`AzureWebJobsStorage__clientId=${clientId}`))
  })
})

/** A document of the base as an overlay of JSON patches leaves it; `add` is what ours have. */
function patchDocuments(overlay: Document): Document[] {
  return overlay.patches.map(({ target, patch }: Document) => {
    const [document] = documents.filter(
      ({ kind, metadata }) => kind === target.kind && metadata.name === (target.name ?? metadata.name),
    )
    const patched = structuredClone(document)
    for (const { op, path, value } of parse(patch)) {
      const parts = path.slice(1).split('/')
      const last = parts.pop()
      const parent = parts.reduce((within: Document, part: string) => within[part], patched)
      assert.deepEqual([op, last, Array.isArray(parent)], ['add', '-', true], path)
      parent.push(value)
    }
    return patched
  })
}

describe('infra/kubernetes/service-bus', () => {
  const [overlay] = read('infra/kubernetes/service-bus/kustomization.yaml')
  const [authentication] = read('infra/kubernetes/service-bus/scaler.yaml')
  const patched = patchDocuments(overlay)
  const find = (kind: string): Document => patched.find(each => each.kind === kind)
  const [trigger] = find('ScaledObject').spec.triggers.slice(-1)

  it('has only what the schemas know', () => {
    assert.deepEqual(overlay.resources, ['../base', 'scaler.yaml'])
    assert.deepEqual([authentication, ...patched].flatMap(findErrors), [])
  })

  it('counts the messages of a queue, as many for a pod as it runs at once, with an identity that the app does not have', () => {
    const { serviceBus } = JSON.parse(readFileSync('host.json', 'utf8')).extensions
    assert.deepEqual(trigger, {
      type: 'azure-servicebus',
      metadata: {
        queueName: 'score-requests',
        namespace: 'my-namespace',
        messageCount: String(serviceBus.maxConcurrentCalls),
      },
      authenticationRef: { name: authentication.metadata.name },
    })
    const clientId = ofKind('ServiceAccount')[0].metadata.annotations['azure.workload.identity/client-id']
    assert.equal(authentication.spec.podIdentity.provider, 'azure-workload')
    assert.notEqual(authentication.spec.podIdentity.identityId, clientId)
  })

  it('connects as Container Apps do, in the namespace of the base, and over the port of AMQP', () => {
    const [{ name, behavior, literals }] = overlay.configMapGenerator
    assert.deepEqual(
      [name, behavior, overlay.namespace],
      [kustomization.configMapGenerator[0].name, 'merge', kustomization.namespace],
    )
    const settings = literals.map((each: string) => each.split('=')[0])
    const bicep = readFileSync('infra/container-apps/scoring.bicep', 'utf8')
    const ofContainerApps = [...bicep.matchAll(/name: '(AzureWebJobsServiceBus__\w+)'/g)].map(([, setting]) => setting)
    assert.deepEqual(settings, ofContainerApps)
    const ports = find('NetworkPolicy').spec.egress[0].ports.map(({ port }: { port: number }) => port)
    assert(ports.includes(5671), String(ports))
  })

  it('leaves the messages to the workers', () => {
    const { env } = find('Deployment').spec.template.spec.containers[0]
    const [, disabled = ''] = /^AzureWebJobs\.(.+)iris\.Disabled$/.exec(env.at(-1).name) ?? []
    assert(readFileSync('functions/service-triggers.ts', 'utf8').includes(`serviceBusQueue(\`${disabled}\${service}\``))
    assert.equal(find('Deployment').metadata.name, 'scoring-api')
  })
})
