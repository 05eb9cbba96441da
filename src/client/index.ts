/** `scoring-functions/client`: scores, and manages models, services, keys and jobs. What scores works in browsers too. */
export { BatchJob, JobError, type JobFilter, type WaitOptions } from './batch-job.ts'
export type { CallOptions, Fetch } from './caller.ts'
export {
  ContainerAppsWebservice,
  type DeploymentConfiguration,
  type DeploymentParameters,
  type DeploymentTarget,
  FlexWebservice,
  LocalWebservice,
} from './deployment-configuration.ts'
export { type EncryptedClientOptions, EncryptedLinearClient, type EncryptedModel } from './encrypted-linear-client.ts'
export { InferenceConfig, type InferenceConfigParameters } from './inference-config.ts'
export type { JobDescription, JobStatus, RowResult } from './job-description.ts'
export type { FileSubmission, InputForm, JobOutput, JobSubmission } from './job-submission.ts'
export {
  type Labels,
  Model,
  type ModelChange,
  type ModelFilters,
  ModelNotFound,
  type ModelRecord,
  type ModelRegistration,
} from './model.ts'
export { ModelPackage, type PackageFile, type PackageParameters, type PackageState } from './model-package.ts'
export { RequestError } from './request-error.ts'
export type { InputOptions, RunOptions, ScoringInput, TensorElements } from './scoring-input.ts'
export type { WebserviceAddress } from './service-address.ts'
export type { ServiceFilters } from './service-filters.ts'
export type {
  DeploymentRecord,
  NewDeployment,
  ServiceChange,
  ServiceRecord,
  Traffic,
} from './service-record.ts'
export type { ServiceState, ServiceStatus } from './service-status.ts'
export type { TagFilters } from './tags.ts'
export type { WaitForDeploymentOptions } from './wait-for-deployment.ts'
export { Webservice } from './webservice.ts'
export {
  type AccessToken,
  type AzureWorkspaceOptions,
  type FolderWorkspaceOptions,
  type KeyType,
  type ServiceKeys,
  type TokenCredential,
  Workspace,
} from './workspace.ts'
export { WebserviceError, WorkspaceError } from './workspace-error.ts'
