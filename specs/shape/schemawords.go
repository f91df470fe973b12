package shape

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// notes are the words of JSON Schema and OpenAPI that say nothing of a value,
// or nothing that is checked.
var notes = wordSet(`$schema $id $comment $defs definitions $anchor $vocabulary id title description default example examples
	deprecated readOnly writeOnly contentMediaType contentEncoding discriminator xml externalDocs summary patternErrorMessage errorMessage
	markdownDescription`)

// rules are the words that are read.
var rules = wordSet(`$ref type enum const allOf anyOf oneOf not minLength maxLength pattern format minimum maximum exclusiveMinimum
	exclusiveMaximum multipleOf items prefixItems additionalItems minItems maxItems properties required additionalProperties
	unevaluatedProperties patternProperties propertyNames`)

// refused are the words that a type cannot say, with the reason.
var refused = map[string]string{
	"if": byMessage, "then": byMessage, "else": byMessage, "dependentRequired": byMessage, "dependentSchemas": byMessage, "dependencies": byMessage,
	"uniqueItems": byItems, "contains": byItems, "minContains": byItems, "maxContains": byItems,
	"minProperties": "names are not counted; a map may have any number",
	"maxProperties": "names are not counted; a map may have any number",
	"$dynamicRef":   "a reference must lead to one schema of the file: write $ref", "$recursiveRef": "a reference must lead to one schema of the file: write $ref",
	"$dynamicAnchor": "a reference must lead to one schema of the file: write $ref", "$recursiveAnchor": "a reference must lead to one schema of the file: write $ref",
	"unevaluatedItems": "write items: false behind prefixItems", "contentSchema": "what is inside of text is not read",
	"nullable": `write type: [string, "null"]`, "divisibleBy": "write multipleOf", "extends": "write allOf", "disallow": "write not",
}

const (
	byMessage = "whether a field is wanted cannot depend on another; use anyOf with a constant in each alternative, or let the actor decide"
	byItems   = "items are checked one by one and not against each other; let the actor decide"
)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// words refuses the words of a schema that are not read, so that nothing in a
// file is silently without effect.
func (s *Schemas) words(n *schema.Node, path string) error {
	for _, f := range n.Fields {
		if err := s.word(f, path); err != nil && !s.note(err) {
			return err
		}
	}
	if id := n.Get("$id"); id != nil && n != s.root {
		return s.refuse(id, schema.Join(path, "$id"), "a schema within another cannot have an address of its own")
	}
	return nil
}

func (s *Schemas) word(f *schema.Field, path string) error {
	key := &schema.Node{Pos: f.Pos}
	switch {
	case notes[f.Key], rules[f.Key], strings.HasPrefix(f.Key, "x-"):
	case f.Key == "nullable" && s.dialect == OpenAPI3_0:
	case (f.Key == "uniqueItems" || f.Key == "nullable") && f.Value.Kind == schema.Bool && !f.Value.Bool():
	case f.Key == "minProperties" && f.Value.Text == "0":
	case refused[f.Key] != "":
		return s.refuse(key, schema.Join(path, f.Key), "%s is not among what a message type can say; %s", f.Key, refused[f.Key])
	default:
		hint := cmp.Or(schema.Mean(f.Key, slices.Sorted(maps.Keys(rules))), "words of your own begin with x-")
		return s.refuse(key, schema.Join(path, f.Key), "there is no word %s in JSON Schema; %s", f.Key, hint)
	}
	return nil
}
