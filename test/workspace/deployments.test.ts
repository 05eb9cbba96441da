import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { addDeployment, changeTraffic, removeDeployment } from '../../src/workspace/deployments.ts'

const placed = { churn: { path: '4/churn/2/model.onnx' } }
const models = { churn: { path: '3/churn/1/model.onnx' } }
const green = { models: [], placed, newest: 4 }

describe('addDeployment', () => {
  it('makes a deployment of what is served, and adds another one without requests', () => {
    assert.deepEqual(addDeployment({ description: 'x', models }, 'green', { ...green, mirror: 20 }), {
      description: 'x',
      models,
      deployments: { blue: { weight: 100, models }, green: { weight: 0, mirror: 20, models: placed } },
    })
  })

  it('pins the version of a service that names none', () => {
    const { deployments } = addDeployment({}, 'green', { ...green, current: 'first' })
    assert.deepEqual(deployments, { first: { weight: 100, version: 4 }, green: { weight: 0, models: placed } })
  })

  it('replaces the models of one, and leaves its share', () => {
    const before = { deployments: { blue: { weight: 90, version: 1 }, green: { weight: 10, version: 2 } } }
    assert.deepEqual(addDeployment(before, 'green', green).deployments, {
      blue: { weight: 90, version: 1 },
      green: { weight: 10, models: placed },
    })
  })

  it('keeps the two names apart', () => {
    assert.throws(() => addDeployment({}, 'blue', green), /"blue" is what the deployment is called that there is/)
  })
})

describe('changeTraffic', () => {
  const before = { deployments: { blue: { weight: 100 }, green: { weight: 0, mirror: 10 } } }

  it('gives those that are left out nothing, and copies only as asked', () => {
    const { deployments } = changeTraffic(before, { weights: { green: 100 }, mirror: { green: 0 } })
    assert.deepEqual(deployments, { blue: { weight: 0 }, green: { weight: 100, mirror: 0 } })
    assert.deepEqual(changeTraffic(before, { mirror: { blue: 5 } }).deployments, {
      blue: { weight: 100, mirror: 5 },
      green: { weight: 0, mirror: 10 },
    })
  })

  it('sets and removes the header by which requests stay together', () => {
    const sticky = changeTraffic(before, { stickyHeader: 'x-user' })
    assert.deepEqual(sticky.traffic, { stickyHeader: 'x-user' })
    assert.equal(changeTraffic(sticky, { stickyHeader: null }).traffic, undefined)
  })

  it.for<[definition: object, names: object, message: RegExp]>([
    [before, { red: 100 }, /there is no deployment "red"; there are: blue, green/],
    [{}, { blue: 100 }, /the service has one deployment only/],
  ])('refuses %j with %j', ([definition, weights, message]) => {
    assert.throws(() => changeTraffic(definition as never, { weights: weights as never }), {
      name: 'WorkspaceError',
      message,
    })
  })
})

describe('removeDeployment', () => {
  it('removes one that gets no requests only', () => {
    const before = { deployments: { blue: { weight: 90 }, green: { weight: 10 } } }
    assert.throws(() => removeDeployment(before, 'green'), /green answers 10 percent of the requests/)
    const idle = changeTraffic(before, { weights: { blue: 100 } })
    assert.deepEqual(removeDeployment(idle, 'green').deployments, { blue: { weight: 100 } })
  })
})
