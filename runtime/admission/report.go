package admission

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// Report says all there is to say of a module, to people and programs. Text in it
// that comes from the module is fit to be shown.
type Report struct {
	OK     bool    `json:"ok"`
	Size   int64   `json:"size"`
	Digest string  `json:"digest"` // sha256:<64 hex digits>; "" of a file that is too large
	Faults []Fault `json:"faults"`

	Name      string          `json:"name,omitempty"` // that the module has of itself
	Runtime   string          `json:"runtime,omitempty"`
	Producers []wasm.Producer `json:"producers"`
	Targets   []string        `json:"target_features"`
	Features  []string        `json:"features"` // used, that core 1.0 did not have
	Sections  []SectionInfo   `json:"sections"`

	// What follows is empty when the module is not valid.
	Exports   []ExportInfo `json:"exports"`
	Imports   []ImportInfo `json:"imports"`
	Memory    *Bounds      `json:"memory"` // bytes
	Tables    []Bounds     `json:"tables"` // elements
	Functions int          `json:"functions"`
	Globals   int          `json:"globals"`
	Start     bool         `json:"start"` // has a start function
	Data      Amount       `json:"data"`
	Near      []Near       `json:"near"`
}

// Fault is one reason why a module is refused.
type Fault struct {
	Code    string `json:"code"` // of an engine.Error
	Message string `json:"message"`
	At      *int   `json:"at,omitempty"`    // offset into the file
	Where   string `json:"where,omitempty"` // function 5 (main), section type
	Next    string `json:"next"`            // what to do
}

// SectionInfo is a section of a binary. Size is without its header.
type SectionInfo struct {
	Name string `json:"name"`
	At   int    `json:"at"`
	Size int    `json:"size"`
}

// ExportInfo is an export, or one that the ABI wants and there is not.
type ExportInfo struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Type string `json:"type,omitempty"`
	// ABI is ok, missing or wrong, and empty for what the ABI does not know.
	ABI  string `json:"abi,omitempty"`
	Want string `json:"want,omitempty"` // the type it must have
}

