package shard

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// TestKeptBeforeItIsHandled: a request that is to be kept is acknowledged when it
// is in the journal, however long the handling takes that it leads to, and
// although who brings a message handles it where the module cannot wait.
func TestKeptBeforeItIsHandled(t *testing.T) {
	var gate chan struct{} // nil: nothing is held up
	service := project(def("a", nil))
	service.Version = quick
	guests := map[string]guest{"a": func(h engine.Host, _ *abi.Message) ([]sent, error) {
		if gate != nil {
			if err := h.Sleep(1); err != nil { // the lane goes on without it, as when it runs for long
				return nil, err
			}
			<-gate
		}
		return []sent{{typ: "out"}}, nil
	}}
	simulated(t, nil, service, guests, func(t *testing.T, s *Shard, _ *gated) {
		ask(t, s, &Request{To: "a"}) // so that there is an instance
		synctest.Wait()
		gate = make(chan struct{})
		told := make(chan *Flow, 1)
		go func() {
			f, err := s.Accept(context.Background(), &Request{To: "a", Type: "in", AnyReply: true, Kept: true})
			if err != nil {
				t.Error(err)
			}
			told <- f
		}()
		synctest.Wait()
		if len(told) == 0 {
			t.Error("it is in the journal, and who sent it has not been told")
		}
		close(gate)
		f := <-told
		<-f.Done()
		if a := f.Answer(); a.Outcome != Replied {
			t.Errorf("it came to %s", a.text())
		}
	})
}
