package wasm

// The limits of modules.
const (
	PagesMax       = 65536     // pages of 64 KiB that a memory can have
	BinaryMax      = 32 << 20  // bytes of a module
	SectionsMax    = 10_000    // sections of a module
	TypesMax       = 100_000   // function types of a module
	ParamsMax      = 256       // parameters of a function type
	ResultsMax     = 256       // results of a function type
	ImportsMax     = 20_000    // imports of a module
	FuncsMax       = 200_000   // functions of a module, imported ones too
	TablesMax      = 16        // tables of a module
	TableMax       = 1_000_000 // elements that a table begins with
	MemoriesMax    = 1         // memories of a module
	GlobalsMax     = 50_000    // globals of a module
	ExportsMax     = 50_000    // exports of a module
	NameMax        = 64 << 10  // bytes of a name
	ElementsMax    = 50_000    // segments of elements of a module
	ElementMax     = 2_000_000 // elements of all segments
	DataMax        = 100_000   // segments of data of a module
	LocalsMax      = 50_000    // locals of a function, parameters too
	LocalsTotalMax = 20_000_000
	NestingMax     = 20_000  // blocks within blocks of a function
	BodyMax        = 8 << 20 // bytes of the body of a function
	LabelsMax      = 65_536  // targets of one br_table
	LabelsTotalMax = 1 << 20 // targets of all br_table of a function
	BlocksMax      = 100_000 // blocks, loops and ifs of a function
)
