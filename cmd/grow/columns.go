package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// columnsDefault is how wide lines are where nothing says how wide they may be.
const columnsDefault = 80

// columns is how wide w is: what COLUMNS says, the terminal's width, or 80.
func columns(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return columnsDefault
}
