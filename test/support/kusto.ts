/** The language of Azure Monitor's queries, by Microsoft's own parser. */
import { createRequire } from 'node:module'

/** Columns of workspace-based tables of Application Insights ("Azure Monitor Logs tables", microsoft.insights/components). */
const common = `TimeGenerated: datetime, OperationId: string, OperationName: string, ParentId: string, AppRoleName: string,
  AppRoleInstance: string, Properties: dynamic, ItemCount: int, SDKVersion: string, Type: string`
const invoked =
  'Id: string, Name: string, DurationMs: real, Success: bool, ResultCode: string, PerformanceBucket: string'
/** Columns of a table of Container Apps that are used ("Azure Monitor Logs tables", microsoft.app/managedenvironments). */
const consoleLogs = 'TimeGenerated: datetime, Log: string, ContainerAppName: string, RevisionName: string'
const tables: Readonly<Record<string, string>> = {
  AppTraces: `${common}, Message: string, SeverityLevel: int`,
  AppRequests: `${common}, ${invoked}, Url: string, Source: string`,
  AppDependencies: `${common}, ${invoked}, DependencyType: string, Target: string, Data: string`,
  AppMetrics: `${common}, Name: string, Sum: real, Min: real, Max: real`,
  ContainerAppConsoleLogs: consoleLogs,
}

/** What is used of `@kusto/language-service-next`, which Bridge.NET has made of C#. */
interface Kusto {
  readonly Language: {
    readonly GlobalState: { readonly Default: { WithDatabase(database: object): object } }
    readonly KustoCode: {
      ParseAndAnalyze(
        text: string,
        globals: object,
      ): {
        GetDiagnostics(): { readonly Count: number; getItem(index: number): { readonly Message: string } }
      }
    }
    readonly Symbols: {
      readonly TableSymbol: { From(schema: string): { WithName(name: string): object } }
      readonly DatabaseSymbol: { readonly $ctor1: new (name: string, members: readonly object[]) => object }
    }
  }
}

/** @returns what the parser finds wrong with a query, by the columns that the tables have */
export function openKusto(): (query: string) => string[] {
  const require = createRequire(import.meta.url)
  require('@kusto/language-service-next/bridge.min.js')
  require('@kusto/language-service-next/Kusto.Language.Bridge.min.js')
  const { GlobalState, KustoCode, Symbols } = (globalThis as unknown as { Kusto: Kusto }).Kusto.Language
  const symbols = Object.entries(tables).map(([name, columns]) =>
    Symbols.TableSymbol.From(`(${columns})`).WithName(name),
  )
  const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1('workspace', symbols))
  return query => {
    const found = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics()
    return Array.from({ length: found.Count }, (_, index) => found.getItem(index).Message)
  }
}
