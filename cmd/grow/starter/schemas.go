package starter

import (
	"maps"
	"slices"

	"github.com/grow-platform/grow/specs/schema"
)

// schemaFolder is the folder of the schemas, in the service's.
const schemaFolder = ".schema/"

// Schemas are the JSON Schemas by which editors check and complete the YAML
// files; each file names its own in its first line.
func Schemas() []File {
	documents := schema.JSONSchemas()
	var files []File
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		files = append(files, File{Path: schemaFolder + name, About: "for editors", Data: documents[name]})
	}
	return files
}
