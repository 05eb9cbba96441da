/** Classifies images of handwritten digits: `node examples/images/classify.ts seven.png …`, while `npx scoring start` runs. */
import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { Webservice, Workspace } from 'scoring-functions/client'

const service = new Webservice(await Workspace.fromConfig(), 'digits')
for (const file of process.argv.slice(2)) {
  const image = await openAsBlob(file, { type: 'image/png' })
  const [probabilities = []] = await service.run<number[][]>(image)
  const digit = probabilities.indexOf(Math.max(...probabilities))
  console.log(`${basename(file)} is a ${digit}, with probability ${probabilities[digit]?.toFixed(2)}`)
}
