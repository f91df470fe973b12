package openapi

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// nodesMax is how many values a YAML document stands for, with its aliases written out.
const nodesMax = 2_000_000

// checkAliases refuses YAML in which few lines stand for endless ones.
func checkAliases(data []byte) error {
	var n yaml.Node
	if err := yaml.Unmarshal(data, &n); err != nil {
		return fmt.Errorf("is no YAML: %w", short(err))
	}
	if nodes(&n, map[*yaml.Node]int{}) > nodesMax {
		return fmt.Errorf("stands for more than %d values", nodesMax)
	}
	return nil
}

// nodes counts what a node stands for; at is what aliased ones were counted as.
func nodes(n *yaml.Node, at map[*yaml.Node]int) int {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if known, ok := at[n]; ok {
		return known
	}
	at[n] = nodesMax + 1 // of one within itself
	sum := 1
	for _, part := range n.Content {
		sum = min(sum+nodes(part, at), nodesMax+1)
	}
	at[n] = sum
	return sum
}
