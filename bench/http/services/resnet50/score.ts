/** Takes one image as 3x224x224 float32 (little endian, channels first), returns 1000 scores as float32. */
import { type InitContext, type ModelSession, Tensor } from 'scoring-functions'

let resnet50: ModelSession

export const rawHttp = true

export async function init({ loadModel }: InitContext) {
  resnet50 = await loadModel('resnet50')
}

export async function run(request: Request) {
  const pixels = new Float32Array(await request.arrayBuffer())
  const { scores } = await resnet50.run({ image: new Tensor('float32', pixels, [1, 3, 224, 224]) })
  return new Response(scores?.data as Float32Array<ArrayBuffer>, {
    headers: { 'content-type': 'application/octet-stream' },
  })
}
