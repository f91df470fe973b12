package wazero

import "github.com/grow-platform/grow/runtime/admission"

// admit is what a binary passes before wazero sees it, and returns what wazero
// is to compile. Here, and nowhere else, belongs every check and every rewriting
// of modules.
func admit(b []byte) ([]byte, error) {
	m, err := admission.Decode(b)
	if err != nil {
		return nil, err
	}
	metered, err := admission.Meter(m)
	if err != nil {
		return nil, err
	}
	return metered.Binary, nil
}
