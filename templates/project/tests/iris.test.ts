import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { loadService } from 'scoring-functions/testing'

const iris = await loadService('models/iris')
after(() => iris.stop())

test('iris names the species of each flower', async () => {
  const rows = [
    [5.1, 3.4, 1.5, 0.2],
    [6.3, 3.4, 5.6, 2.4],
  ]
  const { species } = await iris.score<{ species: string[] }>({ data: rows })
  assert.deepEqual(species, ['setosa', 'virginica'])
})
