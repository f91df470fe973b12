package grow

import (
	"encoding/json"
	"reflect"
	"testing"
)

type decodedPart struct {
	ID   string            `json:"id"`
	Code *int              `json:"code,omitempty"`
	More map[string]string `json:"more,omitzero"`
}

type decoded struct {
	ID    string          `json:"id"`
	Kg    float64         `json:"kg"`
	Parts []decodedPart   `json:"parts,omitzero"`
	By    decodedForms    `json:"by"`
	Any   json.RawMessage `json:"any,omitempty"`
	Plain string
	decodedUnder
}

type decodedUnder struct {
	Under string `json:"under"`
}

// decodedForms is in one of its forms, as grow types writes it.
type decodedForms struct {
	Card *decodedCard
	Iban *decodedIban
}

type decodedCard struct {
	Kind   string `json:"kind"`
	Number string `json:"number"`
}

type decodedIban struct {
	Kind string `json:"kind"`
	Iban string `json:"iban"`
}

func (u *decodedForms) UnmarshalJSON(data []byte) error {
	var form struct {
		Tag string `json:"kind"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	if form.Tag == "card" {
		u.Card = new(decodedCard)
		return json.Unmarshal(data, u.Card)
	}
	u.Iban = new(decodedIban)
	return json.Unmarshal(data, u.Iban)
}

// TestDecode: a field is read by its name as it stands, since that is what the host has checked.
func TestDecode(t *testing.T) {
	for data, want := range map[string]string{
		`{"id":"a","kg":2}`:                                    `{"id":"a","kg":2}`,
		`{"id":"a","kg":2,"ID":"b","Kg":9,"KG":9}`:             `{"id":"a","kg":2}`,
		`{"ID":"b","id":"a"}`:                                  `{"id":"a"}`,
		`{"\u0049D":"b"}`:                                      `{}`,
		`{"\u212Ag":9}`:                                        `{}`,
		`{"id":"ID","kg":1,"x":"ID\":"}`:                       `{"id":"ID","kg":1}`,
		`{"parts":[{"id":"a","Id":"b","CODE":7}]}`:             `{"parts":[{"id":"a"}]}`,
		`{"parts":[{"id":"a","code":7,"more":{"ID":"x"}}]}`:    `{"parts":[{"id":"a","code":7,"more":{"ID":"x"}}]}`,
		`{"by":{"kind":"card","KIND":"iban","Number":"1"}}`:    `{"by":{"kind":"card"}}`,
		`{"by":{"kind":"iban","iban":"1","IBAN":"2"}}`:         `{"by":{"kind":"iban","iban":"1"}}`,
		`{"any":{"ID":1},"ANY":2}`:                             `{"any":{"ID":1}}`,
		`{"plain":"a","under":"b","UNDER":"c"}`:                `{"Plain":"a","under":"b"}`,
		`{"Parts": [{}], "unknown" : {"kg":"<&>"}, "id": "a"}`: `{"id":"a"}`,
	} {
		var got, wanted decoded
		if err := decode([]byte(data), &got); err != nil {
			t.Errorf("%s: %v", data, err)
			continue
		}
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: %+v, want %+v", data, got, wanted)
		}
	}
	for _, data := range []string{``, `{`, `{"ID`, `{"ID":`, `{"ID\`, `[]`, `{"ID":1}{`, `"x"`} {
		var got, wanted decoded
		err, want := decode([]byte(data), &got), json.Unmarshal([]byte(data), &wanted)
		if (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", data, err, want)
		}
	}
	var upper struct {
		ID  string `json:"id"`
		Sub struct {
			ID string `json:"ID"`
		} `json:"sub"`
	}
	if err := decode([]byte(`{"ID":"x","sub":{"ID":"a","id":"b"},"id":"c"}`), &upper); err != nil || upper.ID != "c" || upper.Sub.ID != "a" {
		t.Errorf("%+v, %v", upper, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"a","ID":"b","parts":[{"Id":{}}],"by":{"kind":"card","more":["\\"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v decoded
		if err := decode(data, &v); err == nil && !json.Valid(data) {
			t.Errorf("%q was decoded", data)
		}
		if namesUnder(reflect.TypeFor[*decoded]()).doubtful(data) && json.Valid(data) && !json.Valid(exactly([]reflect.Type{reflect.TypeFor[*decoded]()}, data)) {
			t.Errorf("%q became no JSON", data)
		}
	})
}
