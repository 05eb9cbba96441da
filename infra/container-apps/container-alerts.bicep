metadata description = 'Alerts of the container app, over the lines that it logs with SCORING_LOG=json.'

@export()
var containerAlerts = [
  {
    name: 'server-errors'
    description: 'More than 1 % of the requests, and at least 5, ended with a status of 500 or more.'
    severity: 1
    query: '''
ContainerAppConsoleLogs
| extend line = parse_json(Log)
| where isnotempty(line.status)
| summarize failed = countif(toint(line.status) >= 500), total = count()
| where failed >= 5 and failed * 100.0 > total
'''
  }
  {
    name: 'restarts'
    description: 'A container does not start or keeps ending. Its last lines in ContainerAppConsoleLogs say why.'
    severity: 1
    query: '''
ContainerAppSystemLogs
| where Reason in ("ContainerBackOff", "BackOff", "ContainerCrashing", "ProbeFailed", "ReplicaUnhealthy")
| summarize events = count()
| where events >= 5
'''
  }
  {
    name: 'poison'
    description: 'A message of a batch job has failed so often that it was given up. The job names the rows, or the reason.'
    severity: 1
    query: '''
ContainerAppConsoleLogs
| where Log contains "-poison'" and Log contains "scoring-job"
'''
  }
  {
    name: 'refused-messages'
    description: 'A message of a trigger can never be scored, or has failed too often: it is in a poison queue or the dead letters. What to do: guide/triggers.md'
    severity: 2
    query: '''
ContainerAppConsoleLogs
| where Log contains "-poison: " or Log has "is moved to the dead letters: " or Log has "cannot be scored, now or later: " or Log has "Moving message to queue"
| where Log !contains "scoring-job"
'''
  }
  {
    name: 'events-given-up'
    description: 'The event of a batch job was not accepted in three hours, and is not sent again. The line says by whom and why; GET of the job shows its end.'
    severity: 2
    query: '''
ContainerAppConsoleLogs
| where Log has "its event is given up after "
'''
  }
  {
    name: 'keys-unavailable'
    description: 'Callers get 503 because the keys of their service cannot be read: is the vault reachable, and has the identity its role?'
    severity: 1
    query: '''
ContainerAppConsoleLogs
| where Log has "KEYS_UNAVAILABLE"
'''
  }
]
