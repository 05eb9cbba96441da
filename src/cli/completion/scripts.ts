/**
 * Scripts that make shells complete the command line of `scoring`. They ask `scoring __complete`, which prints a line
 * `value<tab>description` for each word that may follow; with none, files are completed. A command that is installed in a
 * project only, and run through an alias for npx, is found in `node_modules`.
 */
export const completionScripts = {
  bash: `# scoring, in ~/.bashrc:  source <(npx scoring completion bash)
_scoring() {
  local IFS=$'\\n' program
  program=$(type -P "\${COMP_WORDS[0]}") || program=node_modules/.bin/scoring
  COMPREPLY=($("$program" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _scoring scoring
`,
  zsh: `#compdef scoring
# scoring, in ~/.zshrc after compinit:  source <(npx scoring completion zsh)
_scoring() {
  local program=$words[1]
  (( $+commands[$program] )) || program=node_modules/.bin/scoring
  local -a lines
  lines=("\${(@f)$($program __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n $lines[1] ]]; then
    lines=("\${(@)lines//$'\\t'/:}")
    _describe scoring lines
  else
    _files
  fi
}
compdef _scoring scoring
`,
  fish: `# scoring, in ~/.config/fish/config.fish:  npx scoring completion fish | source
function __scoring_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l program $words[1]
  command -q $program; or set program node_modules/.bin/scoring
  set -l lines ($program __complete -- $words[2..] "$current" 2>/dev/null)
  if count $lines >/dev/null
    string join \\n -- $lines
  else
    __fish_complete_path "$current"
  end
end
complete -c scoring -f -a '(__scoring_complete)'
`,
  powershell: `# scoring, in $PROFILE:  npx scoring completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName scoring -ScriptBlock {
  param($word, $ast, $cursor)
  $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  $program = if (Get-Command -CommandType Application,ExternalScript scoring -ErrorAction Ignore) { 'scoring' } else { 'node_modules/.bin/scoring' }
  $flags = if ($word -eq '') { @('--new-word') } else { @() }
  & $program __complete @flags '--' @words 2>$null | ForEach-Object {
    $value, $description = $_ -split "\`t", 2
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $(if ($description) { $description } else { $value }))
  }
}
`,
} as const

export type Shell = keyof typeof completionScripts
