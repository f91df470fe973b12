module example.com/actor

go 1.24

require (
	example.com/lib v0.0.0
	github.com/grow-platform/grow/sdk/go v0.1.0
)

replace example.com/lib => ../lib
