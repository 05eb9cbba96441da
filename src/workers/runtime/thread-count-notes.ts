import type { ServiceSpec } from '../../models/repository/service-spec.ts'

/** Tells the owner of a service about runs that are to be shared by more threads than there are processors for them. */
export function threadCountNotes({ definition, stages }: ServiceSpec, processorCount: number): string[] {
  const models = stages
    ? stages.filter(({ model }) => model !== undefined).map(stage => ({ ...stage, where: `stage "${stage.name}": ` }))
    : [{ accelerator: definition.accelerator, where: '' }]
  return models
    .filter(({ accelerator }) => accelerator.intraOpThreads > processorCount)
    .map(
      ({ where, accelerator: { intraOpThreads } }) =>
        `${where}accelerator.intraOpThreads is ${intraOpThreads}, but the process may use ${processorCount} of the processors: the threads of a run will wait for each other`,
    )
}
