//go:build !race

package main

// raced is how many times as much memory a child may hold at its end.
const raced = 1
