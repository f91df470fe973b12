package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs/graph"
)

// graphs are those of the service that runs in tests.
func graphs(s documents.Service) (*graph.Graph, map[router.Edge]uint64) {
	if s.String() != "main/shop" {
		return nil, nil
	}
	return &graph.Graph{
			Nodes: []*graph.Node{
				{ID: "POST /", Kind: graph.Endpoint, Name: "POST /", At: graph.Place{File: "grow.yaml", Line: 3, Col: 2}},
				{ID: "checkout/price", Kind: graph.Actor, Name: "price", Actor: "pricing", Cluster: "checkout"},
			},
			Edges: []*graph.Edge{{From: "POST /", To: "checkout/price", Types: []string{"order.placed", "order.changed"}, When: "data.total > 1.0", Else: true}},
		}, map[router.Edge]uint64{
			{From: "POST /", To: "checkout/price", When: "data.total > 1.0", Type: "order.placed"}: 3, {From: "POST /", To: "checkout/price", When: "data.total > 1.0", Type: "order.changed"}: 4,
			{From: "POST /", To: "checkout/price", Type: "order.placed"}: 50,
		}
}

func TestGraph(t *testing.T) {
	h := newHost(t)
	var got Graph
	if status, text := h.ask(h.reader, http.MethodGet, shop+"/graph", nil, &got); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	want := Graph{
		Nodes: []GraphNode{
			{ID: "POST /", Kind: "endpoint", Name: "POST /", At: "grow.yaml:3:2"},
			{ID: "checkout/price", Kind: "actor", Name: "price", Actor: "pricing", Workflow: "checkout"},
		},
		Edges: []GraphEdge{{From: "POST /", To: "checkout/price", Types: []string{"order.placed", "order.changed"}, When: "data.total > 1.0", Else: true, Count: 7}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if status, text := h.ask(h.reader, http.MethodGet, strings.Replace(shop, "shop", "none", 1)+"/graph", nil, nil); status != 404 || !strings.Contains(text, "no service main/none that runs") {
		t.Errorf("of one that does not run: %d %s", status, text)
	}
	if status, _ := h.ask(h.elsewhere, http.MethodGet, shop+"/graph", nil, nil); status != 404 {
		t.Errorf("for a token of another namespace: %d", status)
	}
}
