metadata description = 'Alerts of the function app, over the tables of Application Insights.'

@export()
var functionAlerts = [
  {
    name: 'server-errors'
    description: 'More than 1 % of the requests, and at least 5, ended with a status of 500 or more. By service and status in the workbook.'
    severity: 1
    query: '''
AppRequests
| where toint(ResultCode) between (100 .. 599)
| summarize failed = countif(toint(ResultCode) >= 500), total = count()
| where failed >= 5 and failed * 100.0 > total
'''
  }
  {
    name: 'failed-functions'
    description: 'Functions of queues or timers have failed three times or more. Their messages are delivered again.'
    severity: 2
    query: '''
AppRequests
| where not(toint(ResultCode) between (100 .. 599)) and Success == false
| summarize failed = count() by Name
| where failed >= 3
'''
  }
  {
    name: 'poison'
    description: 'A message of a batch job has failed so often that it was given up. The job names the rows, or the reason.'
    severity: 1
    query: '''
AppRequests
| where Name endswith "-poison"
'''
  }
  {
    name: 'refused-messages'
    description: 'A message of a trigger can never be scored, or has failed too often: it is in a poison queue or the dead letters. What to do: guide/triggers.md'
    severity: 2
    query: '''
AppTraces
| where Message contains "-poison: " or Message has "is moved to the dead letters: " or Message has "cannot be scored, now or later: " or Message has "Moving message to queue"
| where Message !contains "scoring-job"
'''
  }
  {
    name: 'events-given-up'
    description: 'The event of a batch job was not accepted in three hours, and is not sent again. The line says by whom and why; GET of the job shows its end.'
    severity: 2
    query: '''
AppTraces
| where Message has "its event is given up after "
'''
  }
  {
    name: 'keys-unavailable'
    description: 'Callers get 503 because the keys of their service cannot be read: is the vault reachable, and has the identity its role?'
    severity: 1
    query: '''
AppTraces
| where Message has "KEYS_UNAVAILABLE"
'''
  }
]
