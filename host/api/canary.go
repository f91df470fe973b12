package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/runtime/canary"
)

// Trial is a deployment that is tried on a share of the keys.
type Trial struct {
	Deployment int           `json:"deployment" doc:"its number"`
	By         string        `json:"by"`
	Began      time.Time     `json:"began"`
	Plan       canary.Plan   `json:"plan"`
	Step       int           `json:"step" doc:"index in the plan"`
	Share      float64       `json:"share" doc:"of the keys that it handles, from 0 to 1"`
	Left       time.Duration `json:"left_ns" doc:"until the next step, at least"`
	Looks      int           `json:"looks" doc:"how often both revisions were compared"`
	Fault      string        `json:"fault,omitempty" doc:"why the next step is not taken"`
	Nodes      []TrialNode   `json:"nodes" nullable:"false"`
}

// TrialNode is a node that both revisions handle messages of.
type TrialNode struct {
	Node  string `json:"node" doc:"its path; routes of PATH: where a share of the keys is sent other ways, and what becomes of that; answers of NAME: requests that come in there"`
	Actor string `json:"actor" doc:"empty for the routes of what comes into a workflow"`
	Old   Arm    `json:"old"`
	New   Arm    `json:"new"`
}

// Arm is what one of the revisions did since the trial began, or the host was started.
type Arm struct {
	Revision string        `json:"revision"`
	Handled  uint64        `json:"handled"`
	Refused  uint64        `json:"refused"`
	Failed   uint64        `json:"failed" doc:"messages whose first attempt failed"`
	Median   time.Duration `json:"median_ns" doc:"time of a message that was handled"`
	Slow     time.Duration `json:"p99_ns" doc:"99 of 100 messages took less"`
	Fuel     uint64        `json:"fuel" doc:"that a message used, the median"`
}

// Withdrawal ends a trial.
type Withdrawal struct {
	Reason string `json:"reason,omitempty" maxLength:"8192" doc:"why; it is kept with the deployment"`
}

func (a *API) canaryRoutes() {
	huma.Register(a.huma, operation("get-trial", token.Read, http.MethodGet, servicePath+"/trial", "Ask how far the trial of a deployment has come"), a.trial)
	huma.Register(a.huma, operation("end-trial", token.Deploy, http.MethodPost, servicePath+"/trial/withdraw", "End the trial of a deployment: what was live handles all keys again"), a.withdraw)
}

func (a *API) trial(ctx context.Context, q *Place) (*body[Trial], error) {
	if _, err := a.o.Documents.Last(ctx, q.service()); err != nil {
		return nil, a.fault(err)
	}
	t := a.o.Lifecycle.Trial(q.service())
	if t == nil { // who is told so looks next at what came of it
		if err := a.o.Deployer.Settled(ctx, q.service()); err != nil {
			return nil, a.fault(err)
		}
		t = a.o.Lifecycle.Trial(q.service())
	}
	if t == nil {
		return nil, a.fault(noTrial(q))
	}
	return &body[Trial]{*t}, nil
}

func noTrial(q *Place) error {
	return &control.Error{Code: control.CodeNotFound, Message: "no deployment of " + q.service().String() + " is being tried", At: q.service().String(), Next: "try one: grow swap ACTOR FILE.wasm --canary 5%"}
}

type withdrawInput struct {
	Place
	Body Withdrawal
}

func (a *API) withdraw(ctx context.Context, q *withdrawInput) (*body[deploy.Deployment], error) {
	t, err := a.o.Deployer.Trial(ctx, q.service())
	if isMissing(err) {
		err = noTrial(&q.Place)
	}
	if err != nil {
		return nil, a.fault(err)
	}
	text := "ended by " + caller(ctx).Name
	if q.Body.Reason != "" {
		text = fmt.Sprintf("%s: %s", text, q.Body.Reason)
	}
	n, err := a.o.Deployer.Settle(ctx, q.service(), t.Number, false, deploy.Check{Name: "canary", Outcome: deploy.Failed, Text: text, Took: time.Since(t.Began)})
	return &body[deploy.Deployment]{n}, a.fault(err)
}
