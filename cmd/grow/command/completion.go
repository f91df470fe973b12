package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// completions are cobra's own commands in this program's words.
func completions(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Short, c.Example = "say more of a command", "  grow help deadletters show"
			c.Run, c.RunE = nil, helpOf // cobra's own fails nobody
		}
		if c.Name() != "completion" {
			continue
		}
		c.Short, c.Long = "print a shell's completion of grow's commands", "completion prints a script by which a shell completes commands and flags of grow."
		c.Example = "  source <(grow completion bash)"
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() } // else cobra looks at no arguments
		for _, sub := range c.Commands() {
			sub.Short = "completion for " + sub.Name()
			sub.Example = map[string]string{
				"bash": "  source <(grow completion bash)", "zsh": "  source <(grow completion zsh)", "fish": "  grow completion fish | source",
				"powershell": "  grow completion powershell | Out-String | Invoke-Expression",
			}[sub.Name()]
			if sub.Name() == "bash" {
				alone(sub)
			}
		}
	}
}

// alone has bash's script do without the package bash-completion, which many
// machines lack: cobra's prints an error at each Tab there.
func alone(bash *cobra.Command) {
	script := bash.RunE
	bash.RunE = func(c *cobra.Command, args []string) error {
		if err := script(c, args); err != nil {
			return err
		}
		_, err := fmt.Fprint(c.Root().OutOrStdout(), wordsOfLine)
		return err
	}
}

// wordsOfLine takes the place of the function of that name in cobra's script.
// It sets cur, prev, words and cword, as bash-completion does.
const wordsOfLine = `
# The words of the command line, as far as the cursor.
__grow_init_completion()
{
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local line="${COMP_LINE:0:COMP_POINT}"
    read -ra words <<<"$line"
    if [[ $line == *[[:blank:]] ]]; then
        words+=("")
    fi
    cword=$((${#words[@]} - 1))
    cur="${words[cword]}" prev="${words[cword - 1]}"
}
`
