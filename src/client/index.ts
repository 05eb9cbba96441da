/** `scoring-functions/client`: scores, and manages models, services, keys and jobs. What scores works in browsers too. */
export {
  BatchJob,
  type FileSubmission,
  type InputForm,
  type JobDescription,
  JobError,
  type JobFilter,
  type JobStatus,
  type JobSubmission,
  type RowResult,
  type WaitOptions,
} from './batch-job.ts'
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
export type { JobOutput } from './job-output.ts'
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
export type { InputOptions, ScoringInput, TensorElements } from './scoring-input.ts'
export type { DeploymentRecord, NewDeployment, ServiceChange, ServiceRecord, Traffic } from './service-record.ts'
export type { ServiceState, ServiceStatus } from './service-status.ts'
export type { TagFilters } from './tags.ts'
export {
  type RunOptions,
  type ServiceFilters,
  type WaitForDeploymentOptions,
  Webservice,
  type WebserviceAddress,
  WebserviceError,
} from './webservice.ts'
export {
  type AccessToken,
  type AzureWorkspaceOptions,
  type FolderWorkspaceOptions,
  type KeyType,
  type ServiceKeys,
  type TokenCredential,
  Workspace,
} from './workspace.ts'
export { WorkspaceError } from './workspace-error.ts'
