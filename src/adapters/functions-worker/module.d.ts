/** The worker supplies this module at run time; it is in no package. */
declare module '@azure/functions-core' {
  const core: import('./functions-core.ts').FunctionsCore
  export default core
}
