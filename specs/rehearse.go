package specs

import "github.com/grow-platform/grow/specs/schema"

// rehearse reads how a new revision is rehearsed; what has another form the schema reports.
func rehearse(n *schema.Node) Rehearse {
	r := Rehearse{Last: int(n.Get("last").Int()), Ignore: n.Get("ignore").Texts(), Unordered: n.Get("unordered").Bool()}
	if near := n.Get("near"); near != nil {
		r.Near = map[string]float64{}
		for _, f := range near.Fields {
			r.Near[f.Key] = f.Value.Float()
		}
	}
	return r
}
