package command

import (
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/api"
)

// find is the file at a path.
func find(list []api.File, path string) (api.File, bool) {
	i, ok := slices.BinarySearchFunc(list, path, func(f api.File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return api.File{}, false
	}
	return list[i], true
}
