// Command document prints the OpenAPI document of the control API, which the types of
// the console are made from: no host need run for it.
package main

import (
	"fmt"
	"os"

	"github.com/grow-platform/grow/host/api"
)

func main() {
	doc, err := api.New(api.Options{}).OpenAPI()
	if err == nil {
		_, err = os.Stdout.Write(append(doc, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "print the OpenAPI document:", err)
		os.Exit(1)
	}
}
