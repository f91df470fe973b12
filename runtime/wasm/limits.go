package wasm

// The limits of modules. A real one is far below each: what it is said to have is the
// most of what was found in Go programs of 14 MB, CPython, Ruby, SQLite and QuickJS.
const (
	// BinaryMax is the bytes of a module. All else that is bounded by bytes alone
	// follows from it.
	BinaryMax = 32 << 20
	// SectionsMax is the sections of a module, custom ones too. Real: 30.
	SectionsMax = 1_000
	// TypesMax is the function types of a module: a compiler makes a key of each.
	// Real: 120.
	TypesMax = 10_000
	// ParamsMax is the parameters of a function type. All of them may be on the stack
	// at each call, and compiling a call takes time for each. Real: 17.
	ParamsMax = 256
	// ResultsMax is the results of a function type. Real: 1.
	ResultsMax = 256
	// ImportsMax is the imports of a module. Real: 60; of those linked at run time, some
	// hundreds.
	ImportsMax = 10_000
	// FuncsMax is the functions of a module, imported ones too: an instance has memory
	// for each. Real: 20,000.
	FuncsMax = 100_000
	// TablesMax is the tables of a module. Real: 1.
	TablesMax = 16
	// TableMax is the elements that all tables together begin with: an instance has
	// eight bytes for each. Real: 10,000.
	TableMax = 256 << 10
	// MemoriesMax is the memories of a module, of which core 2.0 allows no more.
	MemoriesMax = 1
	// PagesMax is the pages of 64 KiB that 32 bits address.
	PagesMax = 65_536
	// GlobalsMax is the globals of a module: an instance has memory for each. Real: 8;
	// of those linked at run time, some thousands.
	GlobalsMax = 10_000
	// ExportsMax is the exports of a module. Real: 100; of CPython for extensions, 20,000.
	ExportsMax = 50_000
	// NameMax is the bytes of a name of an import, an export or a section.
	NameMax = 64 << 10
	// ElementsMax is the segments of elements of a module. Real: 1.
	ElementsMax = 10_000
	// ElementMax is the elements of all segments together. Real: 10,000.
	ElementMax = 1 << 20
	// DataMax is the segments of data of a module. Real: 98,000, of a Go program.
	DataMax = 500_000
	// BodyMax is the bytes of the body of a function: compilers take a thousand times
	// as much memory. Real: 200,000.
	BodyMax = 2 << 20
	// LocalsMax is the locals of a function, parameters too. Real: 170; some thousands
	// in code that is not optimized.
	LocalsMax = 50_000
	// LocalsTotalMax is the locals of all functions together. Real: 110,000.
	LocalsTotalMax = 8 << 20
	// NestingMax is the blocks within blocks of a function. Real: 3,300, of a Go program.
	NestingMax = 32 << 10
	// BlocksMax is the blocks, loops and ifs of a function. Real: 4,700.
	BlocksMax = 64 << 10
	// LabelsMax is the targets of one br_table. Real: 5,500, of a Go program.
	LabelsMax = 64 << 10
	// LabelsTotalMax is the targets of all br_table of a function. Real: 5,500.
	LabelsTotalMax = 128 << 10
	// WorkMax and WorkPerByte bound what grows faster than the code when it is
	// compiled: WorkMax for the module and WorkPerByte for each byte of its code
	// section. See work. Real: 25 % of it, a third when the code is not optimized.
	WorkMax     = 3_000_000
	WorkPerByte = 3
)

// limit is one of the limits, for those who count.
type limit int

const (
	limitBinary limit = iota
	limitSections
	limitTypes
	limitParams
	limitResults
	limitImports
	limitFuncs
	limitTables
	limitTable
	limitMemories
	limitGlobals
	limitExports
	limitName
	limitElements
	limitElement
	limitData
	limitBody
	limitLocals
	limitLocalsTotal
	limitNesting
	limitBlocks
	limitLabels
	limitLabelsTotal
	limitWork
	limitsEnd
)

// limits are what people are told of each.
var limits = [limitsEnd]struct {
	what string
	max  int
}{
	limitBinary:      {"bytes of the module", BinaryMax},
	limitSections:    {"sections", SectionsMax},
	limitTypes:       {"function types", TypesMax},
	limitParams:      {"parameters of a function type", ParamsMax},
	limitResults:     {"results of a function type", ResultsMax},
	limitImports:     {"imports", ImportsMax},
	limitFuncs:       {"functions", FuncsMax},
	limitTables:      {"tables", TablesMax},
	limitTable:       {"elements of all tables at the start", TableMax},
	limitMemories:    {"memories", MemoriesMax},
	limitGlobals:     {"globals", GlobalsMax},
	limitExports:     {"exports", ExportsMax},
	limitName:        {"bytes of a name", NameMax},
	limitElements:    {"segments of elements", ElementsMax},
	limitElement:     {"elements of all segments", ElementMax},
	limitData:        {"segments of data", DataMax},
	limitBody:        {"bytes of the body of a function", BodyMax},
	limitLocals:      {"locals of a function", LocalsMax},
	limitLocalsTotal: {"locals of all functions", LocalsTotalMax},
	limitNesting:     {"blocks within blocks", NestingMax},
	limitBlocks:      {"blocks of a function", BlocksMax},
	limitLabels:      {"targets of a br_table", LabelsMax},
	limitLabelsTotal: {"targets of all br_table of a function", LabelsTotalMax},
	limitWork:        {"estimated microseconds of compiling beyond what is usual", WorkMax},
}

// Usage is how near a module comes to a limit.
type Usage struct {
	What       string // blocks of a function
	Found, Max int
}

// Usage says for each limit how much of it the module uses, the limits on what
// there can be one of only left out.
func (m *Module) Usage() []Usage {
	var all []Usage
	for l, found := range m.peaks {
		if limit(l) == limitMemories {
			continue
		}
		u := Usage{What: limits[l].what, Found: found, Max: limits[l].max}
		if limit(l) == limitWork {
			u.Max = m.workMax()
		}
		all = append(all, u)
	}
	return all
}
