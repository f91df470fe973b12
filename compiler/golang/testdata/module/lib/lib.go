// Package lib is another module beside the actor's.
package lib

// Due is what is left to pay.
func Due(total float64) float64 { return total * 0.9 }
