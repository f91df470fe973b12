package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs/graph"
)

// Graph is who sends to whom in a service that runs.
type Graph struct {
	Nodes []GraphNode `json:"nodes" nullable:"false"`
	Edges []GraphEdge `json:"edges" nullable:"false"`
}

// GraphNode is an endpoint, an actor in its place, or a place of a workflow.
type GraphNode struct {
	ID       string `json:"id" doc:"endpoint, or path as in the status: checkout/pricing"`
	Kind     string `json:"kind" enum:"endpoint,actor,input,output,drop,deadletter"`
	Name     string `json:"name" doc:"what it is called where it stands"`
	Actor    string `json:"actor,omitempty" doc:"that fills it"`
	Workflow string `json:"workflow,omitempty" doc:"path of the workflow that it is in"`
	At       string `json:"at,omitempty" doc:"file:line:col that says so"`
}

// GraphEdge is a route for some types of message.
type GraphEdge struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Types []string `json:"types" nullable:"false" doc:"that go this way"`
	When  string   `json:"when,omitempty" doc:"rule; none for always"`
	Else  bool     `json:"else,omitempty" doc:"takes what rules before it have left"`
	Count uint64   `json:"count" doc:"messages that went this way since the service started to run"`
}

func (a *API) graphRoutes() {
	huma.Register(a.huma, operation("get-graph", token.Read, http.MethodGet, servicePath+"/graph", "Tell who sends to whom in a service that runs"), a.graph)
}

func (a *API) graph(ctx context.Context, q *Place) (*body[Graph], error) {
	s := q.service()
	g, passed := a.o.Graph(s)
	if g == nil {
		return nil, a.fault(a.idle(ctx, s))
	}
	return &body[Graph]{graphOf(g, passed)}, nil
}

func graphOf(g *graph.Graph, passed map[router.Edge]uint64) Graph {
	out := Graph{Nodes: make([]GraphNode, 0, len(g.Nodes)), Edges: make([]GraphEdge, 0, len(g.Edges))}
	for _, n := range g.Nodes {
		at := ""
		if n.At.File != "" {
			at = fmt.Sprintf("%s:%d:%d", n.At.File, n.At.Line, n.At.Col)
		}
		out.Nodes = append(out.Nodes, GraphNode{n.ID, string(n.Kind), n.Name, n.Actor, n.Cluster, at})
	}
	for _, e := range g.Edges {
		edge := GraphEdge{From: e.From, To: e.To, Types: e.Types, When: e.When, Else: e.Else}
		for _, t := range e.Types {
			edge.Count += passed[router.Edge{From: e.From, To: e.To, When: e.When, Type: t}]
		}
		out.Edges = append(out.Edges, edge)
	}
	return out
}
