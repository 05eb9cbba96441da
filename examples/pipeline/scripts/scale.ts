/** The first stage: measures of patients to what the model was trained with. */
import { Tensor } from 'scoring-functions'
import { z } from 'zod'

/** Mean, and standard deviation times the square root of the number of patients, of scikit-learn's diabetes data. */
const scales = {
  age: [48.518, 275.29],
  sex: [1.4683, 10.491],
  bmi: [26.376, 92.781],
  bloodPressure: [94.647, 290.46],
  cholesterol: [189.14, 726.77],
  ldl: [115.44, 638.67],
  hdl: [49.788, 271.62],
  cholesterolRatio: [4.0702, 27.099],
  logTriglycerides: [4.6414, 10.97],
  glucose: [91.26, 241.42],
} as const
type Measure = keyof typeof scales
const measures = Object.keys(scales) as Measure[]

const patient = z.object(
  Object.fromEntries(measures.map(measure => [measure, z.number()])) as Record<Measure, z.ZodNumber>,
)
export const input = z.object({ patients: z.array(patient).min(1) })

export function run({ patients }: z.infer<typeof input>) {
  const scale = (each: z.infer<typeof patient>) =>
    measures.map(measure => (each[measure] - scales[measure][0]) / scales[measure][1])
  return Tensor.from('float64', patients.map(scale))
}