// ImportInfo is an import. Reason says why it is not granted.
type ImportInfo struct {
	Module  string `json:"module"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Type    string `json:"type,omitempty"`
	Granted bool   `json:"granted"`
	Reason  string `json:"reason,omitempty"`
}

// Bounds are how large something is at the start and at most; Max is -1 when
// the module does not say.
type Bounds struct {
	Elem string `json:"elem,omitempty"`
	Min  int64  `json:"min"`
	Max  int64  `json:"max"`
}

// Amount is how much data there is.
type Amount struct {
	Segments int `json:"segments"`
	Bytes    int `json:"bytes"`
}

// NearPercent is from where on a limit is said to be near.
const NearPercent = 50

// Near is a limit that the module comes near to.
type Near struct {
	Limit   string `json:"limit"`
	Found   int    `json:"found"`
	Max     int    `json:"max"`
	Percent int    `json:"percent"`
}

// Describe says all there is to say of a module.
func Describe(binary []byte) *Report {
	sum := sha256.Sum256(binary)
	r := blank(int64(len(binary)))
	r.Digest = "sha256:" + hex.EncodeToString(sum[:])
	m, err := wasm.Decode(binary)
	if err != nil {
		r.Faults = append(r.Faults, fault(err))
		m = &wasm.Module{Binary: binary, Sections: wasm.Outline(binary)}
	}
	r.made(m)
	if err != nil {
		return r
	}
	for _, e := range Check(m) {
		r.Faults = append(r.Faults, Fault{Code: e.Code, Message: e.Reason, Next: Next(e)})
	}
	if len(r.Faults) == 0 && !thin.Is(m) {
		if _, err := Meter(m); err != nil {
			r.Faults = append(r.Faults, fault(err))
		}
	}
	r.OK = len(r.Faults) == 0
	r.holds(m)
	return r
}

// TooLarge says of a file that it has more bytes than a module may have.
func TooLarge(size int64) *Report {
	r := blank(size)
	e := &wasm.Error{Code: wasm.CodeLimit, Reason: fmt.Sprintf("the file has %d bytes; a module may have %d", size, wasm.BinaryMax)}
	r.Faults = append(r.Faults, fault(e))
	return r
}

// blank is a report that says nothing yet: what is empty in it is a list in JSON.
func blank(size int64) *Report {
	return &Report{
		Size: size, Faults: []Fault{}, Producers: []wasm.Producer{}, Targets: []string{}, Features: []string{}, Sections: []SectionInfo{},
		Exports: []ExportInfo{}, Imports: []ImportInfo{}, Tables: []Bounds{}, Near: []Near{},
	}
}

func fault(err error) Fault {
	var e *wasm.Error
	if !errors.As(err, &e) {
		return Fault{Code: engine.CodeInvalid, Message: err.Error(), Next: nexts[engine.CodeInvalid]}
	}
	at := e.At
	return Fault{Code: e.Code, Message: e.Reason, At: &at, Where: e.Where, Next: Next(Decoded(e))}
}

// made says what the sections tell of themselves: they need not be valid.
func (r *Report) made(m *wasm.Module) {
	for i := range m.Sections {
		s := &m.Sections[i]
		r.Sections = append(r.Sections, SectionInfo{Name: s.Title(), At: s.At, Size: s.End - s.Start})
	}
	r.Producers = append(r.Producers, m.Producers()...)
	r.Targets = append(r.Targets, m.TargetFeatures()...)
	if of := m.Customs(thin.SectionRuntime); len(of) > 0 {
		r.Runtime = wasm.Safe(string(of[0][:min(len(of[0]), wasm.SafeMax+1)]))
	}
}

// holds says what is in a valid module.
func (r *Report) holds(m *wasm.Module) {
	names := m.Names()
	r.Name = names.Module
	r.Features = append(r.Features, m.Features()...)
	r.exports(m)
	for i := range m.Imports {
		im := &m.Imports[i]
		info := ImportInfo{Module: wasm.Safe(im.Module), Name: wasm.Safe(im.Name), Kind: kinds[im.Kind], Type: typeOf(m, im.Kind, im.Index)}
		if e := Import(m, im); e != nil {
			info.Reason = e.Reason
		}
		info.Granted = info.Reason == ""
		r.Imports = append(r.Imports, info)
	}
	for _, memory := range m.Memories {
		r.Memory = &Bounds{Min: memory.Min * pageSize, Max: memory.Max}
		if memory.Max >= 0 {
			r.Memory.Max *= pageSize
		}
	}
	for _, t := range m.Tables {
		r.Tables = append(r.Tables, Bounds{Elem: t.Elem.String(), Min: t.Min, Max: t.Max})
	}
	r.Functions, r.Globals, r.Start = len(m.Funcs), len(m.Globals), m.Start >= 0
	r.Data.Segments = len(m.Data)
	for _, d := range m.Data {
		r.Data.Bytes += d.Size
	}
	for _, u := range m.Usage() {
		if percent := u.Found * 100 / u.Max; percent >= NearPercent {
			r.Near = append(r.Near, Near{Limit: u.What, Found: u.Found, Max: u.Max, Percent: percent})
		}
	}
}

// pageSize is the bytes of a page of linear memory.
const pageSize = 64 << 10

// exports lists those of the ABI first, and those that are missing.
func (r *Report) exports(m *wasm.Module) {
	shown := map[*wasm.Export]bool{}
	memory := find(m, ExportMemory, wasm.KindMemory)
	info := ExportInfo{Name: ExportMemory, Kind: kinds[wasm.KindMemory], ABI: "missing"}
	if memory != nil {
		shown[memory], info.ABI = true, "ok"
	}
	r.Exports = append(r.Exports, info)
	for i := range Exports {
		want := &Exports[i]
		e := find(m, want.Name, wasm.KindFunc)
		info := ExportInfo{Name: want.Name, Kind: kinds[wasm.KindFunc], Type: want.Type.String(), ABI: "missing"}
		switch {
		case e == nil && want.Optional:
			continue
		case e != nil:
			shown[e], info.ABI, info.Type = true, "ok", m.TypeOf(e.Index).String()
			if exported(m, want) != nil {
				info.ABI, info.Want = "wrong", want.Type.String()
			}
		}
		r.Exports = append(r.Exports, info)
	}
	for i := range m.Exports {
		if e := &m.Exports[i]; !shown[e] {
			r.Exports = append(r.Exports, ExportInfo{Name: wasm.Safe(e.Name), Kind: kinds[e.Kind], Type: typeOf(m, e.Kind, e.Index)})
		}
	}
}

// typeOf is the type of what there is at an index, written out.
func typeOf(m *wasm.Module, k wasm.Kind, index int) string {
	switch k {
	case wasm.KindFunc:
		return m.TypeOf(index).String()
	case wasm.KindTable:
		return m.Tables[index].Elem.String()
	case wasm.KindGlobal:
		if g := m.Globals[index]; g.Mutable {
			return "mutable " + g.Type.String()
		}
		return m.Globals[index].Type.String()
	}
	return fmt.Sprintf("%d pages", m.Memories[index].Min)
}
