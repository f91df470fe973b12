package shard

import (
	"context"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// KeptStates are the states of keys as a journal holds them, for who reads it with
// no shard beside it. It belongs to one goroutine.
type KeptStates struct {
	journal journal.Journal
	world   *fold.World
}

// ReadStates works out which states a journal holds. It changes nothing.
func ReadStates(ctx context.Context, j journal.Journal) (*KeptStates, error) {
	w, _, err := recoverWorld(ctx, j, func(uint64, int64) {})
	if err != nil {
		return nil, err
	}
	return &KeptStates{j, w}, nil
}

// GetState gives the values of a key at a node by name, empty when it has none.
func (k *KeptStates) GetState(ctx context.Context, node, key string) (map[string]capability.Value, error) {
	values, err := k.world.State(fold.Cell{Node: node, Key: key}, k.page(ctx))
	return stateOf(values), err
}

// ListStates lists the keys of a node that have state, as [Shard.ListStates] does.
func (k *KeptStates) ListStates(ctx context.Context, f *StateFilter) ([]KeyState, error) {
	list := keyList{filter: f}
	for i := 0; ; i++ {
		cells, more, err := k.world.PageCells(i, k.page(ctx))
		if err != nil {
			return nil, err
		}
		if !more {
			return list.first(), nil
		}
		list.cells(cells)
	}
}

func (k *KeptStates) page(ctx context.Context) func(digest string) (fold.Cells, error) {
	return func(digest string) (fold.Cells, error) {
		cells, _, err := readPage(ctx, k.journal, digest)
		return cells, err
	}
}
