package crash

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// linearMax is how long porcupine may take for the histories of a round. Where
// each line stands is known from the book, so a history is decided quickly.
const linearMax = 60 * time.Second

// page is the state of a key in the model: how many lines, and their sum.
type page struct {
	lines int
	sum   string
}

// step is what an operation does in the model. A put becomes line n; a reading
// has seen lines and sum; begin sets what the round found.
type step struct {
	begin, read bool
	id          string
	n           int
	page
}

var model = porcupine.Model{
	Init: func() any { return page{} },
	Step: func(state, input, _ any) (bool, any) {
		before, s := state.(page), input.(step)
		switch {
		case s.begin:
			return true, s.page
		case s.read:
			return before == s.page, before
		}
		return s.n == before.lines+1, page{before.lines + 1, fold(before.sum, s.id)}
	},
}

// CheckLinear holds the history of each key against a book that is written and
// read at one place: each operation happens at one moment between its call and
// its answer. What was not answered, or only accepted, may happen at any time
// after its call; what is in no book has not happened.
func CheckLinear(books *Books, known Known, ops []*Op) error {
	histories := map[string][]porcupine.Operation{}
	at := map[string]int{}
	for key, b := range books.Ledger {
		begin := step{begin: true}
		for _, line := range known[key] {
			begin.page = page{begin.lines + 1, fold(begin.sum, line.ID)}
		}
		histories[key] = []porcupine.Operation{{Input: begin, Call: -2, Return: -1}}
		for n, line := range b.Lines {
			at[line.ID] = n + 1
		}
	}
	for client, op := range ops {
		o := porcupine.Operation{ClientId: client, Call: op.Start, Return: never, Input: step{id: op.ID, n: at[op.ID]}}
		switch {
		case op.Read && op.Status != 200, !op.Read && at[op.ID] == 0:
			continue
		case op.Read:
			o.Input, o.Return = step{read: true, page: page{op.Lines, op.Sum}}, op.End
		case !op.Leave && op.Status == 200:
			o.Return = op.End
		}
		histories[op.Key] = append(histories[op.Key], o)
	}
	var f faults
	end := time.Now().Add(linearMax)
	for key, history := range histories {
		if result := porcupine.CheckOperationsTimeout(model, history, max(time.Second, time.Until(end))); result != porcupine.Ok {
			f.add("%s: the history of %d operations is not linearizable: porcupine says %s", key, len(history), result)
		}
	}
	if err := f.join(); err != nil {
		return fmt.Errorf("linearizability: %w", err)
	}
	return nil
}
