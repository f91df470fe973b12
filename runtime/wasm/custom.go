package wasm

import "slices"

// Customs are the contents of the custom sections of a name, in the order of
// the file.
func (m *Module) Customs(name string) [][]byte {
	var all [][]byte
	for i := range m.Sections {
		if s := &m.Sections[i]; s.ID == SectionCustom && s.Name == name {
			all = append(all, m.Binary[s.Start:s.End])
		}
	}
	return all
}

// ProducersMax is how many producers, and how many target features, are read.
const ProducersMax = 100

// Producer is a language or a tool that a module was made with, as it says
// itself (tool conventions, producers section), fit to be shown.
type Producer struct {
	Field   string `json:"field"` // language, processed-by, sdk
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Producers reads the producers section, as far as it makes sense.
func (m *Module) Producers() []Producer {
	var all []Producer
	for _, b := range m.Customs("producers") {
		c := cursor{b: b, end: len(b)}
		for range min(c.u32(), ProducersMax) {
			field := shown(c.vector())
			for range min(c.u32(), ProducersMax) {
				p := Producer{Field: field, Name: shown(c.vector()), Version: shown(c.vector())}
				if c.err != nil || len(all) == ProducersMax {
					return all
				}
				all = append(all, p)
			}
		}
	}
	return all
}

// TargetFeatures reads what the compiler was allowed to use (tool conventions,
// target features section): +simd128, say.
func (m *Module) TargetFeatures() []string {
	var all []string
	for _, b := range m.Customs("target_features") {
		c := cursor{b: b, end: len(b)}
		for range min(c.u32(), ProducersMax) {
			prefix := c.byte()
			name := shown(c.vector())
			if c.err != nil || len(all) == ProducersMax {
				return all
			}
			all = append(all, Safe(string(rune(prefix)))+name)
		}
	}
	return all
}

// The features that came with core 2.0, by the names of their proposals.
var later = []struct {
	name string
	uses func(Op) bool
}{
	{"bulk memory", func(o Op) bool { return o >= OpMemoryInit && o <= OpTableCopy }},
	{"fixed-width SIMD", func(o Op) bool { return o>>8 == prefixVector }},
	{"multi-value", func(Op) bool { return false }}, // the types tell
	{"non-trapping float-to-int conversions", func(o Op) bool { return o>>8 == prefixMisc && o < OpMemoryInit }},
	{"reference types", func(o Op) bool {
		return o == OpTableGet || o == OpTableSet || o == OpSelectT || o >= OpRefNull && o <= OpRefFunc || o >= OpTableGrow && o <= OpTableFill
	}},
	{"sign-extension operators", func(o Op) bool { return o >= OpI32Extend8S && o <= OpI64Extend32S }},
}

// Features are what the code uses that core 1.0 did not have, by the names of
// the proposals, sorted.
func (m *Module) Features() []string {
	found := make([]bool, len(later))
	var in Instr
	for i := range m.Bodies {
		for s := m.Scan(i); s.Next(&in); {
			if in.Op < OpI32Extend8S && in.Op != OpTableGet && in.Op != OpTableSet && in.Op != OpSelectT {
				continue
			}
			for k := range later {
				found[k] = found[k] || later[k].uses(in.Op)
			}
		}
	}
	multi := slices.ContainsFunc(m.Types, func(t FuncType) bool { return len(t.Results) > 1 })
	var all []string
	for k, yes := range found {
		if yes || multi && later[k].name == "multi-value" {
			all = append(all, later[k].name)
		}
	}
	return all
}
